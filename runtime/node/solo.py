"""The solo pool: tasks run in the node's own process, on one thread. For debugging, and for brokers without processes.

A task that hangs or crashes the interpreter takes the node with it; nothing can be killed here.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING

from ...actors import Actor, Completion, on
from ..pool.process import Finished, Remains
from ..pool.program import carry_out
from .messages import Spawn

if TYPE_CHECKING:
    from ..pool.packets import Job
    from ..pool.program import Executor, Program

logger: logging.Logger = logging.getLogger(__name__)


class SoloProcess:
    """Runs jobs on a thread of this process, behind the interface of a pool process."""

    def __init__(self, program: Program, hostname: str) -> None:
        self.pid: int = os.getpid()
        self.ready: Completion[None] = Completion()
        self._program = program
        self._hostname = hostname
        self._jobs: deque[Job] = deque()
        self._running: Job | None = None
        self._changed = threading.Condition()
        self._leaving = False
        self._answered: Callable[[list[Finished]], object] = lambda _: None
        self._gone: Callable[[], object] = lambda: None

    @property
    def load(self) -> int:
        """How many jobs it has not answered."""
        return len(self._jobs) + (self._running is not None)

    @property
    def current(self) -> Job | None:
        """See `PoolProcess.current`."""
        with self._changed:
            return self._running or next(iter(self._jobs), None)

    def listen(self) -> None:
        """See `Process.listen`: the thread answers by itself."""

    def watch(self, answered: Callable[[list[Finished]], object], gone: Callable[[], object]) -> None:
        """Begin to live: what is called back is called on the thread that runs the tasks."""
        self._answered, self._gone = answered, gone
        threading.Thread(target=self._live, name="solo", daemon=True).start()

    def send(self, job: Job) -> bool:
        """See `PoolProcess.send`."""
        with self._changed:
            if self._leaving:
                return False
            self._jobs.append(job)
            self._changed.notify()
        return True

    def take_back(self) -> list[Job]:
        """See `PoolProcess.take_back`."""
        with self._changed:
            taken = list(self._jobs)
            self._jobs.clear()
        return taken

    def retire(self) -> list[Job]:
        """See `PoolProcess.retire`."""
        self.kill()
        return self.take_back()

    def kill(self) -> None:
        """Ask the thread to end after the task that it runs: a thread cannot be killed."""
        with self._changed:
            self._leaving = True
            self._changed.notify()

    def reap(self) -> Completion[int | None]:
        """See `PoolProcess.reap`."""
        return Completion.of(0)

    def bury(self) -> Remains:
        """See `PoolProcess.bury`: the thread has answered what it began."""
        return Remains([], self.take_back(), [])

    def _live(self) -> None:
        try:
            executor = self._program(self._hostname)
        except Exception as error:  # noqa: BLE001 - the app's own initialisation; its slot reports it
            self.ready.fail(error)
            return
        self.ready.resolve(None)
        while (job := self._next()) is not None:
            finished = self._perform(executor, job)
            self._running = None  # before its slot counts again
            self._answered([finished])
        executor.close()
        self._gone()

    def _next(self) -> Job | None:
        with self._changed:
            while not self._jobs and not self._leaving:
                self._changed.wait()
            self._running = self._jobs.popleft() if self._jobs else None
            return self._running

    def _perform(self, executor: Executor, job: Job) -> Finished:
        began = perf_counter()
        outcome = carry_out(executor, job)
        return Finished(job, outcome, perf_counter() - began)


class SoloNursery(Actor):
    """Makes solo processes."""

    def __init__(self, program: Program, hostname: str) -> None:
        self._program = program
        self._hostname = hostname

    @on(Spawn)
    def spawn_process(self, _: Spawn) -> SoloProcess:
        """Make one; its thread starts when it is watched."""
        return SoloProcess(self._program, self._hostname)
