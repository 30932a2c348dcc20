"""`amqp_bus`: the mail of remote actors by RabbitMQ.

A mailbox is a queue that expires by itself, once its node has not consumed from it for a while. Topics are keys of one
exchange, to which the mailboxes that listen are bound. A message to a mailbox that is not there comes back, and one to
a mailbox that is full is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..actors.remote import Parcel, Receipt
from .kombu_adapter.amqp_link import AmqpLink
from .lane import now
from .mailboxes import CAPACITY, BrokerBus, Mailboxes
from .server_options import ServerOptions
from .urls import without_passwords

EXCHANGE = "understudy.topics"
_REPLY_WITHIN = 10.0


def amqp_bus(url: str, patience: float = 5.0, options: ServerOptions | None = None) -> BrokerBus:
    """Return the bus of a RabbitMQ. patience: seconds after which a server that cannot be reached is an error."""
    return BrokerBus(AmqpMailboxes(url, patience, options or ServerOptions()))


class MailLink(AmqpLink):
    """A connection that posts with a receipt for each message, and to which the broker pushes mail."""

    def __init__(self, url: str, options: ServerOptions) -> None:
        super().__init__(url, options)
        self.arrived: list[tuple[str, bytes]] = []
        """(queue, body) of what has come."""
        self.bound: dict[str, frozenset[str]] = {}
        """The topics of each queue that is consumed."""
        self._receipts: dict[int, Receipt] = {}

    def post(self, messages: Sequence[tuple[str, str, bytes]]) -> list[Receipt]:
        """Publish (exchange, routing key, body) of each; returns once the broker has answered for all of them."""
        self._confirm_all()
        self._receipts = {}
        first = self._published + 1
        for exchange, key, body in messages:
            self._published += 1
            self._unconfirmed.add(self._published)
            message = self._channel.prepare_message(body, None, None, None, None, {"message_id": str(self._published)})
            self._channel.basic_publish(message, exchange, key, mandatory=not exchange)
        deadline = now() + _REPLY_WITHIN
        while self._unconfirmed:
            self._amqp.drain_events(timeout=max(0.001, deadline - now()))
        return [self._receipts.get(first + at, Receipt.DELIVERED) for at in range(len(messages))]

    def open_queue(self, queue: str, topics: frozenset[str], ttl: float) -> None:
        """Make sure that a queue is there, hears these topics and no others, and is consumed."""
        channel, bound = self._channel, self.bound.get(queue)
        if bound is None:
            arguments = {"x-expires": max(1, int(ttl * 1000)), "x-max-length": CAPACITY, "x-overflow": "reject-publish"}
            channel.queue_declare(queue, durable=True, auto_delete=False, arguments=arguments)
        for topic in topics - (bound or frozenset()):
            channel.queue_bind(queue, EXCHANGE, topic)
        for topic in (bound or frozenset[str]()) - topics:
            channel.queue_unbind(queue, EXCHANGE, topic)
        if bound is None:
            channel.basic_consume(queue, queue, no_ack=True, callback=partial(self._on_mail, queue))
        self.bound[queue] = topics

    def delete_queue(self, queue: str) -> None:
        """Delete a queue with what is in it."""
        if self.bound.pop(queue, None) is not None:
            self._channel.queue_delete(queue)

    def _dial(self) -> None:
        super()._dial()
        self._channel.exchange_declare(EXCHANGE, "direct", durable=True, auto_delete=False)

    def _on_mail(self, queue: str, message: Any) -> None:
        body = message.body
        self.arrived.append((queue, body.encode() if isinstance(body, str) else bytes(body)))

    def _on_confirm(self, taken: bool, tag: int, multiple: bool) -> None:
        tags = {number for number in self._unconfirmed if number <= tag} if multiple else {tag}
        self._unconfirmed -= tags
        if not taken:
            self._receipts.update(dict.fromkeys(tags, Receipt.FULL))

    def _on_return(self, *returned: Any) -> None:
        self._receipts[int(returned[-1].properties["message_id"])] = Receipt.NO_MAILBOX


class AmqpMailboxes(Mailboxes[MailLink]):
    """Mailboxes that are queues."""

    def __init__(self, url: str, patience: float, options: ServerOptions) -> None:
        super().__init__(f"mail by {without_passwords(url)}", lambda: MailLink(url, options), patience)

    def publish(self, link: MailLink, parcels: Sequence[Parcel]) -> list[Receipt]:
        """See `Mailboxes`."""
        receipts = link.post(
            [
                (EXCHANGE, parcel.to, parcel.body) if parcel.topic else ("", queue_of(parcel.to), parcel.body)
                for parcel in parcels
            ]
        )
        return [
            Receipt.DELIVERED if parcel.topic else receipt for parcel, receipt in zip(parcels, receipts, strict=True)
        ]

    def listen(self, link: MailLink) -> None:
        """See `Mailboxes`."""
        for box in self.boxes.values():
            if link.bound.get(queue_of(box.name)) != box.topics:
                link.open_queue(queue_of(box.name), box.topics, box.ttl)

    def pull(self, link: MailLink) -> float | None:
        """See `Mailboxes`."""
        pause = link.tick()
        arrived, link.arrived = link.arrived, []
        boxes = {queue_of(name): box for name, box in self.boxes.items()}
        for queue, body in arrived:
            if queue in boxes:
                boxes[queue].mail.append(body)
        return pause

    def discard(self, link: MailLink, name: str) -> None:
        """See `Mailboxes`."""
        link.delete_queue(queue_of(name))


def queue_of(mailbox: str) -> str:
    """Return the queue of a mailbox."""
    return f"understudy.mail.{mailbox}"
