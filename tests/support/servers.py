"""A server of our own: an installed program on a free port, with its data in a temporary directory."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest

from .ports import free_port
from .processes import SHARED, descendants, is_running
from .waiting import wait_until


class Server(ABC):
    """A server that a test may stop, kill, pause and start again; port and data stay the same throughout.

    Usable as a context manager, which starts and closes it. It runs in a process group of its own, so that signals
    reach its helpers too.
    """

    binary: str
    """Name or path of the program."""
    package: str
    """The Debian package that brings it."""
    start_timeout = 30.0
    stop_timeout = 20.0

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url}>"

    @classmethod
    def require(cls) -> str:
        """Return the path of the program; skip the test where it is not installed."""
        path = shutil.which(cls.binary)
        if path is None:
            pytest.skip(f"{cls.binary} is not installed (Debian: apt-get install {cls.package})")
        return path

    @property
    @abstractmethod
    def url(self) -> str:
        """The address for clients."""

    @property
    def log(self) -> str:
        """What the server has printed so far."""
        path = self.directory / "output.log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start it unless it runs, and wait until it serves."""
        if self.running:
            return
        self.directory.mkdir(parents=True, exist_ok=True)
        command = self.command(self.require())
        with (self.directory / "output.log").open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=self.directory,
                env={**os.environ, **self.environment(), **SHARED},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            wait_until(self._ready_or_dead, self.start_timeout, what=f"start of {self.binary}", interval=0.02)
        except AssertionError:
            self.kill()
            raise
        assert self.running, f"{self.binary} ended at its start:\n{self.log[-2000:]}"

    def stop(self) -> None:
        """End it in good order and wait for that; kill it where it takes too long."""
        if self._process is None:
            return
        self.resume()
        group = self._members()
        self._process.terminate()
        try:
            self._process.wait(self.stop_timeout)
        except subprocess.TimeoutExpired:
            self.kill()
        self._wait_for_end(group)

    def kill(self) -> None:
        """End it by SIGKILL and wait until it is gone."""
        group = self._members()
        self._signal(signal.SIGKILL)
        self._wait_for_end(group)

    def restart(self) -> None:
        """Stop and start it."""
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on after `pause`."""
        self._signal(signal.SIGCONT)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Freeze it for the length of a block."""
        self.pause()
        try:
            yield
        finally:
            self.resume()

    def close(self) -> None:
        """End it for good."""
        self.kill()

    @abstractmethod
    def command(self, program: str) -> Sequence[str]:
        """Return the arguments that run it in the foreground."""

    @abstractmethod
    def ready(self) -> bool:
        """Tell whether it serves."""

    def environment(self) -> dict[str, str]:
        """Return the variables that it needs beside ours."""
        return {}

    def _ready_or_dead(self) -> bool:
        return not self.running or self.ready()

    def _members(self) -> set[int]:
        return {self._process.pid, *descendants(self._process.pid)} if self._process is not None else set()

    def _wait_for_end(self, members: set[int]) -> None:
        """Wait for helpers too: as long as one of them holds the port, the next start would look done at once."""
        if self._process is not None:
            self._process.wait()
        wait_until(lambda: not any(map(is_running, members)), what=f"end of {self.binary}")

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self.running:
            os.killpg(self._process.pid, number)
