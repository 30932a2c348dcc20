"""What becomes of an item that a cell will not handle: nothing vanishes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .errors import ActorDead, MailboxFull
from .events import DeadLetter
from .messages import KERNEL_EVENTS, Ask, Down, ExitSignal, LinkSignal, MonitorSignal, Signal, StopSignal
from .reasons import NO_PROC

if TYPE_CHECKING:
    from .cell import Cell


def bounce(cell: Cell, item: Any, why: str) -> None:
    """Answer, or report, an item that `cell` will not handle; `why` is dead, full or dropped."""
    match item:
        case Ask():
            item.completion.fail(died(cell) if why == "dead" else _full(cell, why))
        case StopSignal(_, done):
            if done is not None:
                cell.life.promise_end(done)
        case LinkSignal(peer, False):
            peer.signal(ExitSignal(cell.ref, NO_PROC, linked=True))
        case MonitorSignal(monitor, watcher, False):
            watcher.tell_past_bound(Down(monitor, cell.ref, NO_PROC))
        case _ if not isinstance(item, (Signal, *KERNEL_EVENTS)):
            cell.system.dead_letter(DeadLetter(cell.ref, item, why))
        case _:
            pass


def died(cell: Cell) -> ActorDead:
    """Return the answer to an ask that a cell will not handle since it has ended."""
    reason = cell.life.reason
    return ActorDead(f"{cell.path} ended before it answered: {reason}", reason)


def _full(cell: Cell, why: str) -> MailboxFull:
    return MailboxFull(f"{cell.path} has a full mailbox, and {'dropped it' if why == 'dropped' else 'took no more'}")
