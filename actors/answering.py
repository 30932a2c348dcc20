"""Answering: what becomes of an ask, whether its handler returns the answer, promises it, or is a coroutine."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, cast

from .bouncing import died
from .completion import Completion
from .coroutines import carry, is_coroutine
from .messages import Ask

if TYPE_CHECKING:
    from .actor import Actor
    from .cell import Cell

logger: logging.Logger = logging.getLogger("understudy.actors")


def answer(cell: Cell, actor: Actor, ask: Ask) -> Any:
    """Answer an ask; or return the coroutine that will."""
    completion = ask.completion
    if completion.done():
        cell.system.late_asks += 1
        return None
    cell.asking = ask
    try:
        reply = actor.receive(ask.message)
    except actor.expected as error:
        if cell.asking is ask:
            completion.fail(error)
    except BaseException as error:  # noqa: BLE001 - as in a cell's turn; the asker finds the actor ended
        cell.crash(error, ask.message)
        if cell.asking is ask:
            completion.fail(error)
    else:
        if is_coroutine(reply):
            return reply
        if cell.asking is ask:  # it was not handed on
            reply_with(cell, completion, reply)
    finally:
        cell.asking = None
    return None


def reply_with(cell: Cell, completion: Completion[Any], reply: Any) -> None:
    """Answer an ask with what its handler returned."""
    if isinstance(reply, Completion):
        cell.debts.owe(completion, cast("Completion[Any]", reply))
        if not cell.alive:
            completion.fail(died(cell))
    elif not completion.resolve(reply):
        cell.system.late_replies += 1


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
            reply_with(self._cell, ask.completion, reply)

    def failed(self, error: BaseException) -> None:
        """Deal with an error as with any handler's."""
        ask = self._asker()
        if ask is not None:
            self._cell.debts.forget(ask.completion)  # it gets this error, and not the end's
        if not isinstance(error, self._actor.expected):
            self._cell.crash(error, self._message, told=self._ask is None)
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
