"""What the core keeps in storage, row by row."""

from __future__ import annotations

from enum import IntEnum

import msgspec

from ...message import Delivery


class Message(msgspec.Struct, frozen=True, gc=False):
    """A message in a queue; the fields are the columns of its table, in order.

    losses: pool processes that died of it. deaths: nodes that died with it. returned: whether it was handed out and
    came back, for whatever reason.
    """

    place: int
    id: str
    head: bytes
    body: bytes
    expires: float | None = None
    losses: int = 0
    deaths: int = 0
    returned: bool = False


class Claimed(Delivery, frozen=True):
    """A delivery as the embedded broker makes it: with its place, by which a claim is found again after a takeover."""

    place: int = 0


class Buried(msgspec.Struct):
    """A dead letter: the message, where it came from and why it is here."""

    message: Message
    queue: str
    task: str
    reason: str
    since: float
    expires: float


class ChordState(IntEnum):
    """How far a chord is."""

    OPEN = 0
    """Parts are missing, or nobody has said yet how many there are."""
    FIRED = 1
    """Its trigger was published; the parts wait to be read."""
    ENDED = 2
    """It was deleted: late parts are ignored. The row goes when it expires."""


class Chord(msgspec.Struct):
    """The state of a chord apart from its parts; `trigger` is an encoded `Publication` while the size is unknown."""

    group_id: str
    size: int | None
    arrived: int
    state: ChordState
    trigger: bytes | None
    expires: float


class Node(msgspec.Struct):
    """A node that may hold messages, so that a new writer has to hear from it; owners up to `fence` are refused."""

    boot: str
    fence: int = -1
