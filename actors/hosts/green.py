"""What the hosts on greenlets have in common: turns run in greenlets of their own, so that a handler may wait."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..completion import Completion, wait_at, waiting_here
from ..deadlock import refuse_circle
from ..errors import WouldBlock
from .loop import LoopDispatcher

try:
    from greenlet import GreenletExit, getcurrent, greenlet
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        "hosts on greenlets are for programs that use gevent or eventlet: "
        "pip install 'understudy[gevent]' or 'understudy[eventlet]'",
        name="greenlet",
    ) from _error

if TYPE_CHECKING:
    from ..cell import Cell
    from ..gates import Gate

IDLE = 64
"""Runners that are kept for the next turns that wait."""


class Runner(greenlet):
    """Runs turns, one after the other; when one of them waits, another runner takes over."""

    def __init__(self, run: Callable[[], None], hub: greenlet) -> None:
        super().__init__(run, hub)
        self.cell: Cell | None = None
        """Whose turn it runs, or is in the middle of."""


class GreenDispatcher(LoopDispatcher):
    """Runs turns on a hub. In the hub's own greenlet it only switches, to one runner after the other.

    As long as no handler waits there is one runner. A handler that waits, in whichever way, switches to the hub, which
    is in `run_turns` then and goes on with another runner.
    """

    def __init__(self) -> None:
        super().__init__()
        self._idle: list[Runner] = []
        self._runners: dict[Cell, Runner] = {}
        self._left = 0
        """Turns that may still be run before the hub sees to others."""

    @property
    @abstractmethod
    def hub(self) -> greenlet:
        """The greenlet in which the loop runs."""

    @abstractmethod
    def park(self) -> None:
        """Switch from the running greenlet to the hub, until somebody switches back."""

    @abstractmethod
    def gate(self) -> Gate:
        """Return a gate at which a greenlet of the hub may wait."""

    @property
    def current(self) -> Cell | None:
        """See `Dispatcher`."""
        here = getcurrent()
        return here.cell if isinstance(here, Runner) else None

    def runs(self, cell: Cell) -> bool:
        """See `Dispatcher`."""
        return self.current is cell

    def gone(self, cell: Cell) -> None:
        """See `Dispatcher`: a handler that waits is ended where it waits."""
        runner = self._runners.get(cell)
        if runner is not None and runner is not getcurrent():
            self.call(lambda: self._end_turn(cell, runner))

    def may_block(self) -> None:
        """See `Waiting`: a greenlet may, since the others go on."""
        if getcurrent() is self.hub:
            raise WouldBlock("a callback of the hub would block everybody: spawn a greenlet, or use block=False")

    def wait(self, completion: Completion[Any], timeout: float | None) -> bool:
        """See `Waiting`."""
        self.may_block()
        cell = self.current
        if cell is None:
            return wait_at(self.gate(), completion, timeout)
        cell.waits_for = completion
        try:
            refuse_circle(cell)
            return wait_at(self.gate(), completion, timeout)
        finally:
            cell.waits_for = None

    def run_turns(self, most: int) -> None:
        """See `LoopDispatcher`."""
        self._left = most
        while self._left and self._ready:
            runner = self._idle.pop() if self._idle else Runner(self._work, self.hub)
            runner.switch()
            self.rests()  # it may be in the middle of a turn, and waits
        self._left = 0

    def _work(self) -> None:
        """Be a runner. Where a turn has waited, the drain that it began in is over."""
        waiting_here(self)  # where thread-locals are patched, each greenlet has its own
        me: Any = getcurrent()
        while len(self._idle) < IDLE:
            while self._left and self._ready:
                self._left -= 1
                cell = me.cell = self._ready.popleft()
                self._runners[cell] = me
                self.run_turn(cell)
                del self._runners[cell]
                me.cell = None
            self._idle.append(me)
            self.park()

    def _end_turn(self, cell: Cell, runner: Runner) -> None:
        if self._runners.get(cell) is runner:
            runner.throw(GreenletExit)
