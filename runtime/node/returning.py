"""How a message that was not begun goes back to its queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...transports.message import Outcome, Publication, Verdict
from .heads import peek

if TYPE_CHECKING:
    from ...transports.message import Delivery


def back_to_queue(delivery: Delivery) -> Outcome:
    """Return what puts a message back; one that is acknowledged already (its tag is below 0) is published anew."""
    if delivery.tag > 0:
        return Outcome(delivery.tag, Verdict.REQUEUE)
    again = Publication(peek(delivery.head).id, delivery.queue, delivery.head, delivery.body)
    return Outcome(delivery.tag, follow_ups=(again,))
