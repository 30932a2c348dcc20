"""What the hosts on an event loop have in common: a loop that belongs to the program, and turns in between."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from random import Random
from time import monotonic
from typing import TYPE_CHECKING, Any

from ..clock import Clock, SystemClock
from ..completion import Completion, waiting_here
from ..native import get_ident
from ..timers import Timer, Timers
from .parking import LONGEST
from .thread import Threads

if TYPE_CHECKING:
    from ..cell import Cell
    from .api import IO, Dispatcher
    from .watcher import Watcher

logger: logging.Logger = logging.getLogger("understudy.actors")

TURNS = 16
"""Turns in a row, before the loop may see to others."""


class LoopDispatcher(ABC):
    """Runs turns on a loop, which is asked for a callback when the first cell is ready, and not again before that ran.

    A sender puts its cell first and looks at `_called` after; a drain clears it first and looks for cells after.
    """

    def __init__(self) -> None:
        self._ready: deque[Cell] = deque()
        self._called = False
        """Whether a drain is under way, or will be."""
        self.turns: int = 0
        self.working: Cell | None = None
        """Whose turn keeps the loop busy now."""
        self.thread: int | None = None
        """The number of the loop's thread, once that is known."""
        self.watcher: Watcher | None = None
        self._timers = Timers()
        self._alarm: Any = None
        self._alarm_at = 0.0

    # -- the loop --------------------------------------------------------------------------------------------------

    @abstractmethod
    def call(self, callback: Callable[[], object]) -> None:
        """Call `callback()` on the loop, soon; any thread."""

    @abstractmethod
    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        """Call `callback()` in `delay` seconds; the loop's own thread. Returns what `cancel()` stops."""

    # -- Dispatcher ------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def current(self) -> Cell | None:
        """See `Dispatcher`."""

    @abstractmethod
    def runs(self, cell: Cell) -> bool:
        """See `Dispatcher`."""

    def ready(self, cell: Cell) -> None:
        """See `Dispatcher`."""
        self._ready.append(cell)
        if not self._called:
            self._called = True
            self.call(self._drain)

    def after(self, cell: Cell, delay: float, message: Any, interval: float | None) -> Timer:
        """See `Dispatcher`."""
        timer = Timer(cell, message, interval)
        deadline = monotonic() + (delay if delay > 0 else 0.0)
        self._timers.add(deadline, timer)
        if self._alarm is None or deadline < self._alarm_at:
            self._set_alarm(deadline)
        return timer

    @abstractmethod
    def gone(self, cell: Cell) -> None:
        """See `Dispatcher`."""

    @property
    def io(self) -> IO:
        """See `Dispatcher`: the program's loop has ways of its own."""
        raise NotImplementedError("this host watches no file descriptors: use the event loop's own means")

    def stop(self) -> None:
        """Run no more turns, and forget the timers; any thread."""
        self._ready.clear()
        self.call(self.end)

    # -- Waiting ---------------------------------------------------------------------------------------------------

    @abstractmethod
    def may_block(self) -> None:
        """See `Waiting`."""

    @abstractmethod
    def wait(self, completion: Completion[Any], timeout: float | None) -> bool:
        """See `Waiting`."""

    # -- turns -----------------------------------------------------------------------------------------------------

    @abstractmethod
    def run_turns(self, most: int) -> None:
        """Call `run_turn` for cells that are ready, `most` of them at most; on the loop."""

    def run_turn(self, cell: Cell) -> None:
        """Give `cell` its turn."""
        self.works(cell)
        try:
            cell.turn()
        except Exception:  # a bug of the kernel's own must not end everybody on this loop
            logger.exception("the kernel's own code failed")
        finally:
            self.rests()

    def works(self, cell: Cell) -> None:
        """Note that `cell` keeps the loop busy now."""
        self.turns += 1
        self.working = cell

    def rests(self) -> None:
        """Note that nobody keeps the loop busy now."""
        self.working = None

    def _drain(self) -> None:
        waiting_here(self)
        self.thread = get_ident()
        if self.watcher is not None and self.watcher.asleep:
            self.watcher.wake()
        try:
            self.run_turns(TURNS)
        finally:
            if not self._ready:
                self._called = False
            if self._ready:
                self._called = True
                self.call(self._drain)

    # -- timers ----------------------------------------------------------------------------------------------------

    def _set_alarm(self, deadline: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = deadline
        self._alarm = self.call_later(min(max(0.0, deadline - monotonic()), LONGEST), self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._timers.fire(monotonic())
        deadline = self._timers.next_deadline()
        if deadline is not None:
            self._set_alarm(deadline)

    def end(self) -> None:
        """Let go of what the loop holds; on the loop."""
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self._timers = Timers()


class LoopHost:
    """One dispatcher on the program's loop, and a thread for each pinned actor."""

    def __init__(self, dispatcher: LoopDispatcher) -> None:
        self.clock: Clock = SystemClock()
        self.rng: Random = Random()
        self._dispatcher = dispatcher
        self._threads = Threads("actors")
        self._threads.watcher.watch(dispatcher)
        dispatcher.watcher = self._threads.watcher

    def place(self, parent: Cell | None, pinned: bool) -> Dispatcher:
        """See `Host`."""
        return self._threads.make(pinned=True) if pinned else self._dispatcher

    def stop(self) -> None:
        """See `Host`."""
        self._threads.stop()
        self._dispatcher.stop()
