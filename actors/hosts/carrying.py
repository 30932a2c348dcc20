"""`Tasks`: the coroutines that handlers returned, carried out on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..cell import Cell
    from ..coroutines import Land

TurnOf = Callable[["Cell"], AbstractContextManager[None]]
"""Has it be a cell's turn for a moment."""


class Steps:
    """Awaits a coroutine as a part of an actor's turn: each of its steps is one of that actor."""

    def __init__(self, turn_of: TurnOf, cell: Cell, coroutine: Coroutine[Any, Any, Any]) -> None:
        self._turn_of = turn_of
        self._cell = cell
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, Any]:
        step: Callable[[], Any] = lambda: self._coroutine.send(None)  # noqa: E731
        while True:
            with self._turn_of(self._cell):
                try:
                    waits_for = step()
                except StopIteration as end:
                    return end.value
            try:
                sent = yield waits_for
            except GeneratorExit:  # nobody goes on with it; where both are garbage, the coroutine may be closed already
                self._coroutine.close()
                raise
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's to see
                step = lambda error=error: self._coroutine.throw(error)  # noqa: E731
            else:
                step = lambda sent=sent: self._coroutine.send(sent)  # noqa: E731


class Tasks:
    """A task for each coroutine, by the cell whose handler returned it.

    turn_of: see `TurnOf`. call: has something called on the loop, from any thread.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, turn_of: TurnOf, call: Callable[[Callable[[], object]], object]
    ) -> None:
        self._loop = loop
        self._turn_of = turn_of
        self._call = call
        self._tasks: dict[Cell, set[asyncio.Task[None]]] = {}

    def carry(self, cell: Cell, coroutine: Coroutine[Any, Any, Any], land: Land) -> None:
        """See `Carrier`."""
        task = self._loop.create_task(self._carry(cell, coroutine, land), name=cell.path)
        self._tasks.setdefault(cell, set()).add(task)
        task.add_done_callback(lambda done: self._landed(cell, done, coroutine, land))

    def cancel(self, cell: Cell) -> None:
        """See `Carrier`: what is carried out now, and nothing of a next life."""
        tasks = tuple(self._tasks.get(cell, ()))
        if tasks:
            self._call(lambda: _cancel(tasks))

    async def _carry(self, cell: Cell, coroutine: Coroutine[Any, Any, Any], land: Land) -> None:
        reply, failure = None, None
        try:
            reply = await Steps(self._turn_of, cell, coroutine)
        except GeneratorExit:  # the loop is over, and the task is garbage: nobody's turn can be had any more
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it raises is its actor's to deal with
            failure = error
        with self._turn_of(cell):
            land(reply, failure)

    def _landed(self, cell: Cell, task: asyncio.Task[None], coroutine: Coroutine[Any, Any, Any], land: Land) -> None:
        tasks = self._tasks[cell]
        tasks.discard(task)
        if not tasks:
            del self._tasks[cell]
        if task.cancelled():  # before its first step
            coroutine.close()
            land(None, asyncio.CancelledError())


def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
