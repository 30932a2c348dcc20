"""What can be asked of the embedded broker. On a socket a request is a msgpack array: its tag, then its fields."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from ..message import ChordPart, DeadLetter, Outcome, Publication, Result
from .core.records import Claimed


class Request(msgspec.Struct, array_like=True):
    """A request; its answer has the same `id`, and a value of the type `answer`.

    `number` counts the publish and settle requests of one client from 1 on: one that comes again, since its answer was
    lost with a writer, is not carried out twice. 0 where no writer stands between.
    """

    answer: ClassVar[Any] = None


class Ping(Request, tag=0):
    id: int = 0


class Open(Request, tag=1):
    owner: str
    queues: list[str]
    id: int = 0


class Fetch(Request, tag=2):
    answer: ClassVar[Any] = list[Claimed]
    owner: str
    credit: int
    id: int = 0
    room: int | None = None


class Settle(Request, tag=3):
    answer: ClassVar[Any] = list[bool]
    owner: str
    outcomes: list[Outcome]
    id: int = 0
    number: int = 0


class Renew(Request, tag=4):
    answer: ClassVar[Any] = bool
    owner: str
    id: int = 0


class Close(Request, tag=5):
    owner: str
    id: int = 0


class Publish(Request, tag=6):
    publications: list[Publication]
    id: int = 0
    number: int = 0


class Store(Request, tag=7):
    results: list[Result]
    id: int = 0


class Get(Request, tag=8):
    answer: ClassVar[Any] = list[bytes | None]
    task_ids: list[str]
    id: int = 0


class Wait(Request, tag=9):
    answer: ClassVar[Any] = bytes
    task_id: str
    timeout: float | None = None
    id: int = 0


class Forget(Request, tag=10):
    task_ids: list[str]
    id: int = 0


class SaveGroup(Request, tag=11):
    group_id: str
    payload: bytes
    ttl: float | None = None
    id: int = 0


class RestoreGroup(Request, tag=12):
    answer: ClassVar[Any] = bytes | None
    group_id: str
    id: int = 0


class DeleteGroup(Request, tag=13):
    group_id: str
    id: int = 0


class SetChordSize(Request, tag=14):
    group_id: str
    size: int
    id: int = 0


class AddChordPart(Request, tag=15):
    part: ChordPart
    id: int = 0


class GetChordParts(Request, tag=16):
    answer: ClassVar[Any] = list[tuple[int, str, str, bytes]]
    group_id: str
    id: int = 0


class EndChord(Request, tag=17):
    group_id: str
    id: int = 0


class ListDead(Request, tag=18):
    answer: ClassVar[Any] = list[DeadLetter]
    queue: str | None
    limit: int
    id: int = 0


class RetryDead(Request, tag=19):
    answer: ClassVar[Any] = list[str]
    ids: list[str] | None
    queue: str | None
    id: int = 0


class DiscardDead(Request, tag=20):
    answer: ClassVar[Any] = list[str]
    ids: list[str] | None
    queue: str | None
    id: int = 0


class Size(Request, tag=21):
    answer: ClassVar[Any] = int
    queue: str
    id: int = 0


class Purge(Request, tag=22):
    answer: ClassVar[Any] = int
    queue: str
    id: int = 0


class Leave(Request, tag=23):
    """The client goes: what its owners hold is given back, uncounted."""

    id: int = 0


class Post(Request, tag=24):
    """Mail for remote actors: (mailbox or topic, body, whether it is a topic) of each parcel.

    Answered with what became of each, see `Receipt`.
    """

    answer: ClassVar[Any] = list[int]
    parcels: list[tuple[str, bytes, bool]]
    id: int = 0


class Collect(Request, tag=25):
    """Answered with the mail of a mailbox, once there is some."""

    answer: ClassVar[Any] = list[bytes]
    mailbox: str
    topics: list[str]
    ttl: float
    id: int = 0


class Drop(Request, tag=26):
    mailbox: str
    id: int = 0


class ExtendChord(Request, tag=27):
    group_id: str
    index: int
    task_id: str
    id: int = 0


AnyRequest = (
    Ping
    | Open
    | Fetch
    | Settle
    | Renew
    | Close
    | Publish
    | Store
    | Get
    | Wait
    | Forget
    | SaveGroup
    | RestoreGroup
    | DeleteGroup
    | SetChordSize
    | AddChordPart
    | GetChordParts
    | EndChord
    | ListDead
    | RetryDead
    | DiscardDead
    | Size
    | Purge
    | Leave
    | Post
    | Collect
    | Drop
    | ExtendChord
)
