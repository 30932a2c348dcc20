"""`Holding`: what an intake was given, and what has become of it; of one channel, and void with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import count, islice
from math import inf

from ..letters.delayed import Delayed
from ..letters.letter import Taken
from ..message import Delivery, Outcome
from .channel import Channel
from .consumers import Consumer
from .forms import Forms
from .parcel import delivery_of, is_plain, taken_of
from .protocol.connection import Delivered
from .protocol.frames import ack_frame, requeue_frame


class Held:
    """A message that was given to us. `number` is the broker's name for it on its channel.

    doubtful: it came before, and nobody knows yet what became of it. key: what it is counted by, where it was counted.
    deaths: how many nodes may have died of it.
    """

    __slots__ = ("consumer", "deaths", "delivered", "doubtful", "key", "number", "size")

    def __init__(self, delivered: Delivered, consumer: Consumer) -> None:
        self.delivered: Delivered = delivered
        self.consumer: Consumer = consumer
        self.number: int = delivered.tag
        self.size: int = len(delivered.body) + len(delivered.properties)
        self.doubtful: bool = delivered.redelivered
        self.key: str | None = None
        self.deaths: int = 0


class Holding:
    """Messages that have arrived, that wait until they are due, and that were handed out. Not thread-safe.

    Tags are never reused, whichever channel a message came by.
    """

    def __init__(self) -> None:
        self.arrived: deque[Held] = deque()
        self.arrived_size: int = 0
        """Bytes."""
        self.delayed: Delayed[Held] = Delayed()
        self._forms = Forms()
        self._tags = count(1)
        self._by_tag: dict[int, Held] = {}
        self._settling: set[int] = set()
        self._unsettled: dict[int, Held] = {}
        """By the broker's number, in the order in which they came."""

    def __bool__(self) -> bool:
        return bool(self._unsettled)

    def take_in(self, delivered: Delivered, consumer: Consumer) -> Held:
        """Note a message that was given to us, and return it."""
        held = Held(delivered, consumer)
        consumer.held += 1
        self._unsettled[held.number] = held
        self.arrived.append(held)
        self.arrived_size += held.size
        return held

    def hand_out(self, limit: int, at: float, since: float, room: float = inf) -> list[Delivery]:
        """Give tags to up to `limit` messages that are due `at` a time (unix); others are put aside `since` now.

        It ends before a message that is doubtful, and after the one that fills `room` (bytes).
        """
        for held in reversed(self.delayed.pop_due(at, limit)):
            self.arrived.appendleft(held)
            self.arrived_size += held.size
        ready: list[Delivery] = []
        while self.arrived and len(ready) < limit and (room > 0 or not ready):
            held = self.arrived[0]
            delivery = self._alike(held)
            if delivery is None:
                taken = taken_of(held.delivered, held.consumer.queue)
                if taken.due <= at and held.doubtful:
                    break
                if taken.due > at:
                    self._pop_first()
                    self.delayed.add(held, taken.due, since)
                    continue
                delivery = self._tagged(held, taken)
            self._pop_first()
            room -= held.size
            ready.append(delivery)
        return ready

    def doubtful(self, limit: int) -> list[Held]:
        """Return the doubtful ones among the first messages that have arrived, where it is such a one's turn."""
        if not self.arrived or not self.arrived[0].doubtful:
            return []
        return [held for held in islice(self.arrived, limit) if held.doubtful]

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

    def put_aside(self, some: Sequence[Held], due: float, since: float) -> None:
        """Have messages that have arrived wait until `due` (unix), `since` now."""
        chosen = {held.number for held in some if self._unsettled.get(held.number) is held}
        aside = [held for held in self.arrived if held.number in chosen]
        for held in aside:
            self.arrived.remove(held)
            self.arrived_size -= held.size
            self.delayed.add(held, due, since)

    def surplus(self, limit: int, room: float = inf) -> list[Held]:
        """Remove and return what has arrived beyond a limit, and beyond the message that fills `room`, the youngest."""
        returned: list[Held] = []
        while self.arrived and (len(self.arrived) > limit or self.arrived_size - self.arrived[-1].size >= room):
            returned.append(self.arrived.pop())
            self.arrived_size -= returned[-1].size
        return returned

    def unsettled(self) -> list[Held]:
        """Return all that was given to us and has not gone back, nor ended."""
        return list(self._unsettled.values())

    def give_up(self) -> list[Held]:
        """Void everything but what is being settled; returns what was not."""
        kept = {self._by_tag[tag].number for tag in self._settling if tag in self._by_tag}
        left = [held for number, held in self._unsettled.items() if number not in kept]
        self._by_tag = {tag: held for tag, held in self._by_tag.items() if tag in self._settling}
        self._clear_arrived()
        self.delayed.clear()
        return left

    def clear(self) -> None:
        """Void everything: the channel is gone, and what it had given is the broker's again."""
        self._clear_arrived()
        self.delayed.clear()
        self._by_tag.clear()
        self._settling.clear()
        self._unsettled.clear()

    def _alike(self, held: Held) -> Delivery | None:
        """Return a message that is due under a tag, as others like it were read; None where it has to be read."""
        one = held.delivered
        for form in () if one.redelivered else self._forms.of(_like(one)):
            head = form.head(one.properties)
            if head is not None:
                return Delivery(self._tag(held), held.consumer.queue, head, one.body)
        return None

    def _tagged(self, held: Held, taken: Taken) -> Delivery:
        if is_plain(taken):
            self._forms.learn(_like(held.delivered), held.delivered.properties, taken.head)
        return delivery_of(taken, self._tag(held), held.deaths)

    def _tag(self, held: Held) -> int:
        tag = next(self._tags)
        self._by_tag[tag] = held
        return tag

    def _pop_first(self) -> None:
        self.arrived_size -= self.arrived.popleft().size

    def _clear_arrived(self) -> None:
        self.arrived.clear()
        self.arrived_size = 0

    def _settled(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._unsettled.pop(number).consumer.held -= 1


def _like(delivered: Delivered) -> tuple[int, str, str]:
    """Return what messages share whose heads may have one form."""
    return len(delivered.properties), delivered.exchange, delivered.routing_key
