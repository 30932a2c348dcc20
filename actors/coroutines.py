"""Handlers and hooks that are coroutines: who carries them out, and what follows when they are over."""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from .messages import Ask

if TYPE_CHECKING:
    from .actor import Actor
    from .cell import Cell

logger: logging.Logger = logging.getLogger("understudy.actors")

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


def carry_out(cell: Cell, actor: Actor, coroutine: Any, item: Any) -> None:
    """Have a handler's coroutine carried out; unless the actor is `reentrant`, it takes nothing meanwhile."""
    errand = Errand(cell, actor, item)
    carry(cell, coroutine, errand.go_on, errand.failed)


class Errand:
    """What a handler's coroutine is about: a message, and whoever asked."""

    def __init__(self, cell: Cell, actor: Actor, item: Any) -> None:
        self._cell = cell
        self._actor = actor
        self._ask: Ask | None = item if isinstance(item, Ask) else None
        self._message = item if self._ask is None else self._ask.message
        cell.busy = not actor.reentrant
        if self._ask is not None:
            cell.debts.promise(self._ask.completion)
            if cell.busy:
                cell.asking = self._ask  # so that it can be handed on

    def go_on(self, reply: Any) -> None:
        """Answer whoever asked."""
        ask = self._asker()
        if ask is not None:
            self._cell.reply(ask.completion, reply)

    def failed(self, error: BaseException) -> None:
        """Deal with an error as with any handler's."""
        ask = self._asker()
        if ask is not None:
            self._cell.debts.forget(ask.completion)  # it gets this error, and not the end's
        if not isinstance(error, self._actor.expected):
            self._cell.again = (self._message,) if self._ask is None else ()
            self._cell.crash(error, self._message)
        elif ask is None:
            logger.debug("%s refused %r", self._cell.path, self._message, exc_info=error)
        if ask is not None:
            ask.completion.fail(error)

    def _asker(self) -> Ask | None:
        """Return the ask that is still to be answered here."""
        if self._actor.reentrant:
            return self._ask
        ask, self._cell.asking = self._cell.asking, None
        return ask


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
