"""What crosses a transport: publications, deliveries, outcomes. All are values; bodies stay encoded."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec


class Head(msgspec.Struct, rename="kebab"):
    """The head of a Celery message: everything but its body, in the layout of kombu's Redis envelope.

    On its way through a node a head stays JSON bytes; `decode_head` opens it where a part has to look.
    """

    headers: dict[str, Any]
    properties: dict[str, Any]
    content_type: str = "application/json"
    content_encoding: str = "utf-8"


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoders raise for bytes that are not what they should be: broken, no UTF-8, or nested without end."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Head).decode

REVIVALS = "x-understudy-revivals"
"""Header: how often a message has come back from the dead letter queue; it tells what follows from each run apart."""


def encode_head(head: Head) -> bytes:
    """Return `head` as JSON bytes."""
    return _encode(head)


def decode_head(raw: bytes) -> Head:
    """Open a head; raises one of `UNREADABLE` where it is malformed."""
    return _decode(raw)


def revived(headers: dict[str, Any]) -> dict[str, Any]:
    """Return the headers of a message that comes back from the dead letter queue once more."""
    before = headers.get(REVIVALS)
    return {**headers, REVIVALS: (before if isinstance(before, int) else 0) + 1}


class Publication(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A message on its way to a queue.

    id: the task's id; a transport that can drops a second publication with the same `dedupe` key.
    eta, expires: unix seconds, or None. priority: 0 to 9, 9 first (each transport maps it to its wire's order).
    exchange "" means the default exchange, where `routing_key` names the queue.
    """

    id: str
    routing_key: str
    head: bytes
    body: bytes
    exchange: str = ""
    priority: int = 0
    eta: float | None = None
    expires: float | None = None
    dedupe: str | None = None


NODE_DEATHS = 30
"""A message that was held by this many nodes when they died is not run again: its task has failed."""


class Delivery(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A message that this intake holds until it settles `tag`.

    tag: unique within the intake's life, never reused, above 0. losses: how often a pool process died while it ran this
    message. redelivered: it may have been started before. deaths: how many nodes died while they held it, where the
    broker counts them.
    """

    tag: int
    queue: str
    head: bytes
    body: bytes
    losses: int = 0
    redelivered: bool = False
    deaths: int = 0


class Result(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A task's state as it is stored: `payload` is Celery's result meta, encoded (JSON unless configured).

    reply_to: the queue of whoever called the task, where results go by message.
    """

    task_id: str
    state: str
    payload: bytes
    ttl: float | None = None
    reply_to: str | None = None


class ChordPart(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A finished member of a chord's header.

    index: its place in the header. payload: the encoded value (or error) for the body. When the last of `size`
    parts is in, the store publishes `trigger` once, in the same commit as that part where it can. `size` is None
    where the part does not know it: then `set_chord_size` does. entry: all of it as Celery keeps it, where that is no
    JSON around `payload`: in another serializer, or compressed.
    """

    group_id: str
    index: int
    task_id: str
    state: str
    payload: bytes
    trigger: Publication
    size: int | None = None
    entry: bytes | None = None


class Verdict(IntEnum):
    """What becomes of a delivered message."""

    ACK = 0
    """It is finished, well or badly: results and follow-ups are in the outcome."""
    REQUEUE = 1
    """It was not run, or cut off by shutdown: back to the queue's head; counts as nothing."""
    LOST = 2
    """Its pool process died while it ran: back to the queue with `losses` one higher."""
    DEAD = 3
    """It goes to the dead letter queue with `reason`; result, follow-ups and chord part are committed with it."""


class Outcome(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """All that follows from one delivery: what is stored, what is sent, what becomes of the message.

    One commit where the transport can. `delay` (seconds) holds a requeued or lost message back. `more_results`: states
    that follow from `result`, such as those of the rest of a failed chain. `ended_chord`: the group id of a chord whose
    body is among `follow_ups` (or failed with `result`): its parts are forgotten, as by `ResultStore.delete_chord`.
    """

    tag: int
    verdict: Verdict = Verdict.ACK
    result: Result | None = None
    follow_ups: tuple[Publication, ...] = ()
    chord: ChordPart | None = None
    reason: str = ""
    delay: float = 0.0
    more_results: tuple[Result, ...] = ()
    ended_chord: str | None = None


class DeadLetter(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """An entry of a dead letter queue: `since` is unix seconds, `queue` where it came from."""

    id: str
    task: str
    queue: str
    reason: str
    since: float
    losses: int
    head: bytes
    body: bytes
