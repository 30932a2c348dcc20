"""Replies by AMQP: a queue per process, which the default exchange leads to."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, cast

import amqp
from amqp import exceptions
from kombu.connection import Connection

from .. import codecs
from ..errors import BrokerRefused, BrokerUnavailable
from ..lane import now, readable
from ..tls import for_amqp
from ..urls import scrub, without_passwords
from .options import RpcOptions
from .replies import REPLY_TIMEOUT, Reply

_REFUSALS = (exceptions.AccessRefused, exceptions.NotAllowed, exceptions.InvalidPath)


class AmqpReplies:
    """Replies over one connection of py-amqp, which has a channel for each direction."""

    def __init__(self, url: str, options: RpcOptions) -> None:
        self._url = url
        self._options = options
        self._connection: Any = cast("Any", Connection)(
            url.split(";"),
            connect_timeout=options.connect_timeout,
            heartbeat=options.heartbeat or 0,
            ssl=for_amqp(options.ssl) if options.ssl else False,
            **({"login_method": options.login_method} if options.login_method else {}),
        )
        self._out: Any = None
        self._in: Any = None
        self._consumer = ""
        self._inbox: list[tuple[str, bytes]] = []
        self._beat_at = 0.0
        _, self._content_type, self._content_encoding = codecs.encode(None, options.serializer)

    @property
    def lost_errors(self) -> tuple[type[BaseException], ...]:
        return (exceptions.ConnectionError, exceptions.RecoverableChannelError, OSError)

    @property
    def refused_errors(self) -> tuple[type[BaseException], ...]:
        return (exceptions.AMQPError,)

    def explained(self, error: BaseException) -> BrokerUnavailable | BrokerRefused:
        """Return an error of py-amqp as one of ours, without a password."""
        where, text = without_passwords(self._url), scrub(str(error), self._url).rstrip(".")
        if isinstance(error, self.lost_errors) and not isinstance(error, _REFUSALS):
            return BrokerUnavailable(f"{where} is not available: {text}")
        return BrokerRefused(f"{where} refuses: {text}")

    def open(self) -> None:
        """Connect; raises `BrokerUnavailable` or `BrokerRefused`."""
        try:
            self._connection.connect()
            self._wire.transport.sock.settimeout(REPLY_TIMEOUT)
            self._out = self._wire.channel()
        except (*self.lost_errors, *self.refused_errors) as error:
            self.close()
            raise self.explained(error) from error

    def close(self) -> None:
        """Close the connection."""
        try:
            self._connection.close()
        except (*self.lost_errors, *self.refused_errors):
            self._connection.collect()

    def abandon(self) -> None:
        """Close the socket alone."""
        with suppress(OSError, AttributeError):
            self._wire.transport.sock.close()

    def sockets(self) -> Sequence[socket.socket]:
        return [self._wire.transport.sock]

    def tick(self) -> float | None:
        """Send a heartbeat where one is due."""
        beat: float = self._wire.heartbeat
        if not beat:
            return None
        if now() >= self._beat_at:
            self._wire.heartbeat_tick(rate=2)
            self._beat_at = now() + beat / 2
        return max(0.0, self._beat_at - now())

    def send(self, replies: Sequence[Reply]) -> None:
        """See `Replies.send`."""
        for reply in replies:
            message = cast("Any", amqp.Message)(
                reply.payload,
                content_type=self._content_type,
                content_encoding=self._content_encoding,
                correlation_id=reply.task_id,
                delivery_mode=2 if self._options.persistent else 1,
                priority=0,
                application_headers={},
            )
            self._out.basic_publish(message, exchange="", routing_key=reply.queue)
        self._out.basic_qos(0, 1, False)  # a question after them: its answer says that they have arrived

    def listen(self, queue: str) -> None:
        """See `Replies.listen`. The queue outlives a connection, so that what comes meanwhile waits there."""
        if self._in is None:
            self._in = self._wire.channel()
        arguments = {"x-expires": max(1, round(self._options.expires * 1000))}
        self._in.queue_declare(queue, durable=True, auto_delete=False, arguments=arguments)
        self._consumer = self._in.basic_consume(queue, no_ack=True, callback=self._take)

    def received(self) -> Iterable[tuple[str, bytes]]:
        """See `Replies.received`."""
        while self._has_more():
            self._wire.blocking_read(
                REPLY_TIMEOUT
            )  # one frame: to wait for a message would be to wait after a heartbeat
        taken, self._inbox = self._inbox, []
        return taken

    def delete(self, queue: str) -> None:
        """See `Replies.delete`."""
        if self._in is not None:
            self._in.basic_cancel(self._consumer)
        self._out.queue_delete(queue)

    def _has_more(self) -> bool:
        sock = self._wire.transport.sock
        return readable(sock) or bool(getattr(sock, "pending", int)())

    def _take(self, message: Any) -> None:
        body = message.body
        self._inbox.append((str(message.correlation_id), body if isinstance(body, bytes) else body.encode()))

    @property
    def _wire(self) -> Any:
        return self._connection.connection
