"""`Topology`: what is declared in a virtual host, by one wire; for the lane's thread, which waits."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from math import inf
from typing import Any

from ..letters.letter import Taken
from ..queues import Binding, Queue, Queues
from . import ladder
from .channel import Channel
from .parcel import head_of
from .protocol import methods as amqp
from .protocol.errors import ChannelClosed
from .protocol.frames import ack_frame
from .wire import Wire

ACCESS_REFUSED = 403
NOT_FOUND = 404
PRECONDITION_FAILED = 406
_ADOPTED = frozenset({ACCESS_REFUSED, PRECONDITION_FAILED})

logger: logging.Logger = logging.getLogger(__name__)


class Topology:
    """Declares and asks on a channel of its own, which is opened again after the broker has closed it.

    A queue is declared as the app says, or else as Celery does it: durable, with a direct exchange of its name. What is
    there and is otherwise, a queue or an exchange, is left as it is and used: so nodes and stock workers need not
    agree, and nobody has to delete a queue with messages.
    """

    def __init__(self, wire: Wire, queues: Queues) -> None:
        self.wire = wire
        self._queues = queues
        self._channel: Channel | None = None

    def declare(self, queue: str) -> None:
        """Make sure that a queue is there, and bound."""
        said = self._queues.of(queue)
        if self._queues.is_named(queue):
            self._declare_as_said(said)
        elif self.waiting(queue) is None:
            self.make_queue(queue, said.arguments)
            try:
                for binding in said.bindings:
                    self.make_exchange(binding.exchange, binding.kind)
                    self._bind(said, binding)
            except ChannelClosed as error:
                if error.code != PRECONDITION_FAILED:
                    raise
                # An exchange of that name is there, of another type: the default exchange leads to the queue, too.

    def declare_exchange(self, exchange: str) -> None:
        """Make sure that an exchange is there, if the app names it, with the queues that it sends to."""
        for queue in self._queues.bound_to(exchange):
            if queue.broadcast:
                self._declare_exchanges(queue)
            else:
                self._declare_as_said(queue)

    def _declare_as_said(self, queue: Queue) -> None:
        self._declare_exchanges(queue)
        try:
            self.make_queue(
                queue.name,
                queue.arguments,
                durable=queue.durable,
                exclusive=queue.exclusive,
                auto_delete=queue.auto_delete,
            )
        except ChannelClosed as error:
            if error.code not in _ADOPTED or self.waiting(queue.name) is None:
                raise
            _adopt(f"the queue {queue.name}", error)
        for binding in queue.bindings:
            if binding.exchange:
                self._bind(queue, binding)

    def _declare_exchanges(self, queue: Queue) -> None:
        for binding in queue.bindings:
            if not binding.exchange:
                continue
            try:
                self.make_exchange(
                    binding.exchange,
                    binding.kind,
                    binding.exchange_arguments,
                    durable=binding.durable,
                    auto_delete=binding.auto_delete,
                )
            except ChannelClosed as error:
                if error.code not in _ADOPTED or not self.has_exchange(binding.exchange):
                    raise
                _adopt(f"the exchange {binding.exchange}", error)

    def _bind(self, queue: Queue, binding: Binding) -> None:
        try:
            self.bind_queue(queue.name, binding.exchange, binding.routing_key, binding.arguments)
        except ChannelClosed as error:
            if error.code != ACCESS_REFUSED:
                raise
            _adopt(f"the binding of {queue.name} to {binding.exchange}", error)

    def waiting(self, queue: str) -> int | None:
        """Return the number of messages that wait in a queue, None where it does not exist."""
        try:
            declared = self.channel().call(
                amqp.QueueDeclare(0, queue, True, False, False, False, False, {}), amqp.QueueDeclareOk
            )
        except ChannelClosed as error:
            if error.code == NOT_FOUND:
                return None
            raise
        return declared.messages

    def purge(self, queue: str) -> int:
        """Delete what waits in a queue; returns its number."""
        if self.waiting(queue) is None:
            return 0
        return self.channel().call(amqp.QueuePurge(0, queue, False), amqp.QueuePurgeOk).messages

    def make_queue(
        self,
        queue: str,
        arguments: Mapping[str, Any],
        *,
        durable: bool = True,
        exclusive: bool = False,
        auto_delete: bool = False,
    ) -> None:
        """Declare a queue; raises `ChannelClosed` that names the difference, where it is there with another."""
        self.channel().call(
            amqp.QueueDeclare(0, queue, False, durable, exclusive, auto_delete, False, dict(arguments)),
            amqp.QueueDeclareOk,
        )

    def make_exchange(
        self,
        exchange: str,
        kind: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        durable: bool = True,
        auto_delete: bool = False,
    ) -> None:
        """Declare an exchange; raises `ChannelClosed` that names the difference, where it is there with another."""
        self.channel().call(
            amqp.ExchangeDeclare(0, exchange, kind, False, durable, auto_delete, False, False, dict(arguments or {})),
            amqp.ExchangeDeclareOk,
        )

    def has_exchange(self, exchange: str) -> bool:
        """Tell whether an exchange is there."""
        try:
            self.channel().call(
                amqp.ExchangeDeclare(0, exchange, "topic", True, True, False, False, False, {}), amqp.ExchangeDeclareOk
            )
        except ChannelClosed as error:
            if error.code == NOT_FOUND:
                return False
            raise
        return True

    def delay(self, queue: str, kind: str) -> None:
        """Make sure that a queue is there, and a ladder that leads to it."""
        self.declare(queue)
        ladder.declare(self, kind)
        ladder.lead_to(self, queue)

    def delay_exchange(self, exchange: str, kind: str) -> None:
        """Make sure that an exchange is there, and a ladder that leads to the queues that it sends to."""
        self.declare_exchange(exchange)
        ladder.declare(self, kind)
        for queue in self._queues.bound_to(exchange):
            for binding in queue.bindings:
                if binding.exchange == exchange:
                    ladder.lead_through(self, exchange, "" if queue.broadcast else queue.name, binding.routing_key)

    def bind_queue(
        self, queue: str, exchange: str, routing_key: str, arguments: Mapping[str, Any] | None = None
    ) -> None:
        """Have an exchange send to a queue."""
        self.channel().call(
            amqp.QueueBind(0, queue, exchange, routing_key, False, dict(arguments or {})), amqp.QueueBindOk
        )

    def bind_exchange(self, destination: str, source: str, routing_key: str) -> None:
        """Have an exchange send to another."""
        self.channel().call(amqp.ExchangeBind(0, destination, source, routing_key, False, {}), amqp.ExchangeBindOk)

    def sift(self, queue: str, remove: Callable[[Taken], bool], limit: int | None = None) -> None:
        """Show `remove` the messages of a queue, oldest first; those for which it returns False stay where they are.

        What comes meanwhile is not among them: it may be one of those that were removed.
        """
        if self.waiting(queue) is None:
            return
        channel = self.wire.channel()
        left = inf if limit is None else limit
        try:
            while left > 0 and (got := self._get(channel, queue)) is not None:
                taken, behind = got
                left = min(left - 1, behind)
                if remove(taken):
                    channel.send(ack_frame(channel.number, taken.handle, multiple=False))
        finally:
            self.wire.drop(channel)  # what it has not acknowledged is back in its place

    def _get(self, channel: Channel, queue: str) -> tuple[Taken, int] | None:
        """Return the first message of a queue, and how many are behind it: `waiting` may not know of all as yet."""
        said = self.wire.wait(channel.request(amqp.Get(0, queue, False)))
        if not isinstance(said.method, amqp.GetOk):
            return None
        method = said.method
        head = head_of(said.properties, method.exchange, method.routing_key, redelivered=method.redelivered)
        return Taken(queue, head, said.body, method.delivery_tag, method.redelivered), method.messages

    def channel(self) -> Channel:
        """Return a channel for requests."""
        if self._channel is None or self._channel.error is not None:
            self._channel = self.wire.channel()
        return self._channel


def _adopt(what: str, error: ChannelClosed) -> None:
    """Say that something is not as the app would have it."""
    logger.warning("%s is used as it is, and not as task_queues has it: %s", what, error.text)
