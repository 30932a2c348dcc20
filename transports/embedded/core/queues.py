"""The queues: where publications become messages, and messages wait."""

from __future__ import annotations

from collections.abc import Generator, Iterable

from ...errors import TransportError
from ...message import Publication
from .place import MAX_QUEUES, QUEUE_SHIFT, bounds, make_place, queue_of, sequence_of
from .policy import Policy
from .ready import Ready
from .records import Message
from .storage import Storage

_BLOCK = 1 << 20
_WAKE_AT_ONCE = 1_000
_PURGE_AT_ONCE = 2_000


class Queues:
    """Every queue of the broker.

    What a round adds is in storage at once, and takes its place in memory when the round is committed.
    """

    def __init__(self, storage: Storage, policy: Policy) -> None:
        self._storage = storage
        self._messages = storage.messages
        self._policy = policy
        self._by_name: dict[str, Ready] = {}
        self._by_number: dict[int, Ready] = {}
        self.first_sequence: int = storage.book.reserve(_BLOCK)
        """Messages before it were published in an earlier incarnation."""
        self._next: int = self.first_sequence
        self._reserved: int = self._next + _BLOCK
        self._round_began_at = self._next, self._reserved
        self._arrived: list[Message] = []
        self._declared: list[Ready] = []
        self._shortened: list[Ready] = []
        self._dropped: list[int] = []
        self.next_due = self._messages.next_due()
        for name, number in storage.book.queues().items():
            self._add(name, number, empty=False)

    def begin(self) -> None:
        """Start a round."""
        self._round_began_at = self._next, self._reserved

    def declare(self, name: str) -> Ready:
        """Return the queue of a name; makes it where there is none."""
        queue = self._by_name.get(name)
        if queue is None:
            if len(self._by_name) >= MAX_QUEUES:
                raise TransportError(f"no room for the queue {name!r}: the embedded broker has {MAX_QUEUES} at most")
            queue = self._add(name, self._storage.book.add_queue(name), empty=True)
            self._declared.append(queue)
        return queue

    def of(self, message: Message) -> Ready:
        """Return the queue that a message is in."""
        return self._by_number[message.place >> QUEUE_SHIFT]

    def publish(self, publication: Publication, now: float) -> None:
        """Put a message into the queue that the routing key names, unless its `dedupe` key is known."""
        key = publication.dedupe
        if key is not None and not self._storage.book.claim_key(key, now + self._policy.key_retention):
            return

        queue = self._by_name.get(publication.routing_key) or self.declare(publication.routing_key)
        message = Message(
            make_place(queue.number, publication.priority, self._sequence()),
            publication.id,
            publication.head,
            publication.body,
            publication.expires,
        )
        if publication.eta is not None and publication.eta > now:
            self._delay(message, publication.eta)
        else:
            self.put(message)

    def put(self, message: Message) -> None:
        """Insert a message at its place."""
        self._messages.insert(message)
        self._arrived.append(message)

    def give_back(self, message: Message, due: float | None = None) -> None:
        """Let a message that was claimed wait at its place again, from `due` on."""
        if due is None:
            self._messages.update(message)
            self._arrived.append(message)
        else:
            self._messages.delete(message.place)
            self._delay(message, due)

    def next_place(self, queue: Ready, priority: int) -> int:
        """Return a place at the end of a queue."""
        return make_place(queue.number, priority, self._sequence())

    def wake(self, now: float) -> None:
        """Let delayed messages that are due take their places."""
        if self.next_due is None or self.next_due > now:
            return
        self._arrived += self._messages.wake(now, _WAKE_AT_ONCE)
        self.next_due = self._messages.next_due()

    def size(self, name: str) -> int:
        """Return how many messages wait in a queue, claimed and delayed ones not counted."""
        queue = self._by_name.get(name)
        return 0 if queue is None else self._messages.count(queue.number) - len(queue.claimed)

    def purge(self, name: str) -> Generator[None, None, int]:
        """Delete what waits in a queue now, delayed messages too, some of it at each step; returns their number."""
        queue = self._by_name.get(name)
        if queue is None:
            return 0
        first, last = bounds(queue.number)
        until, deleted = self._next, 0
        while cleared := self._messages.clear_delayed(first, last, _PURGE_AT_ONCE):
            deleted += cleared
            yield
        after = first - 1
        while places := self._messages.places(after, last, _PURGE_AT_ONCE):
            after = places[-1]
            gone = [place for place in places if sequence_of(place) < until and place not in queue.claimed]
            for place in gone:
                self._messages.delete(place)
            deleted += len(gone)
            self._shortened.append(queue)
            if len(places) == _PURGE_AT_ONCE:
                yield
        return deleted

    def drop_expired(self, now: float, limit: int) -> bool:
        """Delete up to `limit` messages that nobody took long after they had expired; True: there may be more.

        Until then they are delivered: whoever takes one says that its task came too late, and nobody waits in vain.
        """
        places = self._messages.expired(now - self._policy.expired_retention, limit)
        for place in places:
            if place not in self._by_number[queue_of(place)].claimed:
                self._messages.delete(place)
                self._dropped.append(place)
        return len(places) == limit

    def commit(self) -> None:
        """Show what the round has added."""
        for queue in self._shortened:
            queue.look_anew()
        for place in self._dropped:
            self._by_number[queue_of(place)].drop(place)
        self.show(self._arrived)
        self._forget_round()

    def rollback(self) -> None:
        """Forget what the round has added."""
        self._next, self._reserved = self._round_began_at
        self.next_due = self._messages.next_due()
        for queue in self._declared:
            del self._by_name[queue.name], self._by_number[queue.number]
        self._forget_round()

    def show(self, messages: Iterable[Message]) -> None:
        """Let messages that are in storage take their places in memory."""
        for message in messages:
            self._by_number[queue_of(message.place)].add(message)

    def _forget_round(self) -> None:
        self._arrived, self._declared, self._shortened, self._dropped = [], [], [], []

    def _delay(self, message: Message, due: float) -> None:
        self._messages.delay(message, due)
        if self.next_due is None or due < self.next_due:
            self.next_due = due

    def _sequence(self) -> int:
        if self._next == self._reserved:
            self._next = self._storage.book.reserve(_BLOCK)
            self._reserved = self._next + _BLOCK
        self._next += 1
        return self._next - 1

    def _add(self, name: str, number: int, *, empty: bool) -> Ready:
        queue = Ready(number, name, self._messages, self._policy.window, self._policy.window_bytes, empty=empty)
        self._by_name[name] = self._by_number[number] = queue
        return queue
