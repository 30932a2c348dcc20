"""How a message becomes an entry of a dead letter queue, and how such an entry is read."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from ..api import DEAD_LETTER_EXPIRES
from ..message import REVIVALS, DeadLetter, Publication, decode_head, encode_head, revived
from .letter import DEATHS, DUE, HISTORY, LOSSES, Taken, publication_again

_SUFFIX = ".dead"


def dead_queue(queue: str) -> str:
    """Return the name of a queue's dead letter queue."""
    return queue + _SUFFIX


def buried(taken: Taken, reason: str, owner: str, at: float, kept: float) -> Publication:
    """Return a message as one for the dead letter queue, where it is kept for so many seconds.

    Its history tells how it came there, each time.
    """
    entry = {"reason": reason, "since": at, "queue": taken.queue, "losses": taken.losses, "owner": owner}
    headers: dict[str, Any] = {HISTORY: [*_history(taken), entry], LOSSES: None, DEATHS: None, DUE: None}
    again = publication_again(taken, dead_queue(taken.queue), **headers)
    return msgspec.structs.replace(again, expires=at + kept)


def undeliverable(publication: Publication, queue: str, reason: str, at: float) -> Publication:
    """Return a publication that no queue is bound for as a dead letter of some queue, which a retry takes it to."""
    taken = Taken(queue, decode_head(publication.head), publication.body, None)
    return buried(taken, reason, "", at, DEAD_LETTER_EXPIRES)


def raised(taken: Taken) -> Publication:
    """Return an entry of a dead letter queue as a message for the queue it came from, with no losses."""
    return publication_again(taken, _queue(taken), **{REVIVALS: revived(taken.headers)[REVIVALS]})


def entry_id(taken: Taken) -> str:
    """Return the id of an entry: its task's, or one made of its body where it has none."""
    return taken.task_id or blake2b(taken.body, digest_size=16).hexdigest()


def dead_letter(taken: Taken) -> DeadLetter:
    """Return an entry of a dead letter queue."""
    last = _last(taken)
    return DeadLetter(
        id=entry_id(taken),
        task=str(taken.headers.get("task") or ""),
        queue=_queue(taken),
        reason=str(last.get("reason", "")),
        since=float(last.get("since", 0.0)),
        losses=int(last.get("losses", 0)),
        head=encode_head(taken.head),
        body=taken.body,
    )


def _queue(taken: Taken) -> str:
    return str(_last(taken).get("queue") or taken.queue.removesuffix(_SUFFIX))


def _last(taken: Taken) -> dict[str, Any]:
    history = _history(taken)
    return history[-1] if history else {}


def _history(taken: Taken) -> list[dict[str, Any]]:
    try:
        return msgspec.convert(taken.headers.get(HISTORY, []), list[dict[str, Any]])
    except msgspec.ValidationError:
        return []
