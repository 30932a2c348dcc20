"""`VirtualLink`: any of kombu's transports, asked for messages one by one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..errors import Unroutable
from ..letters.letter import Letter, Taken
from ..message import Head
from ..server_options import ServerOptions
from .link import Link


class VirtualLink(Link):
    """Serves the transports that kombu builds from `get` and `put`: files, databases, clouds.

    What such a transport promises is what one gets: most keep a message that was taken in memory alone, so that it is
    lost with its node.
    """

    def __init__(self, url: str, options: ServerOptions, owner: str = "") -> None:
        super().__init__(url, options, owner)
        self._looks = 0

    def exists(self, queue: str) -> bool:
        return False

    def size(self, queue: str) -> int:
        return int(self._channel.queue_declare(queue=queue, durable=True, auto_delete=False).message_count)

    def purge(self, queue: str) -> int:
        return int(self._channel.queue_purge(queue=queue) or 0)

    def publish(self, letters: Sequence[Letter], timeout: float) -> None:
        for letter in letters:
            self.destinations(letter)
            self._channel.basic_publish(self.prepared(letter), exchange=letter.exchange, routing_key=letter.routing_key)

    def destinations(self, letter: Letter) -> Sequence[str]:
        """Return the queues that a letter goes to; raises `Unroutable` where there are none: kombu would drop it."""
        if letter.to_queue:
            self.declare(letter.routing_key)
            return (letter.routing_key,)
        self.declare_exchange(letter.exchange)
        found: Sequence[str] = self._channel._lookup(letter.exchange, letter.routing_key)
        if not found and self.said.kind(letter.exchange) != "fanout":
            raise Unroutable(f"no queue is bound to the exchange {letter.exchange!r} by {letter.routing_key!r}")
        return found

    def take(self, limit: int) -> list[Taken]:
        taken: list[Taken] = []
        for queue in self.in_turn():
            while len(taken) < limit and (one := self._get(queue)) is not None:
                taken.append(one)
        return taken

    def in_turn(self) -> list[str]:
        """Return the queues, each time with another one at the front."""
        self._looks += 1
        first = self._looks % len(self._queues)
        return self._queues[first:] + self._queues[:first]

    def next_look(self) -> float | None:
        return self.options.poll_interval

    def ack(self, taken: Sequence[Taken]) -> None:
        for one in taken:
            self._channel.basic_ack(one.handle)

    def requeue(self, taken: Sequence[Taken]) -> None:
        for one in reversed(taken):
            self._channel.basic_reject(one.handle, requeue=True)

    def sift(self, queue: str, remove: Callable[[Taken], bool], limit: int | None = None) -> None:
        self.declare(queue)
        left = self.size(queue)
        left = left if limit is None else min(limit, left)
        stay: list[Taken] = []
        try:
            while left > 0 and (one := self._get(queue)) is not None:
                left -= 1
                stay.append(one)
                if remove(one):
                    self.ack([stay.pop()])
        finally:
            for one in stay:
                self.requeue([one])

    def _get(self, queue: str) -> Taken | None:
        message: Any = self._channel.basic_get(queue, no_ack=False)
        if message is None:
            return None
        body = message.body or b""
        return Taken(
            queue,
            Head(
                headers=dict(message.headers),
                properties=dict(message.properties),
                content_type=message.content_type or "application/json",
                content_encoding=message.content_encoding or "utf-8",
            ),
            body.encode() if isinstance(body, str) else bytes(body),
            message.delivery_tag,
            bool(message.headers.get("redelivered")),
        )
