"""How outcomes are settled: what goes out before a message may end, and when it has."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

from ...actors.completion import Completion
from ..api import Publisher
from ..errors import MalformedMessage
from ..lane import unix_time
from ..letters.burial import buried
from ..letters.letter import DUE, LOSSES, Taken, publication_again
from ..message import Head, Outcome, Publication, Verdict
from ..settlement import all_of, commit, in_turn, record_chord_part
from .holding import Held
from .parcel import parcel_of, taken_of
from .protocol.connection import Said
from .protocol.errors import ChannelClosed

SENT_AGAIN = frozenset({Verdict.LOST, Verdict.DEAD})
"""The verdicts by which a message goes out once more."""
_DONE: Completion[None] = Completion.of(None)
_SHORT = 250
"""Characters of what is kept where there is little room."""

logger: logging.Logger = logging.getLogger(__name__)


def prepared(outcomes: Sequence[Outcome], again: Sequence[Publication], publisher: Publisher) -> Completion[None]:
    """Publish what follows, and what goes out `again`; resolves when the messages can be settled."""
    if not again and not any(one.follow_ups or one.chord is not None for one in outcomes):
        return _DONE
    return in_turn([
        lambda: commit(outcomes, publisher, None, again),
        lambda: all_of([record_chord_part(outcome, None) for outcome in outcomes]),
    ])  # fmt: skip


def sent_again(outcome: Outcome, held: Held, owner: str, kept: float) -> Publication:
    """Return what a lost message, or one for the dead letter queue, where it is `kept` (seconds), is published as.

    One that cannot be sent as it is, since its headers leave no room for ours, is a dead letter with the least of them.
    """
    taken = taken_of(held.delivered, held.consumer.queue)
    reason, at = outcome.reason, unix_time()
    if outcome.verdict is Verdict.DEAD:
        again = buried(taken, reason, owner, at, kept)
    else:
        reason = "its process died"
        due = at + outcome.delay if outcome.delay > 0 else None
        again = publication_again(taken, taken.queue, **{LOSSES: taken.losses + 1, DUE: due})
    try:
        parcel_of(again, at)
    except MalformedMessage as error:
        logger.warning("%s: a message cannot be sent on with its headers, which are dropped: %s", taken.queue, error)
        return buried(_least_of(taken), reason[:_SHORT], owner, at, kept)
    return again


def _least_of(taken: Taken) -> Taken:
    """Return a message with no other headers than those that say whose it is."""
    headers = {name: str(taken.headers[name])[:_SHORT] for name in ("id", "task") if name in taken.headers}
    head = Head(headers, {}, taken.head.content_type, taken.head.content_encoding)
    return replace(taken, head=head)


def answer_of(fence: Completion[Said], tags: set[int]) -> Completion[set[int]]:
    """Return a completion of what was settled: nothing, where the channel was lost before the broker had said so."""
    settled: Completion[set[int]] = Completion()
    fence.add_done_callback(lambda done: settled.resolve(tags if done.error() is None else set()))
    return settled


def overdue(error: ChannelClosed) -> str:
    """Return what to say of a channel that the broker has closed, since a message was held for too long."""
    return (
        "a message was held for longer than the broker's consumer_timeout, and is delivered again while its task may "
        f"still run: raise consumer_timeout in rabbitmq.conf above the longest task ({error.text})"
    )
