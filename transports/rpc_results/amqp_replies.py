"""Replies by AMQP: a queue per process, which the default exchange leads to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ...actors.completion import Completion
from .. import codecs
from ..amqp_broker.channel import Channel, Listener
from ..amqp_broker.ear import Ears
from ..amqp_broker.parcel import Parcel
from ..amqp_broker.protocol import methods as amqp
from ..amqp_broker.protocol.connection import Delivered, Event
from ..amqp_broker.protocol.properties import HEADERS, decode_properties, encode_properties
from ..amqp_broker.publisher import AmqpPublisher
from ..amqp_broker.wire import Wire
from ..server_options import ServerOptions
from .options import RpcOptions
from .replies import REPLY_TIMEOUT, Reply


def server_options(options: RpcOptions) -> ServerOptions:
    """Return what a connection has to know."""
    return ServerOptions(
        connect_timeout=options.connect_timeout,
        reply_timeout=REPLY_TIMEOUT,
        heartbeat=options.heartbeat,
        ssl=options.ssl,
        login_method=options.login_method,
    )


class AmqpSender:
    """Sends replies over a connection of its own, from the caller's thread, confirmed. Thread-safe."""

    def __init__(self, url: str, options: RpcOptions) -> None:
        self._publisher = AmqpPublisher(url, server_options(options), Ears(), options.patience)
        _, content_type, content_encoding = codecs.encode(None, options.serializer)
        self._properties: dict[str, Any] = {
            "content_type": content_type,
            "content_encoding": content_encoding,
            HEADERS: {},
            "delivery_mode": 2 if options.persistent else 1,
            "priority": 0,
        }

    def send(self, replies: Sequence[Reply]) -> Completion[None]:
        """See `Sender`."""
        return self._publisher.send([self._parcel(reply) for reply in replies])

    def close(self) -> None:
        """Close the connection."""
        self._publisher.lane.close()

    def _parcel(self, reply: Reply) -> Parcel:
        properties = encode_properties({**self._properties, "correlation_id": reply.task_id})
        return Parcel("", reply.queue, "", properties, reply.payload, mandatory=False)


class AmqpReplies(Wire, Listener):
    """A connection by which replies come in. The queue outlives it, so that what comes meanwhile waits there."""

    def __init__(self, url: str, options: RpcOptions, nudge: Callable[[], object]) -> None:
        super().__init__(url, server_options(options), Ears(), nudge, "replies")
        self._expires = max(1, round(options.expires * 1000))
        self._channel: Channel | None = None
        self._inbox: list[Delivered] = []
        self._deleted = False

    def listen(self, queue: str) -> None:
        """See `Replies.listen`."""
        channel = self._channel = self._channel or self.channel(self)
        arguments = {"x-expires": self._expires}
        channel.call(amqp.QueueDeclare(0, queue, False, True, False, False, False, arguments), amqp.QueueDeclareOk)
        channel.call(amqp.Consume(0, queue, "", False, True, False, False, {}), amqp.ConsumeOk)

    def received(self) -> Iterable[tuple[str, bytes]]:
        """See `Replies.received`."""
        self.pump()
        if self._deleted:
            raise ConnectionError("the queue of replies was deleted")
        taken, self._inbox = self._inbox, []
        return [(decode_properties(one.properties).get("correlation_id", ""), one.body) for one in taken]

    def delete(self, queue: str) -> None:
        """See `Replies.delete`."""
        if self._channel is not None:
            self._channel.call(amqp.QueueDelete(0, queue, False, False, False), amqp.QueueDeleteOk)

    # Listener

    def heard(self, events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Delivered):
                self._inbox.append(event)
            elif isinstance(event.method, amqp.Cancel):
                self._deleted = True
