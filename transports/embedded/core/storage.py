"""What the core asks of a place that keeps its state: tables of one transaction.

Everything written since the last `commit` is undone by `rollback`. Reads see the writes before them. Times are unix
seconds. `MemoryStorage` and `SqliteStorage` implement it; `tests/transports/embedded/test_storage.py` holds them to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from ...message import ChordPart, Result
from .records import Buried, Chord, Message, Node


class Messages(Protocol):
    """Waiting and claimed messages by place, and delayed ones by when they are due."""

    def insert(self, message: Message) -> None: ...

    def delete(self, place: int) -> None: ...

    def update(self, message: Message) -> None:
        """Write the counts of a message that is there: losses, deaths, returned."""
        ...

    def load(self, places: Iterable[int]) -> list[Message]:
        """Return those of `places` that are there."""
        ...

    def scan(self, after: int, last: int, limit: int) -> list[Message]:
        """Return up to `limit` messages with `after < place <= last`, ascending."""
        ...

    def places(self, after: int, last: int, limit: int) -> list[int]:
        """Return up to `limit` places of messages with `after < place <= last`, ascending."""
        ...

    def count(self, queue: int) -> int:
        """Return the number of messages in a queue, claimed ones too."""
        ...

    def expired(self, now: float, limit: int) -> list[int]:
        """Return places whose messages have expired, earliest first."""
        ...

    def delay(self, message: Message, due: float) -> None:
        """Keep a message aside until `due`."""
        ...

    def wake(self, now: float, limit: int) -> list[Message]:
        """Put up to `limit` delayed messages that are due into their queues, and return them."""
        ...

    def next_due(self) -> float | None:
        """Return when the next delayed message is due."""
        ...

    def clear_delayed(self, first: int, last: int, limit: int) -> int:
        """Delete up to `limit` delayed messages of the places from `first` to `last`; returns their number."""
        ...


class Results(Protocol):
    """Results and groups."""

    def put(self, results: Sequence[Result], now: float) -> None:
        """Write results in order; a stored SUCCESS is only overwritten by another SUCCESS."""
        ...

    def get(self, task_ids: Sequence[str], now: float) -> list[tuple[str, bytes] | None]:
        """Return (state, payload) of each task, None where there is none or it has expired."""
        ...

    def delete(self, task_ids: Sequence[str]) -> None: ...

    def put_group(self, group_id: str, payload: bytes, expires: float | None) -> None: ...

    def get_group(self, group_id: str, now: float) -> bytes | None: ...

    def delete_group(self, group_id: str) -> None: ...


class Chords(Protocol):
    """Chords and their parts."""

    def get(self, group_id: str) -> Chord | None: ...

    def put(self, chord: Chord) -> None: ...

    def add_part(self, part: ChordPart) -> bool:
        """Keep a part; False where its index is there already."""
        ...

    def parts(self, group_id: str) -> list[tuple[int, str, str, bytes]]:
        """Return (index, task id, state, payload) by index."""
        ...

    def delete_parts(self, group_id: str) -> None: ...


class DeadLetterTable(Protocol):
    """Dead letters, oldest first."""

    def put(self, buried: Buried) -> None: ...

    def select(self, ids: Sequence[str] | None, queue: str | None, limit: int | None) -> list[Buried]:
        """Return the entries with one of `ids` and of `queue`; None stands for all."""
        ...

    def delete(self, places: Sequence[int]) -> None: ...


class Book(Protocol):
    """What the broker has to remember about itself and about others."""

    def begin(self) -> int:
        """Return the number of this incarnation: one more than the last."""
        ...

    def reserve(self, count: int) -> int:
        """Set `count` sequence numbers aside that nobody had before; returns the first."""
        ...

    def queues(self) -> dict[str, int]: ...

    def add_queue(self, name: str) -> int:
        """Return the number of a new queue; numbers of queues that are gone are used again."""
        ...

    def drop_empty_queues(self) -> None:
        """Forget queues without a message."""
        ...

    def nodes(self) -> list[Node]: ...

    def put_node(self, node: Node) -> None: ...

    def delete_node(self, boot: str) -> None: ...

    def last_number(self, client: str) -> int:
        """Return the highest request number of `client` that was carried out, 0 for none."""
        ...

    def remember_number(self, client: str, number: int, now: float) -> None: ...

    def claim_key(self, key: str, expires: float) -> bool:
        """Remember a deduplication key; False where it is known already."""
        ...


class Storage(Protocol):
    """The tables, and the transaction over all of them."""

    @property
    def messages(self) -> Messages: ...

    @property
    def results(self) -> Results: ...

    @property
    def chords(self) -> Chords: ...

    @property
    def dead(self) -> DeadLetterTable: ...

    @property
    def book(self) -> Book: ...

    def commit(self) -> None:
        """Make everything since the last commit durable; raises `StoreUnusable` or `StoreCorrupt` where it cannot."""
        ...

    def rollback(self) -> None:
        """Undo everything since the last commit."""
        ...

    def sweep(self, now: float, limit: int) -> bool:
        """Delete up to `limit` rows of each table that have expired, messages excepted; True: there may be more."""
        ...

    def close(self) -> None: ...
