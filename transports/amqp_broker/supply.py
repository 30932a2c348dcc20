"""`Supply`: brings together what the fetches ask for and what the broker pushes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from math import inf
from typing import TYPE_CHECKING

from ...actors.completion import Completion
from ..lane import now, unix_time
from .consumers import Consumers
from .holding import Held, Holding

if TYPE_CHECKING:
    from ..message import Delivery
    from .channel import Channel
    from .protocol.connection import Delivered

_REST_AFTER = 0.05
"""Seconds without a fetch after which nothing is received any more: others may want it."""
_SURPLUS = 50
_PATIENCE = 0.01
"""Seconds in which settlements may make the room that a fetch needs, before it gets a consumer of its own."""
_NEWEST = 0.25
"""How much the size of a message counts against those of all before it."""

Answer = Callable[[], object]


class Supply:
    """The messages and the consumers of one channel after another, and the fetch that waits.

    For those who hold `lock`. keeps_consumers: whether there is always one, since a queue goes with its last consumer.
    wake: has the lane look around. returned: is told of what goes back.
    """

    def __init__(
        self,
        queues: Sequence[str],
        lock: AbstractContextManager[object],
        wake: Callable[[], object],
        returned: Callable[[Sequence[Held]], object],
        *,
        keeps_consumers: bool,
    ) -> None:
        self._lock = lock
        self.holding: Holding = Holding()
        self.channel: Channel | None = None
        self.consumers: Consumers | None = None
        self.waiting: Completion[list[Delivery]] | None = None
        self.asked: float = 0.0
        self.watched: bool = False
        """Whether the lane looks soon for whether nobody fetches any more."""
        self._queues = queues
        self._wake = wake
        self._returned = returned
        self._keeps_consumers = keeps_consumers
        self._credit = 0
        self._room = inf
        self._typical = 0.0
        """Bytes of a message."""
        self._unmet = 0
        """How many more the last fetch would have taken: if it was given all, another need not come soon."""
        self._short_since: float | None = None
        """Since when the broker may push too little."""
        self._answered = 0.0

    def open(self, channel: Channel) -> None:
        """Use a channel."""
        self.channel, self.consumers = channel, Consumers(channel, self._queues)
        self.demand()

    def close(self) -> None:
        """Void everything: the channel is gone."""
        self.channel = self.consumers = self._short_since = None
        self.holding.clear()

    def ask(self, completion: Completion[list[Delivery]], credit: int, room: float) -> Answer | None:
        """Have a fetch wait; returns what answers it, where something is there."""
        self.waiting, self._credit, self._room, self.asked = completion, credit, room, now()
        return self.ready_or_demand()

    def take_in(self, delivered: Delivered) -> None:
        """Note a message that was pushed."""
        if self.consumers is not None:
            held = self.holding.take_in(delivered, self.consumers.of(delivered.consumer))
            self._typical += (held.size - self._typical) * (_NEWEST if self._typical else 1.0)

    def ready_or_demand(self) -> Answer | None:
        """Return what answers the fetch that waits, or have more pushed; returns what there is no room for."""
        answer = self.ready()
        if answer is None:
            self.demand()  # for what has come is not due
        if self.holding.arrived_size > self._room:
            self._return_surplus()
        return answer

    def ready(self) -> Answer | None:
        """Return what answers the fetch that waits, where something is there for it."""
        waiting = self.waiting
        if waiting is None:
            return None
        deliveries = self.holding.hand_out(self._credit, unix_time(), now(), self._room)
        if not deliveries:
            return None
        self.waiting = None
        self._unmet = self._credit - len(deliveries)
        self._room -= sum(len(one.head) + len(one.body) for one in deliveries)
        self._answered = now()
        return lambda: waiting.resolve(deliveries)

    def doubtful(self) -> list[Held]:
        """Return the messages that have to be counted before the fetch that waits can get them."""
        return [] if self.waiting is None else self.holding.doubtful(self._credit)

    def demand(self) -> None:
        """Have the broker push what the fetch that waits may take."""
        if self.waiting is None or self.consumers is None:
            self._short_since = None
            return
        patient = self._short_since is None or now() < self._short_since + _PATIENCE
        if self.consumers.want(self._affordable(), patient=patient):
            self._short_since = None
        elif self._short_since is None:
            self._short_since = now()
            self._wake()
        self.give_back(self.holding.surplus(self._credit + _SURPLUS))

    def demand_again(self) -> float | None:
        """Do so again where the broker may push too little; returns the seconds until that has to be seen to."""
        if self._short_since is None:
            return None
        self.demand()
        return _PATIENCE

    def watch(self) -> float | None:
        """Stop receiving where nobody has fetched for a while; returns the seconds until that may be so."""
        if not self.consumers and not self.holding.arrived:
            self.watched = False
            return None
        idle = now() - self._answered
        if self.waiting is None and idle >= _REST_AFTER:
            self.rest()
            self.watched = False
            return None
        self.watched = self.waiting is None or idle < 20 * _REST_AFTER
        return _REST_AFTER if self.watched else None

    def rest(self) -> None:
        """Stop receiving, and return what nobody has asked for."""
        if self._end_consumers():
            self._return_arrived()

    def rest_unless_wanted(self, *, returning: bool) -> None:
        """Stop receiving before messages end, where nobody asks for others that would come in their place."""
        if self.waiting is None and (returning or not self._unmet):
            self.rest()

    def give_back(self, held: Sequence[Held]) -> None:
        """Return messages to their places."""
        if held and self.channel is not None:
            self._returned(held)
            self.channel.send(self.holding.give_back(self.channel, held))

    def _affordable(self) -> int:
        """Return how many messages have room, by the size that they had of late."""
        if self._room == inf or not self._typical:
            return self._credit
        return max(1, min(self._credit, int(self._room / self._typical)))

    def _return_surplus(self) -> None:
        """Return what there is no room for; first its consumers end, or the broker would push it again."""
        if self._end_consumers():
            self.give_back(self.holding.surplus(len(self.holding.arrived), self._room))
            self.demand()

    def _end_consumers(self) -> bool:
        channel, consumers = self.channel, self.consumers
        if channel is None or consumers is None or self._keeps_consumers:
            return False
        for ended in consumers.rest():
            ended.add_done_callback(lambda _: self._rested(channel, consumers))
        return True

    def _rested(self, channel: Channel, consumers: Consumers) -> None:
        with self._lock:
            if self.waiting is None and self.channel is channel and not consumers:
                self._return_arrived()

    def _return_arrived(self) -> None:
        self.give_back(self.holding.surplus(0))
