"""`Holding`: what an intake was given, and what has become of it; of one channel, and void with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import count

from ..letters.delayed import Delayed
from ..message import Delivery, Outcome
from .channel import Channel
from .consumers import Consumer
from .parcel import delivery_of, taken_of
from .protocol.connection import Delivered
from .protocol.frames import ack_frame, requeue_frame


class Held:
    """A message that was given to us. `number` is the broker's name for it on its channel."""

    __slots__ = ("consumer", "delivered", "number")

    def __init__(self, delivered: Delivered, consumer: Consumer) -> None:
        self.delivered: Delivered = delivered
        self.consumer: Consumer = consumer
        self.number: int = delivered.tag


class Holding:
    """Messages that have arrived, that wait until they are due, and that were handed out. Not thread-safe.

    Tags are never reused, whichever channel a message came by.
    """

    def __init__(self) -> None:
        self.arrived: deque[Held] = deque()
        self.delayed: Delayed[Held] = Delayed()
        self._tags = count(1)
        self._by_tag: dict[int, Held] = {}
        self._settling: set[int] = set()
        self._unsettled: dict[int, Held] = {}
        """By the broker's number, in the order in which they came."""

    def __bool__(self) -> bool:
        return bool(self._unsettled)

    def take_in(self, delivered: Delivered, consumer: Consumer) -> None:
        """Note a message that was given to us."""
        held = Held(delivered, consumer)
        consumer.held += 1
        self._unsettled[held.number] = held
        self.arrived.append(held)

    def hand_out(self, limit: int, at: float, since: float) -> list[Delivery]:
        """Give tags to up to `limit` messages that are due `at` a time (unix); others are put aside `since` now."""
        ready = [self._tagged(held)[0] for held in self.delayed.pop_due(at, limit)]
        while self.arrived and len(ready) < limit:
            held = self.arrived.popleft()
            delivery, due = self._tagged(held)
            if due > at:
                self._by_tag.pop(delivery.tag)
                self.delayed.add(held, due, since)
            else:
                ready.append(delivery)
        return ready

    def of(self, tag: int) -> Held | None:
        """Return what was handed out under a tag, unless it is being settled."""
        return None if tag in self._settling else self._by_tag.get(tag)

    def claim(self, tag: int) -> None:
        """Keep a tag from being settled by others."""
        self._settling.add(tag)

    def release(self, outcomes: Iterable[Outcome]) -> None:
        """Let tags be settled again."""
        self._settling.difference_update(outcome.tag for outcome in outcomes)

    def is_held(self, tag: int, held: Held) -> bool:
        """Tell whether a message is still ours under a tag."""
        return self._by_tag.get(tag) is held

    def forget(self, tag: int) -> None:
        """Void a tag; its message stays unsettled."""
        self._by_tag.pop(tag, None)
        self._settling.discard(tag)

    def acknowledge(self, channel: Channel, done: Iterable[Held]) -> bytes:
        """Return the frames that end messages: the oldest in one, where nothing older is unsettled."""
        numbers = {held.number for held in done if self._unsettled.get(held.number) is held}
        last = 0
        for number in self._unsettled:
            if number not in numbers:
                break
            last = number
        frames = [ack_frame(channel.number, last, multiple=True)] if last else []
        frames += [ack_frame(channel.number, number, multiple=False) for number in sorted(numbers) if number > last]
        self._settled(numbers)
        return b"".join(frames)

    def give_back(self, channel: Channel, returned: Iterable[Held]) -> bytes:
        """Return the frames by which messages go back, each to its old place."""
        numbers = sorted(held.number for held in returned if self._unsettled.get(held.number) is held)
        self._settled(numbers)
        return b"".join(requeue_frame(channel.number, number) for number in numbers)

    def surplus(self, limit: int) -> list[Held]:
        """Remove and return what has arrived beyond a limit, the youngest."""
        return [self.arrived.pop() for _ in range(len(self.arrived) - limit)]

    def give_up(self) -> list[Held]:
        """Void everything but what is being settled; returns what was not."""
        kept = {self._by_tag[tag].number for tag in self._settling if tag in self._by_tag}
        left = [held for number, held in self._unsettled.items() if number not in kept]
        self._by_tag = {tag: held for tag, held in self._by_tag.items() if tag in self._settling}
        self.arrived.clear()
        self.delayed.clear()
        return left

    def clear(self) -> None:
        """Void everything: the channel is gone, and what it had given is the broker's again."""
        self.arrived.clear()
        self.delayed.clear()
        self._by_tag.clear()
        self._settling.clear()
        self._unsettled.clear()

    def _tagged(self, held: Held) -> tuple[Delivery, float]:
        taken = taken_of(held.delivered, held.consumer.queue)
        tag = next(self._tags)
        self._by_tag[tag] = held
        return delivery_of(taken, tag), taken.due

    def _settled(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._unsettled.pop(number).consumer.held -= 1
