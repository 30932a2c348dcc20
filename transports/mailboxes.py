"""`BrokerBus`: a bus over a session with a broker; what the broker has to do for it is a `Mailboxes` for each kind."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from ..actors.completion import Completion
from ..actors.remote import Parcel, Receipt
from .errors import BrokerRefused, BrokerUnavailable
from .lane import now
from .session import Connected, Session

L = TypeVar("L", bound=Connected)

CAPACITY = 10_000
"""What is kept here for a mailbox at most that nobody collects; the oldest goes first."""


@dataclass(slots=True)
class Box:
    """A mailbox of this process: what it hears, what has come, and who waits for that, or until when it is kept."""

    name: str
    topics: frozenset[str] = frozenset()
    ttl: float = 0.0
    expires: float = 0.0
    mail: deque[bytes] = field(default_factory=lambda: deque[bytes](maxlen=CAPACITY))
    waiting: Completion[list[bytes]] | None = None

    def answer(self) -> None:
        """Hand out what there is, if somebody waits."""
        if self.waiting is not None and self.mail:
            waiting, self.waiting = self.waiting, None
            mail = list(self.mail)
            self.mail.clear()
            self.expires = now() + self.ttl
            waiting.resolve(mail)

    def give_up(self, error: Exception | None = None) -> None:
        """Let whoever waits go, with nothing or an error."""
        self.expires = now() + self.ttl
        waiting, self.waiting = self.waiting, None
        if waiting is not None and error is not None:
            waiting.fail(error)
        elif waiting is not None:
            waiting.resolve([])


class BrokerBus:
    """See `Bus`. A post that has to be made again, over another connection, may come twice; receivers notice."""

    def __init__(self, mailboxes: Mailboxes[Any]) -> None:
        self._mailboxes = mailboxes

    def post(self, parcels: Sequence[Parcel]) -> Completion[list[Receipt]]:
        """See `Bus.post`."""
        return self._mailboxes.run(lambda link: self._mailboxes.publish(link, parcels))

    def collect(self, mailbox: str, topics: Sequence[str], ttl: float) -> Completion[list[bytes]]:
        """See `Bus.collect`."""
        return self._mailboxes.collect(mailbox, frozenset(topics), ttl)

    def drop(self, mailbox: str) -> Completion[None]:
        """See `Bus.drop`."""
        return self._mailboxes.forget(mailbox)

    def close(self) -> None:
        """Close the connections; what waits fails."""
        self._mailboxes.lane.close()


class Mailboxes(Session[L]):
    """The connection by which mail goes and comes, and the mailboxes that are fed from it."""

    def __init__(self, name: str, make: Callable[[], L], patience: float) -> None:
        super().__init__(name, make, patience)
        self.boxes: dict[str, Box] = {}

    @abstractmethod
    def publish(self, link: L, parcels: Sequence[Parcel]) -> list[Receipt]:
        """Post parcels; returns what became of each."""

    @abstractmethod
    def listen(self, link: L) -> None:
        """Have the broker send what the mailboxes are to hear, and nothing else."""

    @abstractmethod
    def pull(self, link: L) -> float | None:
        """Put into the mailboxes what has come; returns the seconds until the connection needs something."""

    def discard(self, link: L, name: str) -> None:
        """Delete at the broker what there is of a mailbox, before `listen`."""

    def collect(self, mailbox: str, topics: frozenset[str], ttl: float) -> Completion[list[bytes]]:
        """Wait for what comes to a mailbox, or on any of its topics."""
        done: Completion[list[bytes]] = Completion()
        closed = BrokerUnavailable(f"{self.lane.name}: closed")
        self.lane.post(lambda: self._collect(mailbox, topics, ttl, done), lambda: done.fail(closed))
        return done

    def forget(self, mailbox: str) -> Completion[None]:
        """Keep and hear nothing more for a mailbox."""
        return self.lane.submit(lambda: self._forget(mailbox))

    # What the session asks for, on the lane's thread

    def needed(self) -> bool:
        return bool(self.boxes)

    def opened(self, link: L) -> None:
        self.listen(link)

    def serve(self, link: L) -> float | None:
        pause = self.pull(link)
        for box in self.boxes.values():
            box.answer()
        pauses = [pause, self._expire(link)]
        return min((pause for pause in pauses if pause is not None), default=None)

    def disappoint(self, error: BrokerUnavailable | BrokerRefused, asked_before: float) -> None:
        for box in self.boxes.values():
            box.give_up(error)

    def leave(self) -> None:
        for box in self.boxes.values():
            box.give_up(BrokerUnavailable(f"{self.lane.name}: closed"))
        super().leave()

    def abandon(self) -> None:
        super().abandon()
        self.boxes = {}

    def _collect(self, mailbox: str, topics: frozenset[str], ttl: float, done: Completion[list[bytes]]) -> None:
        box = self.boxes.setdefault(mailbox, Box(mailbox))
        box.give_up()
        box.waiting, box.topics, box.ttl = done, topics, ttl
        self._change(self.listen)
        box.answer()

    def _forget(self, mailbox: str) -> None:
        box = self.boxes.pop(mailbox, None)
        if box is not None:
            box.give_up()
            self._change(partial(self._end, mailbox))

    def _end(self, mailbox: str, link: L) -> None:
        self.discard(link, mailbox)
        self.listen(link)

    def _change(self, work: Callable[[L], None]) -> None:
        with suppress(BrokerUnavailable, BrokerRefused):  # then the next connection listens to all of them
            self.attempt(work)

    def _expire(self, link: L) -> float | None:
        """Forget the mailboxes for which nobody has come in time; returns the seconds until the next is due."""
        idle = {name: box.expires - now() for name, box in self.boxes.items() if box.waiting is None}
        for name in [name for name, left in idle.items() if left <= 0]:
            del self.boxes[name]
            self._end(name, link)
        return min((left for left in idle.values() if left > 0), default=None)
