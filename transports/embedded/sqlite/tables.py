"""The tables of `core.storage`, in SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec.structs import astuple

from ...message import ChordPart, Result
from ..core.place import QUEUE_SHIFT
from ..core.records import Buried, Chord, ChordState, Message, Node
from . import statements as sql
from .session import Row, Session

_EVERYTHING = -1  # SQLite's LIMIT for none


def _message(row: Row) -> Message:
    place, task_id, head, body, expires, losses, deaths, returned = row
    return Message(place, task_id, head, body, expires, losses, deaths, bool(returned))


class SqliteMessages:
    """See `storage.Messages`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._insert = session.deferring(sql.INSERT_MESSAGE)
        self._delete = session.deferring(sql.DELETE_MESSAGE)
        self._insert_delayed = session.deferring(sql.INSERT_DELAYED)
        self._delete_delayed = session.deferring(sql.DELETE_DELAYED)
        self._change_count = session.deferring(sql.CHANGE_COUNT)
        self._changes: defaultdict[int, int] = defaultdict(int)
        """By queue, how much longer this transaction has made it."""

    def insert(self, message: Message) -> None:
        self._insert(astuple(message))
        self._changes[message.place >> QUEUE_SHIFT] += 1

    def delete(self, place: int) -> None:
        self._delete((place,))
        self._changes[place >> QUEUE_SHIFT] -= 1

    def update(self, message: Message) -> None:
        self._session.write(sql.UPDATE_MESSAGE, (message.losses, message.deaths, int(message.returned), message.place))

    def load(self, places: Iterable[int]) -> list[Message]:
        return [_message(row) for place in places for row in self._session.read(sql.LOAD_MESSAGE, (place,))]

    def scan(self, after: int, last: int, limit: int) -> list[Message]:
        return [_message(row) for row in self._session.read(sql.SCAN_MESSAGES, (after, last, limit))]

    def places(self, after: int, last: int, limit: int) -> list[int]:
        return [place for (place,) in self._session.read(sql.PLACES, (after, last, limit))]

    def count(self, queue: int) -> int:
        return (self._session.value(sql.COUNT_MESSAGES, (queue,)) or 0) + self._changes.get(queue, 0)

    def expired(self, now: float, limit: int) -> list[int]:
        return [place for (place,) in self._session.read(sql.EXPIRED_MESSAGES, (now, limit))]

    def delay(self, message: Message, due: float) -> None:
        self._insert_delayed((*astuple(message), due))

    def wake(self, now: float, limit: int) -> list[Message]:
        messages = [_message(row) for row in self._session.read(sql.DUE_MESSAGES, (now, limit))]
        for message in messages:
            self._delete_delayed((message.place,))
            self.insert(message)
        return messages

    def next_due(self) -> float | None:
        return self._session.value(sql.NEXT_DUE)

    def clear_delayed(self, first: int, last: int, limit: int) -> int:
        return self._session.write(sql.CLEAR_DELAYED, (first, last, limit))

    def write_counts(self) -> None:
        """Let the transaction keep the queues' lengths."""
        for queue, change in self._changes.items():
            if change:
                self._change_count((change, queue))
        self._changes.clear()

    def forget_counts(self) -> None:
        """Forget what the transaction did: it is rolled back."""
        self._changes.clear()


