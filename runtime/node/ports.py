"""The ports of a node: what stands between its actors and processes. A simulation brings its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from ..pool.process import Finished, Remains

if TYPE_CHECKING:
    from ...actors import Completion
    from ...actors.hosts.api import IO
    from ..pool.packets import Job
    from ..pool.process import PoolProcess


class Process(Protocol):
    """A pool process as its slot sees it; see `PoolProcess` for what each part promises."""

    pid: int
    ready: Completion[None]

    @property
    def load(self) -> int: ...
    @property
    def current(self) -> Job | None: ...
    def send(self, job: Job) -> bool: ...
    def take_back(self) -> list[Job]: ...
    def retire(self) -> list[Job]: ...
    def kill(self) -> None: ...
    def reap(self) -> Completion[int | None]: ...
    def bury(self) -> Remains: ...
    def listen(self) -> None:
        """Report what it has answered by now at once, rather than when that is noticed."""
        ...

    def watch(self, answered: Callable[[list[Finished]], object], gone: Callable[[], object]) -> None:
        """Call `answered` with what it has finished, and `gone` once, when it has exited."""
        ...


class WatchedProcess:
    """A pool process whose descriptors are watched by the slot's dispatcher."""

    def __init__(self, process: PoolProcess, io: IO) -> None:
        self._process = process
        self._io = io
        self._answered: Callable[[list[Finished]], object] = lambda _: None
        self.pid: int = process.pid
        self.ready: Completion[None] = process.ready
        self.take_back: Callable[[], list[Job]] = process.take_back
        self.retire: Callable[[], list[Job]] = process.retire
        self.kill: Callable[[], None] = process.kill
        self.reap: Callable[[], Completion[int | None]] = process.reap

    def send(self, job: Job) -> bool:
        """See `PoolProcess.send`."""
        return self._process.send(job)

    @property
    def load(self) -> int:
        """How many jobs it has not answered."""
        return self._process.load

    @property
    def current(self) -> Job | None:
        """See `PoolProcess.current`."""
        return self._process.current

    def listen(self) -> None:
        """See `Process`."""
        finished = self._process.receive()
        if finished:
            self._answered(finished)

    def watch(self, answered: Callable[[list[Finished]], object], gone: Callable[[], object]) -> None:
        """See `Process`."""
        process, io = self._process, self._io
        self._answered = answered

        def exited() -> None:
            self.unwatch()
            gone()

        io.add_reader(process.fileno(), self.listen)
        io.add_reader(process.sentinel.fileno(), exited)

    def unwatch(self) -> None:
        """Look at it no more."""
        self._io.remove_reader(self._process.fileno())
        self._io.remove_reader(self._process.sentinel.fileno())

    def bury(self) -> Remains:
        """See `PoolProcess.bury`."""
        return self._process.bury()


__all__ = ["Finished", "Process", "Remains", "WatchedProcess"]
