"""`Mailroom`: the mailboxes of a broker, in memory; time and connections are the broker's to bring."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .bus import Parcel, Receipt

T = TypeVar("T")

CAPACITY = 10_000
CAPACITY_BYTES = 1 << 26
"""What a mailbox holds at most."""
BATCH = 1_000
BATCH_BYTES = 1 << 22
"""What is handed out at a time, but for one parcel that is larger by itself."""
YOUTH = 2.0
"""Seconds after its beginning in which mail is kept for those who have yet to say that they are there."""


@dataclass(slots=True)
class Box(Generic[T]):
    """A mailbox: who waits for its mail, or when it expires if nobody comes for it."""

    expires: float
    ttl: float = 0.0
    topics: frozenset[str] = frozenset()
    mail: deque[bytes] = field(default_factory=deque[bytes])
    size: int = 0
    waiting: T | None = None

    @property
    def full(self) -> bool:
        """Whether nothing more is taken."""
        return len(self.mail) >= CAPACITY or self.size >= CAPACITY_BYTES

    def put(self, body: bytes) -> None:
        """Take a parcel."""
        self.mail.append(body)
        self.size += len(body)

    def take(self) -> list[bytes]:
        """Hand out a batch."""
        batch: list[bytes] = []
        size = 0
        while self.mail and len(batch) < BATCH and (not batch or size + len(self.mail[0]) <= BATCH_BYTES):
            batch.append(self.mail.popleft())
            size += len(batch[-1])
        self.size -= size
        return batch


class Mailroom(Generic[T]):
    """Keeps mail for those who collect it. T is what names a waiting collection; all moments are of one clock.

    A broker that takes over from another begins with no mailboxes, while the nodes believe that they have some: so for
    a moment mail for an unknown one is kept, since its node is about to collect again.
    """

    def __init__(self, now: float) -> None:
        self._boxes: dict[str, Box[T]] = {}
        self._grown_up = now + YOUTH
        self._ready: dict[str, None] = {}
        self._answers: list[tuple[T, list[bytes]]] = []

    def post(self, parcels: Iterable[Parcel], now: float) -> list[Receipt]:
        """Put parcels into mailboxes; a topic takes everything, and what hears it and is full loses it."""
        return self.post_all([(parcel.to, parcel.body, parcel.topic) for parcel in parcels], now)

    def post_all(self, parcels: Iterable[tuple[str, bytes, bool]], now: float) -> list[Receipt]:
        """Do as `post` does with (to, body, topic) of each parcel."""
        return [self._fan_out(to, body) if topic else self._deliver(to, body, now) for to, body, topic in parcels]

    def _fan_out(self, topic: str, body: bytes) -> Receipt:
        for name, box in self._boxes.items():
            if topic in box.topics and not box.full:
                box.put(body)
                self._ready[name] = None
        return Receipt.DELIVERED

    def _deliver(self, to: str, body: bytes, now: float) -> Receipt:
        box = self._boxes.get(to)
        if box is None and now < self._grown_up:
            box = self._boxes[to] = Box(self._grown_up)
        if box is None:
            return Receipt.NO_MAILBOX
        if box.full:
            return Receipt.FULL
        box.put(body)
        self._ready[to] = None
        return Receipt.DELIVERED

    def collect(self, name: str, topics: Sequence[str], ttl: float, token: T, now: float) -> None:
        """Wait for the mail of a mailbox, which is made if it is not there; an earlier collection ends."""
        box = self._boxes.get(name)
        if box is None:
            box = self._boxes[name] = Box(now + ttl)
        if box.waiting is not None:
            self._answers.append((box.waiting, []))
        box.waiting, box.ttl, box.topics = token, ttl, frozenset(topics)
        if box.mail:
            self._ready[name] = None

    def drop(self, name: str) -> None:
        """Delete a mailbox."""
        box = self._boxes.pop(name, None)
        if box is not None and box.waiting is not None:
            self._answers.append((box.waiting, []))

    def abandon(self, belongs: Callable[[T], bool], now: float) -> None:
        """Let nobody wait any more whose token `belongs` to a connection that has ended."""
        for box in self._boxes.values():
            if box.waiting is not None and belongs(box.waiting):
                box.waiting = None
                box.expires = now + box.ttl

    def answers(self, now: float) -> list[tuple[T, list[bytes]]]:
        """Return what is to be told to those who waited."""
        ready, self._ready = self._ready, {}
        for name in ready:
            box = self._boxes.get(name)
            if box is not None and box.waiting is not None and box.mail:
                self._answers.append((box.waiting, box.take()))
                box.waiting = None
                box.expires = now + box.ttl
        answers, self._answers = self._answers, []
        return answers

    def expire(self, now: float) -> None:
        """Delete the mailboxes for which nobody has come in time."""
        for name in [name for name, box in self._boxes.items() if box.waiting is None and box.expires <= now]:
            del self._boxes[name]

    def next_expiry(self) -> float | None:
        """Return when `expire` has something to do, None where nothing can expire."""
        return min((box.expires for box in self._boxes.values() if box.waiting is None), default=None)
