"""`Consumers`: how many messages the broker may push, as an intake's credit says.

A consumer's prefetch count is fixed when it begins, and each settlement frees one place of it. So a steady demand needs
no word about it; a demand that has changed gets another consumer. (A count for the whole channel could be changed at
any time, but quorum queues do not know it.)
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from ...actors.completion import Completion
from .channel import Channel
from .protocol import methods as amqp
from .protocol.connection import Said

MOST = 65_535
"""A prefetch count has 16 bits."""
_SLACK = 16


class Consumer:
    """A consumer of one queue; `held` counts what it was given and has not settled."""

    __slots__ = ("begun", "held", "limit", "queue", "tag")

    def __init__(self, queue: str, tag: str, limit: int, begun: Completion[Said]) -> None:
        self.queue: str = queue
        self.tag: str = tag
        self.limit: int = limit
        self.begun: Completion[Said] = begun
        self.held: int = 0


class Consumers:
    """The consumers of one channel: at most one that is active for each queue. Not thread-safe."""

    def __init__(self, channel: Channel, queues: Sequence[str]) -> None:
        self._channel = channel
        self._queues = queues
        self._numbers = count(1)
        self._active: dict[str, Consumer] = {}
        self._all: dict[str, Consumer] = {}

    def __bool__(self) -> bool:
        return bool(self._active)

    def of(self, tag: str) -> Consumer:
        """Return the consumer of a delivery."""
        known = self._all.get(tag)
        if known is not None:
            return known
        # RabbitMQ may push a message after it has said that its consumer has ended. Whoever forgot that one would
        # acknowledge it with the next acknowledgement of several.
        return Consumer(self._queues[int(tag.partition("-")[0])], tag, 0, Completion())

    def want(self, number: int, *, patient: bool) -> bool:
        """Have the broker push `number` messages more of each queue; returns False where it may push too few of them.

        patient: leave a consumer that may push too few as it is, since what is being settled may make room.
        """
        number = min(number, MOST - sum(one.held for one in self._all.values()))
        enough = True
        for queue in self._queues if number > 0 else ():
            active = self._active.get(queue)
            room = 0 if active is None else active.limit - active.held
            if active is not None and max(1, number // 2) <= room <= 2 * number + _SLACK:
                continue
            if patient and active is not None and room < number:
                enough = False
            else:
                self._begin(queue, number)
        return enough

    def rest(self) -> list[Completion[None]]:
        """End the active consumers; each of what is returned resolves when nothing more comes for one."""
        active, self._active = self._active, {}
        return [self._end(one) for one in active.values()]

    def ended(self, tag: str) -> None:
        """Note that the broker has ended a consumer."""
        consumer = self._all.pop(tag, None)
        if consumer is not None and self._active.get(consumer.queue) is consumer:
            del self._active[consumer.queue]

    def _begin(self, queue: str, number: int) -> None:
        before = self._active.get(queue)
        tag = f"{self._queues.index(queue)}-{next(self._numbers)}"
        self._channel.request(amqp.Qos(0, number, False))
        begun = self._channel.request(amqp.Consume(0, queue, tag, False, False, False, False, {}))
        self._active[queue] = self._all[tag] = Consumer(queue, tag, number, begun)
        if before is not None:
            self._end(before)

    def _end(self, consumer: Consumer) -> Completion[None]:
        """Cancel a consumer once it has begun: a channel of RabbitMQ 3.10 dies of one that is cancelled before."""
        ended: Completion[None] = Completion()

        def forget(_: Completion[Said]) -> None:
            self._all.pop(consumer.tag, None)
            ended.resolve(None)

        def cancel(_: Completion[Said]) -> None:
            self._channel.request(amqp.Cancel(consumer.tag, False)).add_done_callback(forget)

        consumer.begun.add_done_callback(cancel)
        return ended
