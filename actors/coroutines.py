"""Handlers and hooks that are coroutines: who carries them out, and what follows when they are over."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from .actor import Actor
    from .cell import Cell


Land = Callable[[Any, BaseException | None], None]
"""Takes what a coroutine returned, or what it raised."""

CODE_OF_COROUTINES = 0x80
"""The flag of a code object that makes a coroutine when it is called (`inspect.CO_COROUTINE`)."""


@runtime_checkable
class Carrier(Protocol):
    """A dispatcher that carries coroutines out."""

    def carry(self, cell: Cell, coroutine: Coroutine[Any, Any, Any], land: Land) -> None:
        """Run `coroutine` as a part of `cell`'s turn, and call `land` in the end, also where it is cancelled."""
        ...

    def cancel(self, cell: Cell) -> None:
        """Cancel whatever is carried out for `cell`; any thread."""
        ...


def is_async(function: object) -> bool:
    """Tell whether `function` was written with `async def`."""
    code = getattr(function, "__code__", None)
    return code is not None and bool(code.co_flags & CODE_OF_COROUTINES)


def is_coroutine(outcome: object) -> bool:
    """Tell whether a handler or a hook returned something that is still to be carried out."""
    return isinstance(outcome, CoroutineType)


def check_carried(actor_class: type[Actor], dispatcher: object) -> None:
    """Raise `TypeError` where an actor has handlers that this dispatcher cannot run."""
    if actor_class.asynchronous and (actor_class.pinned or not isinstance(dispatcher, Carrier)):
        raise TypeError(
            f"{actor_class.__name__}.{actor_class.asynchronous} is `async def`, which takes an event loop: "
            f"give the system an AsyncioHost, and do not pin the actor"
        )


def follow(cell: Cell, outcome: Any, go_on: Callable[[Any], None], failed: Callable[[BaseException], None]) -> None:
    """Call `go_on` with what a hook returned, or with what its coroutine will; the cell takes nothing meanwhile."""
    if is_coroutine(outcome):
        cell.busy = True
        carry(cell, outcome, go_on, failed)
    else:
        go_on(outcome)


def carry(cell: Cell, coroutine: Any, go_on: Callable[[Any], None], failed: Callable[[BaseException], None]) -> None:
    """Have `coroutine` carried out, and see to what follows if the cell is still in the same life then."""
    dispatcher = cell.dispatcher
    if not isinstance(dispatcher, Carrier):
        cell.busy = False
        coroutine.close()
        raise TypeError(f"{cell.path} returned a coroutine, and its host runs none: use an AsyncioHost")
    lives, held = cell.lives, cell.busy

    def land(value: Any, error: BaseException | None) -> None:
        if held:
            cell.busy = False
        try:
            if cell.alive and cell.lives == lives:
                failed(error) if error is not None else go_on(value)
        finally:
            if held:
                cell.resume()

    dispatcher.carry(cell, coroutine, land)
    if not cell.alive:
        dispatcher.cancel(cell)  # it was killed meanwhile


def cancel(cell: Cell) -> None:
    """Cancel what is carried out for `cell`, if anything can be."""
    if isinstance(cell.dispatcher, Carrier):
        cell.dispatcher.cancel(cell)
