"""The thread host: a pool of dispatcher threads, and a thread for each pinned actor."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from itertools import count
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Any

from ..clock import Clock, SystemClock
from ..completion import Completion, wait_off_hosts, waiting_here
from ..deadlock import refuse_circle
from ..errors import WouldBlock
from ..timers import Timer, Timers
from .parking import Gate, Selector
from .watcher import Watcher

if TYPE_CHECKING:
    from ..cell import Cell

logger: logging.Logger = logging.getLogger("understudy.actors")

POLL_EVERY = 32
"""Turns between two looks at timers and file descriptors while there is always something to do."""
POLL_APART = 0.01
"""Seconds between two looks at file descriptors while there is always something to do.

Each look lets go of the interpreter's lock for less time than another thread takes to wake up, and that thread begins
to wait anew: it insists on the lock only when it has waited for a switch interval (5 ms) without being woken.
"""
LAST_CALL = 1.0
"""Seconds that the threads of a stopped host get to end in."""


class ThreadDispatcher:
    """A thread that runs turns. Cells stay on the dispatcher they were placed on, so that turns need no lock.

    The thread says that it parks before it looks for work a last time, and whoever brings work looks at that after: one
    of the two sees the other.
    """

    def __init__(self, name: str, pinned: bool, watcher: Watcher, ended: Callable[[ThreadDispatcher], object]) -> None:
        self.current: Cell | None = None
        self.parked: bool = False
        """Whether who brings work has to wake the thread."""
        self.pinned = pinned
        self.turns: int = 0
        self._watcher = watcher
        self._ended = ended
        self._ready: deque[Cell] = deque()
        self._timers = Timers()
        self._parking: Gate | Selector = Gate()
        self._stopping = False
        self._polled = 0.0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def runs(self, cell: Cell) -> bool:
        """See `Dispatcher`."""
        return self.current is cell and threading.current_thread() is self._thread

    def ready(self, cell: Cell) -> None:
        """See `Dispatcher`."""
        self._ready.append(cell)
        if self.parked:
            self.parked = False
            self._parking.wake()

    def after(self, cell: Cell, delay: float, message: Any, interval: float | None) -> Timer:
        """See `Dispatcher`."""
        timer = Timer(cell, message, interval)
        self._timers.add(monotonic() + (delay if delay > 0 else 0.0), timer)
        return timer

    def gone(self, cell: Cell) -> None:
        """See `Dispatcher`: the thread of a pinned actor ends with it."""
        if self.pinned:
            self.stop()

    @property
    def io(self) -> Selector:
        """The dispatcher's selector; made when it is first asked for, from the dispatcher's own thread."""
        if not isinstance(self._parking, Selector):
            self._parking = Selector(self)
        return self._parking

    def stop(self) -> None:
        """End the thread after the turn that runs."""
        self._stopping = True
        self._parking.wake()

    @property
    def working(self) -> Cell | None:
        """Whose turn keeps the thread busy now."""
        return self.current

    @property
    def thread(self) -> int | None:
        """The number of its thread."""
        return self._thread.ident

    def join(self, timeout: float) -> None:
        """Wait until the thread has ended, unless it is the caller's."""
        if threading.current_thread() is not self._thread:
            self._thread.join(timeout)

    def may_block(self) -> None:
        """See `Waiting`: only an actor with a thread of its own may."""
        if not self.pinned:
            who = "this callback" if self.current is None else self.current.path
            raise WouldBlock(
                f"{who} would block the dispatcher it shares: use ask(block=False) and pipe_to, "
                f"or give the actor a thread of its own (pinned = True)"
            )

    def wait(self, completion: Completion[Any], timeout: float | None) -> bool:
        """See `Waiting`."""
        self.may_block()
        cell = self.current
        if cell is None:
            return wait_off_hosts(completion, timeout)
        cell.waits_for = completion
        try:
            refuse_circle(cell)
            return wait_off_hosts(completion, timeout)
        finally:
            cell.waits_for = None

    def _run(self) -> None:
        waiting_here(self)
        ready = self._ready
        while not self._stopping:
            try:
                if not ready:
                    self._park()
                    continue
                self.current = cell = ready.popleft()
                cell.turn()
                self.current = None
                self.turns += 1
                if not self.turns % POLL_EVERY:
                    self._look_around()
            except BaseException:  # a bug of the kernel's own must not end everybody on this thread
                logger.exception("the kernel's own code failed")
        self._parking.close()
        self._ended(self)

    def _look_around(self) -> None:
        now = monotonic()
        if len(self._timers):
            self._timers.fire(now)
        if isinstance(self._parking, Selector) and now - self._polled >= POLL_APART:
            self._polled = now
            self._parking.wait(0)

    def _park(self) -> None:
        deadline = self._timers.next_deadline() if len(self._timers) else None
        timeout = None if deadline is None else max(0.0, deadline - monotonic())
        self.parked = True
        if self._ready or self._stopping:
            timeout = 0.0
        self._parking.wait(timeout)
        self.parked = False
        if self._watcher.asleep and not self.pinned:
            self._watcher.wake()
        if deadline is not None:
            self._timers.fire(monotonic())


class Threads:
    """The dispatchers of a host that are threads, and who watches them."""

    def __init__(self, name: str) -> None:
        self.watcher: Watcher = Watcher()
        self._name = name
        self._numbers = count()
        self._running: dict[ThreadDispatcher, None] = {}

    def make(self, *, pinned: bool) -> ThreadDispatcher:
        """Start a thread: for one actor that may block, or to be shared by those who must not."""
        name = f"{self._name}-{'pinned-' if pinned else ''}{next(self._numbers)}"
        dispatcher = ThreadDispatcher(name, pinned, self.watcher, lambda ended: self._running.pop(ended, None))
        self._running[dispatcher] = None
        if not pinned:
            self.watcher.watch(dispatcher)
        return dispatcher

    def stop(self) -> list[ThreadDispatcher]:
        """Have them all end after the turns that run; return those that run."""
        self.watcher.stop()
        threads = list(self._running)
        for thread in threads:
            thread.stop()
        return threads

    def end(self) -> None:
        """Have them all end, and wait for those that end soon."""
        threads = self.stop()
        last_call = monotonic() + LAST_CALL
        for thread in threads:
            thread.join(max(0.0, last_call - monotonic()))


class ThreadHost:
    """A pool of dispatchers. Children share their parent's; top-level actors are dealt out in turn.

    dispatchers: how many threads the pool has. More of them help where handlers release the GIL for long.
    """

    def __init__(self, dispatchers: int = 1, name: str = "actors") -> None:
        if dispatchers < 1:
            raise ValueError(f"a host has at least one dispatcher: dispatchers={dispatchers}")
        self.clock: Clock = SystemClock()
        self.rng: Random = Random()
        self._threads = Threads(name)
        self._pool = [self._threads.make(pinned=False) for _ in range(dispatchers)]
        self._next = count()

    def place(self, parent: Cell | None, pinned: bool) -> ThreadDispatcher:
        """See `Host`."""
        if pinned:
            return self._threads.make(pinned=True)
        shared = None if parent is None or parent.parent is None else parent.dispatcher
        if isinstance(shared, ThreadDispatcher) and not shared.pinned:
            return shared
        return self._pool[next(self._next) % len(self._pool)]

    def stop(self) -> None:
        """See `Host`."""
        self._threads.end()
