"""`SimulatedLoop`: an asyncio loop in virtual time, on which simulated actors' coroutines are carried out.

It runs one callback a step, the first that became ready first, and the simulation draws whether that is before or after
an actor's turn. What a callback belongs to goes by its context: those of an actor that is held up, or of a system that
is stopped, wait, and those of one that has vanished are never called.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from .carrying import Tasks, TurnOf

if TYPE_CHECKING:
    from ..cell import Cell
    from ..coroutines import Land

T = TypeVar("T")
owner: ContextVar[Cell | None] = ContextVar("owner", default=None)
"""For which cell a callback is."""

logger: logging.Logger = logging.getLogger("understudy.actors")


class SimulatedLoop(asyncio.AbstractEventLoop):
    """What asyncio's tasks, futures, queues and timeouts need; there are no sockets, processes and threads.

    now: virtual seconds. call_at: has something called at such a moment. waits: whether what belongs to a cell has to.
    turn_of: see `TurnOf`.
    """

    def __init__(
        self,
        now: Callable[[], float],
        call_at: Callable[[float, Callable[[], object]], None],
        waits: Callable[[Cell], bool],
        turn_of: TurnOf,
    ) -> None:
        self._now = now
        self._call_at = call_at
        self._waits = waits
        self._ready: list[tuple[asyncio.Handle, Cell | None]] = []
        self._closed = False
        self.running: bool = False
        """Whether a callback runs now."""
        self._tasks = Tasks(self, turn_of, self.call_soon)

    # -- for the host ----------------------------------------------------------------------------------------------

    def carry(self, cell: Cell, coroutine: Coroutine[Any, Any, Any], land: Land) -> None:
        """See `Carrier`."""
        token = owner.set(cell)
        try:
            self._tasks.carry(cell, coroutine, land)
        finally:
            owner.reset(token)

    def cancel(self, cell: Cell) -> None:
        """See `Carrier`."""
        self._tasks.cancel(cell)

    def has_turn(self) -> bool:
        """Tell whether there is something to run now."""
        return self._next() is not None

    def run_next(self) -> Cell | None:
        """Run the first callback that may; return for whom it was."""
        index = self._next()
        assert index is not None
        handle, cell = self._ready.pop(index)
        before = asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        self.running = True
        try:
            handle._run()
        finally:
            self.running = False
            asyncio._set_running_loop(before)
        return cell

    def _next(self) -> int | None:
        self._ready = [(handle, cell) for handle, cell in self._ready if not (handle.cancelled() or is_lost(cell))]
        for index, (_, cell) in enumerate(self._ready):
            if cell is None or not self._waits(cell):
                return index
        return None

    # -- what asyncio calls ----------------------------------------------------------------------------------------

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        """See asyncio, as all of these."""
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append((handle, context.get(owner)))
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """See asyncio: in a simulation there is one thread."""
        return self.call_soon(callback, *args, context=context)

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See asyncio; virtual seconds."""
        return self.call_at(self._now() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """See asyncio; virtual seconds."""
        context = copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._call_at(when, lambda: self._ready.append((handle, context.get(owner))))
        return handle

    def create_task(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, coro: Coroutine[Any, Any, T], *, name: object = None, context: Context | None = None
    ) -> asyncio.Task[T]:
        """See asyncio."""
        return asyncio.Task(coro, loop=self, name=None if name is None else str(name), context=context)

    def create_future(self) -> asyncio.Future[Any]:
        """See asyncio."""
        return asyncio.Future(loop=self)

    def time(self) -> float:
        """See asyncio; virtual seconds."""
        return self._now()

    def get_debug(self) -> bool:
        """See asyncio."""
        return False

    def is_running(self) -> bool:
        """See asyncio: it is for as long as the simulation."""
        return not self._closed

    def is_closed(self) -> bool:
        """See asyncio."""
        return self._closed

    def close(self) -> None:
        """Forget what is left to do: the simulation is over."""
        self._closed = True
        self._ready.clear()

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """See asyncio; what a simulation leaves behind when it is over is nobody's mistake."""
        if not self._closed:
            logger.error("%s", context.get("message", "a callback failed"), exc_info=context.get("exception"))

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> NoReturn:
        """Refuse: threads would take turns that nobody draws."""
        raise NotImplementedError("no threads in a simulation: replace the port that wants them")

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """See asyncio: it is passed over when its time comes."""


def is_lost(cell: Cell | None) -> bool:
    """Whether what belongs to a cell is never called any more: its system has ended as by kill -9."""
    return cell is not None and cell.mailbox.lost
