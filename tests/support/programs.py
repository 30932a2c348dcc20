"""A program of the project under test, run as users run it: in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from .processes import descendants
from .waiting import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]


class Program:
    """A running program: its output goes to a file, it leads a process group, and `close` leaves nothing of it.

    `arguments` follow the running interpreter: `Program(["-m", "understudy", "--help"], tmp_path)`. Modules of
    `directory`, where it runs, and of `tests` can be imported.
    """

    def __init__(self, arguments: Sequence[str], directory: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log = directory / f"program-{os.urandom(4).hex()}.log"
        path = os.pathsep.join([str(directory), str(ROOT)])
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=directory,
                env={**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def output(self) -> str:
        """What it has printed so far, errors included."""
        return self._log.read_text(errors="replace")

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for its end and return its exit status (minus the signal's number where one ended it)."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the program still runs after {timeout} s; its output:\n{self.output}") from None

    def wait_for_output(self, text: str, timeout: float = PATIENCE) -> None:
        """Wait until it has printed `text`."""
        wait_until(lambda: text in self.output or not self.running, timeout, what=f"{text!r} in the program's output")
        assert text in self.output, f"the program ended without {text!r}; its output:\n{self.output}"

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the program alone, not to its children."""
        self._process.send_signal(number)

    def kill(self) -> None:
        """End the program alone by SIGKILL; its children see to themselves."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Kill it with everything that descends from it."""
        for pid in (*descendants(self.pid), self.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()
