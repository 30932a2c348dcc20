"""The asyncio host: actors on the event loop of a program, whose handlers may be coroutines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Generator
from typing import TYPE_CHECKING, Any

from ..completion import Completion, wait_off_hosts, waiting_here
from ..coroutines import Land
from ..errors import WouldBlock
from .carrying import Tasks
from .loop import LoopDispatcher, LoopHost

if TYPE_CHECKING:
    from ..cell import Cell


class AsyncioDispatcher(LoopDispatcher):
    """Runs turns on an asyncio loop, and a task for each coroutine that a handler returns."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._loop = loop
        self._tasks = Tasks(loop, self.turn_of, self.call)

    # -- the loop --------------------------------------------------------------------------------------------------

    def call(self, callback: Callable[[], object]) -> None:
        """See `LoopDispatcher`."""
        try:
            if self._runs_here():
                self._loop.call_soon(callback)
            else:
                self._loop.call_soon_threadsafe(callback)
        except RuntimeError:  # the loop was closed: nobody runs on it any more
            return

    def call_later(self, delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """See `LoopDispatcher`."""
        return self._loop.call_later(delay, callback)

    def _runs_here(self) -> bool:
        return asyncio._get_running_loop() is self._loop

    # -- Dispatcher and Waiting ------------------------------------------------------------------------------------

    @property
    def current(self) -> Cell | None:
        """See `Dispatcher`."""
        return self.working

    def runs(self, cell: Cell) -> bool:
        """See `Dispatcher`."""
        return self.working is cell and self._runs_here()

    def gone(self, cell: Cell) -> None:
        """See `Dispatcher`: what its handlers wait for is cancelled."""
        self.cancel(cell)

    def may_block(self) -> None:
        """See `Waiting`: the loop must not wait."""
        if self._runs_here():
            who = "this" if self.current is None else self.current.path
            raise WouldBlock(
                f"{who} would block the event loop that it runs on: await what ask, start and stop promise "
                f"with block=False, or give the actor a thread of its own (pinned = True)"
            )

    def wait(self, completion: Completion[Any], timeout: float | None) -> bool:
        """See `Waiting`: the loop is over, or another one runs here."""
        self.may_block()
        return wait_off_hosts(completion, timeout)

    # -- turns -----------------------------------------------------------------------------------------------------

    def run_turns(self, most: int) -> None:
        """See `LoopDispatcher`."""
        while most and self._ready:
            most -= 1
            self.run_turn(self._ready.popleft())

    @contextlib.contextmanager
    def turn_of(self, cell: Cell) -> Generator[None]:
        """Have it be `cell`'s turn for a moment."""
        self.works(cell)
        try:
            yield
        finally:
            self.rests()

    def carry(self, cell: Cell, coroutine: Coroutine[Any, Any, Any], land: Land) -> None:
        """See `Carrier`."""
        self._tasks.carry(cell, coroutine, land)

    def cancel(self, cell: Cell) -> None:
        """See `Carrier`."""
        self._tasks.cancel(cell)


class AsyncioHost(LoopHost):
    """Actors on an event loop, by default the one that runs here, in the midst of the program's other tasks.

    Handlers and hooks may be coroutines: one at a time for each actor, unless it is `reentrant`. Meanwhile it takes no
    message; whatever ends it cancels the coroutine. Handlers that are not must not block: who waits for an answer on
    the loop's thread gets `WouldBlock`, and awaits it instead. Pinned actors get a thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        here = loop is None
        dispatcher = AsyncioDispatcher(running_loop() if loop is None else loop)
        super().__init__(dispatcher)
        if here:
            waiting_here(dispatcher)


def running_loop() -> asyncio.AbstractEventLoop:
    """Return the loop that runs here; raises `RuntimeError` where none does."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError as error:
        raise RuntimeError(
            "no event loop runs here: make an AsyncioHost within `async def`, or give it the loop that it is to use"
        ) from error
