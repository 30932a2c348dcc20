"""`AmqpLink`: RabbitMQ and its kin by py-amqp: pushed messages, confirmed publishing."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from typing import Any

from amqp.exceptions import AccessRefused, NotAllowed, NotFound

from ..lane import now, readable
from ..letters.letter import Letter, Taken
from ..message import Head
from ..server_options import ServerOptions
from ..tls import for_amqp
from ..urls import scheme_of
from .link import Link

_SECURED = frozenset({"amqps", "pyamqps"})
_MOST_UNCONFIRMED = 500
_MOST_HELD = 65_535  # a prefetch count has 16 bits
_ELSEWHERE = frozenset({"application_headers", "content_type", "content_encoding"})


class AmqpLink(Link):
    """Messages are pushed as far as the prefetch count lets them; that is kept at what is held plus what is wanted."""

    hold_limit: float | None = 900.0  # RabbitMQ closes the channel that holds one for half an hour (consumer_timeout)

    def __init__(self, url: str, options: ServerOptions, owner: str = "") -> None:
        super().__init__(url, options, owner)
        self._amqp: Any = None
        self._sock: Any = None
        self._arrived: deque[Taken] = deque()
        self._held = 0
        self._prefetch = 0
        self._consumers: list[str] = []
        self._confirming = False
        self._published = 0
        self._unconfirmed: set[int] = set()
        self._not_taken = 0

    def close(self) -> None:
        if self._sock is not None:
            with suppress(OSError):
                self._sock.settimeout(1.0)  # a broker that is gone does not say goodbye
        super().close()
        self.abandon()  # the driver leaves the socket open where the goodbye was not understood

    def abandon(self) -> None:
        if self._sock is not None:
            self._sock.close()

    def refuses(self, error: BaseException) -> bool:
        return isinstance(error, AccessRefused | NotAllowed) or super().refuses(error)

    def sockets(self) -> Sequence[socket.socket]:
        return (self._sock,)

    def tick(self) -> float | None:
        self._read()
        self._amqp.heartbeat_tick()
        return self._amqp.heartbeat / 4 if self._amqp.heartbeat else None

    def exists(self, queue: str) -> bool:
        return self._waiting(queue) is not None

    def size(self, queue: str) -> int:
        return self._waiting(queue) or 0

    def purge(self, queue: str) -> int:
        return int(self._channel.queue_purge(queue)) if self.exists(queue) else 0

    def publish(self, letters: Sequence[Letter], timeout: float) -> None:
        deadline = now() + timeout
        self._confirm_all()
        for letter in letters:
            if letter.to_queue:
                self.declare(letter.routing_key)
            else:
                self.declare_exchange(letter.exchange)
            self._channel.basic_publish(
                self.prepared(letter),
                letter.exchange,
                letter.routing_key,
                mandatory=self.said.kind(letter.exchange) != "fanout",
            )
            self._published += 1
            self._unconfirmed.add(self._published)
            if len(self._unconfirmed) >= _MOST_UNCONFIRMED:
                self._await_confirms(deadline)
        self._await_confirms(deadline)

    def take(self, limit: int) -> list[Taken]:
        wanted = limit - len(self._arrived)
        if wanted > 0:
            self._allow(self._held + wanted)
        self._read()
        return [self._arrived.popleft() for _ in range(min(limit, len(self._arrived)))]

    def next_look(self) -> float | None:
        return None

    def rest(self) -> None:
        for tag in self._consumers:
            self._channel.basic_cancel(tag)
        self._consumers.clear()
        self.requeue(list(self._arrived))
        self._arrived.clear()

    def ack(self, taken: Sequence[Taken]) -> None:
        for one in taken:
            self._channel.basic_ack(one.handle)
        self._settled(len(taken))

    def requeue(self, taken: Sequence[Taken]) -> None:
        for one in taken:  # each returns to its old place
            self._channel.basic_reject(one.handle, requeue=True)
        self._settled(len(taken))

    def sift(self, queue: str, remove: Callable[[Taken], bool], limit: int | None = None) -> None:
        if not self.exists(queue):
            return
        left = inf if limit is None else limit
        with self._side_channel() as channel:  # when it closes, what it has not acknowledged is back in its place
            while left > 0 and (message := channel.basic_get(queue)) is not None:
                left = min(left - 1, message.delivery_info["message_count"])  # `size` may not know of all as yet
                if remove(_taken(queue, message)):
                    channel.basic_ack(message.delivery_tag)

    def _make_connection(self, **arguments: Any) -> Any:
        driver = "pyamqp" if scheme_of(self._url) == "amqp" else None  # kombu would prefer librabbitmq
        secured = {"ssl": for_amqp(self.options.ssl)} if self.options.ssl or scheme_of(self._url) in _SECURED else {}
        return super()._make_connection(transport=driver, heartbeat=self.options.heartbeat or 0, **secured, **arguments)

    def _dial(self) -> None:
        super()._dial()
        self._amqp = self._connection.connection
        self._sock = self._amqp.sock
        self._sock.settimeout(self.options.reply_timeout)
        self._channel.auto_decode = False

    def _side_channel(self) -> Any:
        channel = self._amqp.channel()
        channel.auto_decode = False
        return channel

    def _waiting(self, queue: str) -> int | None:
        """Return the number of messages that wait in a queue, None where it does not exist."""
        with self._side_channel() as channel:
            try:
                return int(channel.queue_declare(queue, passive=True).message_count)
            except NotFound:
                return None

    def _allow(self, count: int) -> None:
        count = min(count, _MOST_HELD)
        if count != self._prefetch:
            self._channel.basic_qos(0, count, a_global=True)  # for the channel: it can change under way
            self._prefetch = count
        if not self._consumers:
            for number, queue in enumerate(self._queues):
                self._channel.basic_consume(queue, str(number), callback=partial(self._on_message, queue))
                self._consumers.append(str(number))

    def _settled(self, number: int) -> None:
        if number:
            self._held -= number
            self._channel.basic_qos(0, self._prefetch, a_global=True)  # its answer says that the rest has come through

    def _on_message(self, queue: str, message: Any) -> None:
        self._held += 1
        self._arrived.append(_taken(queue, message))

    def _read(self) -> None:
        """Handle what the broker has sent, frame by frame: after a heartbeat `drain_events` would wait for more."""
        while _pending(self._sock) or readable(self._sock):
            self._amqp.blocking_read(self.options.reply_timeout)

    def _confirm_all(self) -> None:
        if not self._confirming:
            self._channel.confirm_select()
            self._channel.events["basic_ack"].add(partial(self._on_confirm, True))
            self._channel.events["basic_nack"].add(partial(self._on_confirm, False))
            self._channel.events["basic_return"].add(self._on_return)
            self._confirming = True

    def _on_confirm(self, taken: bool, tag: int, multiple: bool) -> None:
        confirmed = {number for number in self._unconfirmed if number <= tag} if multiple else {tag}
        self._unconfirmed -= confirmed
        self._not_taken += 0 if taken else len(confirmed)

    def _on_return(self, *_: Any) -> None:
        self._not_taken += 1

    def _await_confirms(self, deadline: float) -> None:
        while self._unconfirmed:
            self._amqp.drain_events(timeout=max(0.001, deadline - now()))
        if self._not_taken:
            raise ConnectionError("the broker did not take a message: no queue is there for it, or none has room")


def _taken(queue: str, message: Any) -> Taken:
    properties = {name: value for name, value in message.properties.items() if name not in _ELSEWHERE}
    redelivered = bool(message.delivery_info.get("redelivered"))
    properties["delivery_info"] = {
        "exchange": message.delivery_info.get("exchange", ""),
        "routing_key": message.delivery_info.get("routing_key", ""),
        "redelivered": redelivered,
    }
    head = Head(
        headers=message.properties.get("application_headers") or {},
        properties=properties,
        content_type=message.properties.get("content_type", "application/json"),
        content_encoding=message.properties.get("content_encoding", "utf-8"),
    )
    body = message.body.encode() if isinstance(message.body, str) else bytes(message.body)
    return Taken(queue, head, body, message.delivery_tag, redelivered)


def _pending(sock: Any) -> bool:
    """Tell whether TLS has decrypted more than was read: no selector sees that."""
    pending: Callable[[], int] | None = getattr(sock, "pending", None)
    return pending is not None and pending() > 0
