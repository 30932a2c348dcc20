"""`WriterProcess`: a writer that this process has started."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ..api import DEAD_LETTER_EXPIRES
from ..errors import StoreUnusable
from ..forking import in_forked_child
from .frames import make_error
from .sqlite.file import Durability


@dataclass(frozen=True, slots=True)
class WriterState:
    """What a writer has last told: `standby`, `serving`, or that it has `ended`, with the error where it told one."""

    name: str
    error: Exception | None = None


class WriterProcess:
    """A writer process of this process's own: it ends when this process does, however that ends.

    `fileno` can be read when there is news, which `news` returns: a supervisor gives it to its dispatcher. The writer
    is a plain program that inherits nothing but its standard streams.
    """

    def __init__(
        self, path: Path, durability: Durability, lease: float, dead_letter_expires: float = DEAD_LETTER_EXPIRES
    ) -> None:
        options = [
            f"--durability={durability.name}",
            f"--lease={lease}",
            f"--dead-letter-expires={dead_letter_expires}",
            "--with-parent",
        ]
        command = [sys.executable, "-P", "-m", f"{__package__}.writer", str(path), *options]
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=_environment(), bufsize=0
            )
        except OSError as error:
            raise StoreUnusable(f"the embedded broker's writer cannot be started: {error}") from error
        assert self._process.stdout is not None
        self._out = self._process.stdout.fileno()
        self._heard = b""
        self._error: Exception | None = None
        os.set_blocking(self._out, False)
        in_forked_child(self, WriterProcess._close)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def fileno(self) -> int:
        """Return a file descriptor that can be read when there is news."""
        return self._out

    def news(self) -> list[WriterState]:
        """Return what the writer has told since the last call, its end as the last; never blocks."""
        states: list[WriterState] = []
        ended = self._listen()
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            name, _, failure = line.decode().partition(" ")
            if name == "failed":
                self._error = make_error(json.loads(failure))
            else:
                states.append(WriterState(name))
        if ended:
            states.append(WriterState("ended", self._error))
        return states

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the writer's end and return its exit status; raises `subprocess.TimeoutExpired`."""
        return self._process.wait(timeout)

    def stop(self, grace: float = 5.0) -> None:
        """End the writer: by SIGTERM, after `grace` seconds by SIGKILL. It answers what it was asked before it goes."""
        self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._close()

    def _listen(self) -> bool:
        """Take in what the writer has written; True at its end."""
        try:
            while chunk := os.read(self._out, 4096):
                self._heard += chunk
        except BlockingIOError:
            return False
        return True

    def _close(self) -> None:
        """Close this process's ends of the pipes: a forked child's would keep the writer from seeing its node's end."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


def _environment() -> dict[str, str]:
    """Return an environment in which this package can be imported, wherever it lies."""
    root = Path(__file__).absolute().parents[3]
    paths = [str(root), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
