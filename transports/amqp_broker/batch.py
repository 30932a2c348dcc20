"""`Batch`: messages that are published together, and what a retry need not send again of one that was given up."""

from __future__ import annotations

import enum
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from ...actors.completion import Completion
from ..errors import TransportError
from ..lane import now
from .parcel import Parcel

REMEMBERED = 10.0
"""Seconds for which it is known what became of a batch that was given up: whoever tries again does so sooner."""
_MOST_REMEMBERED = 20_000


class State(enum.Enum):
    """Where a message is: with us, on its way, confirmed, or refused."""

    WAITING = enum.auto()
    SENT = enum.auto()
    CONFIRMED = enum.auto()
    REFUSED = enum.auto()


class Item:
    """One message of a batch."""

    __slots__ = ("batch", "parcel", "returned", "returns", "sent", "state")

    def __init__(self, batch: Batch, parcel: Parcel) -> None:
        self.batch: Batch = batch
        self.parcel: Parcel = parcel
        self.state: State = State.WAITING
        self.sent: bool = False
        """Whether it was ever sent, over whatever connection."""
        self.returned: bool = False
        self.returns: int = 0


class Batch:
    """Messages that are published together. Times are monotonic.

    left: how many are not confirmed. unsent: how many have never been sent. posted: nobody waits for it any more, so
    that it is sent until it is confirmed, however long that takes.
    """

    __slots__ = ("asked", "completion", "deadline", "error", "items", "left", "posted", "unsent")

    def __init__(self, patience: float) -> None:
        self.completion: Completion[None] = Completion()
        self.items: list[Item] = []
        self.left: int = 0
        self.unsent: int = 0
        self.posted: bool = False
        self.asked: float = now()
        self.deadline: float = self.asked + patience
        self.error: TransportError | None = None

    def take(self, parcel: Parcel) -> Item:
        """Return a message of it that has yet to be sent."""
        item = Item(self, parcel)
        self.items.append(item)
        self.left += 1
        self.unsent += 1
        return item

    def adopt(self, item: Item) -> None:
        """Take over a message that was sent as a part of another one."""
        self.items.append(item)
        if item.state is State.SENT:
            item.batch = self
            self.left += 1


class GivenUp:
    """Messages of batches that were given up, by what was published: whoever publishes the same object tries again.

    What the broker has confirmed since, or may yet confirm over a connection that lives, is not sent a second time.
    Not thread-safe.
    """

    def __init__(self) -> None:
        self._items: OrderedDict[int, tuple[Item, float]] = OrderedDict()

    def keep(self, batches: Iterable[Batch]) -> None:
        """Remember what was sent of some batches."""
        until = now() + REMEMBERED
        for batch in batches:
            for item in batch.items:
                if item.parcel.origin is not None and item.state in {State.SENT, State.CONFIRMED}:
                    self._items[id(item.parcel.origin)] = item, until  # it is held: no other object has its id
                    self._items.move_to_end(id(item.parcel.origin))
        self._forget()

    def confirmed(self, item: Item) -> None:
        """Note that the broker has a message after all."""
        key = id(item.parcel.origin)
        if key in self._items:
            self._items[key] = item, now() + REMEMBERED
            self._items.move_to_end(key)

    def taken(self, parcels: Sequence[Parcel]) -> list[Item | None]:
        """Return, and forget, the messages that were sent before; None for those that have to be."""
        if not self._items:
            return [None] * len(parcels)
        self._forget()
        return [self._take(parcel) for parcel in parcels]

    def _take(self, parcel: Parcel) -> Item | None:
        item, _ = self._items.pop(id(parcel.origin), (None, 0.0))
        return item if item is not None and item.state in {State.SENT, State.CONFIRMED} else None

    def _forget(self) -> None:
        at = now()
        for key, (item, until) in list(self._items.items()):
            over = until < at and item.state is not State.SENT
            if not over and len(self._items) <= _MOST_REMEMBERED:
                break
            del self._items[key]