class SqliteResults:
    """See `storage.Results`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._put = session.deferring(sql.PUT_RESULT)

    def put(self, results: Sequence[Result], now: float) -> None:
        for result in results:
            expires = None if result.ttl is None else now + result.ttl
            self._put((result.task_id, result.state, result.payload, expires))

    def get(self, task_ids: Sequence[str], now: float) -> list[tuple[str, bytes] | None]:
        found = [self._session.read(sql.GET_RESULT, (task_id, now)) for task_id in task_ids]
        return [(rows[0][0], rows[0][1]) if rows else None for rows in found]

    def delete(self, task_ids: Sequence[str]) -> None:
        self._session.write_many(sql.DELETE_RESULT, [(task_id,) for task_id in task_ids])

    def put_group(self, group_id: str, payload: bytes, expires: float | None) -> None:
        self._session.write(sql.PUT_GROUP, (group_id, payload, expires))

    def get_group(self, group_id: str, now: float) -> bytes | None:
        return self._session.value(sql.GET_GROUP, (group_id, now))

    def delete_group(self, group_id: str) -> None:
        self._session.write(sql.DELETE_GROUP, (group_id,))


class SqliteChords:
    """See `storage.Chords`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def get(self, group_id: str) -> Chord | None:
        rows = self._session.read(sql.GET_CHORD, (group_id,))
        if not rows:
            return None
        _, size, arrived, state, fires, expires = rows[0]
        return Chord(group_id, size, arrived, ChordState(state), fires, expires)

    def put(self, chord: Chord) -> None:
        self._session.write(sql.PUT_CHORD, astuple(chord))

    def add_part(self, part: ChordPart) -> bool:
        row = (part.group_id, part.index, part.task_id, part.state, part.payload)
        return self._session.write(sql.ADD_PART, row) == 1

    def parts(self, group_id: str) -> list[tuple[int, str, str, bytes]]:
        return [(row[0], row[1], row[2], row[3]) for row in self._session.read(sql.PARTS, (group_id,))]

    def delete_parts(self, group_id: str) -> None:
        self._session.write(sql.DELETE_PARTS, (group_id,))

    def sweep(self, now: float, limit: int) -> int:
        """Delete up to `limit` chords that have expired, with their parts; returns their number."""
        expired = self._session.read(sql.EXPIRED_CHORDS, (now, limit))
        if expired:
            self._session.write_many(sql.DELETE_PARTS, expired)
            self._session.write_many(sql.DELETE_CHORD, expired)
        return len(expired)


class SqliteDeadLetters:
    """See `storage.DeadLetterTable`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._put = session.deferring(sql.PUT_DEAD)

    def put(self, buried: Buried) -> None:
        message = buried.message
        kept = (message.place, message.id, message.head, message.body, message.losses, message.deaths)
        why = (buried.queue, buried.task, buried.reason, buried.since, buried.expires)
        self._put(kept + why)

    def select(self, ids: Sequence[str] | None, queue: str | None, limit: int | None) -> list[Buried]:
        if ids is None:
            rows = self._session.read(sql.ALL_DEAD, (queue, _EVERYTHING if limit is None else limit))
        else:
            rows = [row for one in ids for row in self._session.read(sql.DEAD_BY_ID, (one, queue))][:limit]
        return [
            Buried(Message(place, task_id, head, body, None, losses, deaths, returned=True), *why)
            for place, task_id, head, body, losses, deaths, *why in rows
        ]

    def delete(self, places: Sequence[int]) -> None:
        self._session.write_many(sql.DELETE_DEAD, [(place,) for place in places])


class SqliteBook:
    """See `storage.Book`."""

    def __init__(self, session: Session, client_retention: float) -> None:
        self._session = session
        self._client_retention = client_retention
        self._remember_number = session.deferring(sql.REMEMBER_NUMBER)

    def begin(self) -> int:
        return self._advance("incarnation", 1) + 1

    def reserve(self, count: int) -> int:
        return self._advance("sequence", count) + 1

    def queues(self) -> dict[str, int]:
        return dict(self._session.read(sql.QUEUES))  # type: ignore[arg-type]

    def add_queue(self, name: str) -> int:
        taken = set(self.queues().values())
        number = next(number for number in range(len(taken) + 1) if number not in taken)
        self._session.write(sql.ADD_QUEUE, (number, name))
        return number

    def drop_empty_queues(self) -> None:
        self._session.write(sql.DROP_EMPTY_QUEUES)

    def nodes(self) -> list[Node]:
        return [Node(*row) for row in self._session.read(sql.NODES)]

    def put_node(self, node: Node) -> None:
        self._session.write(sql.PUT_NODE, (node.boot, node.fence))

    def delete_node(self, boot: str) -> None:
        self._session.write(sql.DELETE_NODE, (boot,))

    def last_number(self, client: str) -> int:
        return self._session.value(sql.LAST_NUMBER, (client,)) or 0

    def remember_number(self, client: str, number: int, now: float) -> None:
        self._remember_number((client, number, now + self._client_retention))

    def claim_key(self, key: str, expires: float) -> bool:
        return self._session.write(sql.CLAIM_KEY, (key, expires)) == 1

    def _advance(self, counter: str, count: int) -> int:
        value = self._session.value(sql.GET_META, (counter,)) or 0
        self._session.write(sql.PUT_META, (counter, value + count))
        return value
