"""`MemoryStorage`: the tables as dictionaries, for `memory://`, the simulator and tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec.structs import replace

from ...message import ChordPart, Result
from .place import bounds, queue_of
from .records import Buried, Chord, Message, Node


class Journal:
    """Dictionaries that can be put back to where they were at the last commit."""

    def __init__(self) -> None:
        self._undo: list[tuple[dict[Any, Any], Any, Any]] = []

    @property
    def dirty(self) -> bool:
        """Whether something was written since the last commit."""
        return bool(self._undo)

    def put(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        """Set a key; None deletes it."""
        self._undo.append((table, key, table.get(key)))
        _set(table, key, value)

    def clear(self) -> None:
        """Keep what was done."""
        self._undo.clear()

    def undo(self) -> None:
        """Take back what was done, last thing first."""
        while self._undo:
            _set(*self._undo.pop())


def _set(table: dict[Any, Any], key: Any, value: Any) -> None:
    if value is None:
        table.pop(key, None)
    else:
        table[key] = value


class MemoryMessages:
    """See `storage.Messages`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._queues: dict[int, dict[int, Message]] = {}
        self._expiring: dict[int, float] = {}
        self._delayed: dict[int, tuple[float, Message]] = {}

    def insert(self, message: Message) -> None:
        self._journal.put(self._of(message.place), message.place, message)
        if message.expires is not None:
            self._journal.put(self._expiring, message.place, message.expires)

    def delete(self, place: int) -> None:
        self._journal.put(self._of(place), place, None)
        self._journal.put(self._expiring, place, None)

    def update(self, message: Message) -> None:
        if message.place in self._of(message.place):
            self._journal.put(self._of(message.place), message.place, message)

    def load(self, places: Iterable[int]) -> list[Message]:
        return [self._of(place)[place] for place in places if place in self._of(place)]

    def scan(self, after: int, last: int, limit: int) -> list[Message]:
        messages = self._of(last)
        return [messages[place] for place in sorted(messages) if after < place <= last][:limit]

    def places(self, after: int, last: int, limit: int) -> list[int]:
        return [place for place in sorted(self._of(last)) if after < place <= last][:limit]

    def count(self, queue: int) -> int:
        return len(self._of(bounds(queue)[0]))

    def expired(self, now: float, limit: int) -> list[int]:
        ordered = sorted(self._expiring.items(), key=lambda item: (item[1], item[0]))
        return [place for place, expires in ordered if expires <= now][:limit]

    def delay(self, message: Message, due: float) -> None:
        self._journal.put(self._delayed, message.place, (due, message))

    def wake(self, now: float, limit: int) -> list[Message]:
        due = sorted((due, place) for place, (due, _) in self._delayed.items() if due <= now)[:limit]
        messages = [self._delayed[place][1] for _, place in due]
        for message in messages:
            self._journal.put(self._delayed, message.place, None)
            self.insert(message)
        return messages

    def next_due(self) -> float | None:
        return min((due for due, _ in self._delayed.values()), default=None)

    def clear_delayed(self, first: int, last: int, limit: int) -> int:
        places = [place for place in self._delayed if first <= place <= last][:limit]
        for place in places:
            self._journal.put(self._delayed, place, None)
        return len(places)

    def everything(self) -> Iterator[Message]:
        """Yield all messages of all queues, the delayed ones too."""
        for messages in self._queues.values():
            yield from messages.values()
        yield from (message for _, message in self._delayed.values())

    def occupied(self) -> set[int]:
        """Return the numbers of the queues that have messages."""
        filled = {number for number, messages in self._queues.items() if messages}
        return filled | {queue_of(place) for place in self._delayed}

    def _of(self, place: int) -> dict[int, Message]:
        return self._queues.setdefault(queue_of(place), {})


class MemoryResults:
    """See `storage.Results`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._results: dict[str, tuple[Result, float | None]] = {}
        self._groups: dict[str, tuple[bytes, float | None]] = {}

    def put(self, results: Sequence[Result], now: float) -> None:
        for result in results:
            known = self._results.get(result.task_id)
            if known is None or known[0].state != "SUCCESS" or result.state == "SUCCESS":
                expires = None if result.ttl is None else now + result.ttl
                self._journal.put(self._results, result.task_id, (result, expires))

    def get(self, task_ids: Sequence[str], now: float) -> list[tuple[str, bytes] | None]:
        found = [self._results.get(task_id) for task_id in task_ids]
        return [(one[0].state, one[0].payload) if one is not None and _lasts(one[1], now) else None for one in found]

    def delete(self, task_ids: Sequence[str]) -> None:
        for task_id in task_ids:
            self._journal.put(self._results, task_id, None)

    def put_group(self, group_id: str, payload: bytes, expires: float | None) -> None:
        self._journal.put(self._groups, group_id, (payload, expires))

    def get_group(self, group_id: str, now: float) -> bytes | None:
        payload, expires = self._groups.get(group_id, (None, None))
        return payload if _lasts(expires, now) else None

    def delete_group(self, group_id: str) -> None:
        self._journal.put(self._groups, group_id, None)

    def sweep(self, now: float) -> None:
        """Delete what has expired."""
        for table in (self._results, self._groups):
            for key in [key for key, (_, expires) in table.items() if not _lasts(expires, now)]:
                self._journal.put(table, key, None)


def _lasts(expires: float | None, now: float) -> bool:
    return expires is None or expires > now


class MemoryChords:
    """See `storage.Chords`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._chords: dict[str, Chord] = {}
        self._parts: dict[str, dict[int, tuple[int, str, str, bytes]]] = {}

    def get(self, group_id: str) -> Chord | None:
        chord = self._chords.get(group_id)
        return None if chord is None else replace(chord)

    def put(self, chord: Chord) -> None:
        self._journal.put(self._chords, chord.group_id, replace(chord))

    def add_part(self, part: ChordPart) -> bool:
        parts = self._parts.setdefault(part.group_id, {})
        if part.index in parts:
            return False
        self._journal.put(parts, part.index, (part.index, part.task_id, part.state, part.payload))
        return True

    def parts(self, group_id: str) -> list[tuple[int, str, str, bytes]]:
        parts = self._parts.get(group_id, {})
        return [parts[index] for index in sorted(parts)]

    def delete_parts(self, group_id: str) -> None:
        self._journal.put(self._parts, group_id, None)

    def sweep(self, now: float) -> None:
        """Delete what has expired."""
        for group_id in [chord.group_id for chord in self._chords.values() if chord.expires <= now]:
            self._journal.put(self._chords, group_id, None)
            self.delete_parts(group_id)


class MemoryDeadLetters:
    """See `storage.DeadLetterTable`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._entries: dict[int, Buried] = {}

    def put(self, buried: Buried) -> None:
        self._journal.put(self._entries, buried.message.place, buried)

    def select(self, ids: Sequence[str] | None, queue: str | None, limit: int | None) -> list[Buried]:
        chosen = [
            buried
            for buried in sorted(self._entries.values(), key=lambda buried: (buried.since, buried.message.place))
            if (ids is None or buried.message.id in ids) and queue in (None, buried.queue)
        ]
        return chosen[:limit]

    def delete(self, places: Sequence[int]) -> None:
        for place in places:
            self._journal.put(self._entries, place, None)

    def sweep(self, now: float) -> None:
        """Delete what has expired."""
        self.delete([place for place, buried in self._entries.items() if buried.expires <= now])


class MemoryBook:
    """See `storage.Book`."""

    def __init__(self, journal: Journal, messages: MemoryMessages) -> None:
        self._journal = journal
        self._messages = messages
        self._counters: dict[str, int] = {}
        self._queues: dict[str, int] = {}
        self._nodes: dict[str, Node] = {}
        self._clients: dict[str, int] = {}
        self._keys: dict[str, float] = {}

    def begin(self) -> int:
        return self._advance("incarnation", 1) + 1

    def reserve(self, count: int) -> int:
        return self._advance("sequence", count) + 1

    def queues(self) -> dict[str, int]:
        return dict(self._queues)

    def add_queue(self, name: str) -> int:
        taken = set(self._queues.values())
        number = next(number for number in range(len(taken) + 1) if number not in taken)
        self._journal.put(self._queues, name, number)
        return number

    def drop_empty_queues(self) -> None:
        occupied = self._messages.occupied()
        for name in [name for name, number in self._queues.items() if number not in occupied]:
            self._journal.put(self._queues, name, None)

    def nodes(self) -> list[Node]:
        return list(self._nodes.values())

    def put_node(self, node: Node) -> None:
        self._journal.put(self._nodes, node.boot, node)

    def delete_node(self, boot: str) -> None:
        self._journal.put(self._nodes, boot, None)

    def last_number(self, client: str) -> int:
        return self._clients.get(client, 0)

    def remember_number(self, client: str, number: int, now: float) -> None:
        del now  # a client lives no longer than this process
        self._journal.put(self._clients, client, number)

    def claim_key(self, key: str, expires: float) -> bool:
        if key in self._keys:
            return False
        self._journal.put(self._keys, key, expires)
        return True

    def sweep(self, now: float) -> None:
        """Delete what has expired."""
        for key in [key for key, expires in self._keys.items() if expires <= now]:
            self._journal.put(self._keys, key, None)

    def _advance(self, counter: str, count: int) -> int:
        value = self._counters.get(counter, 0)
        self._journal.put(self._counters, counter, value + count)
        return value


class MemoryStorage:
    """See `storage.Storage`. A commit never fails."""

    def __init__(self) -> None:
        self._journal = Journal()
        self.messages: MemoryMessages = MemoryMessages(self._journal)
        self.results: MemoryResults = MemoryResults(self._journal)
        self.chords: MemoryChords = MemoryChords(self._journal)
        self.dead: MemoryDeadLetters = MemoryDeadLetters(self._journal)
        self.book: MemoryBook = MemoryBook(self._journal, self.messages)

    def commit(self) -> None:
        self._journal.clear()

    def rollback(self) -> None:
        self._journal.undo()

    def sweep(self, now: float, limit: int) -> bool:
        del limit  # all of it at once
        for table in (self.results, self.chords, self.dead, self.book):
            table.sweep(now)
        return False

    def close(self) -> None:
        """There is nothing to close."""
