"""`redis_bus`: the mail of remote actors by Redis's publish and subscribe, which keeps nothing for anybody.

A mailbox is a channel that its node is subscribed to, and a topic is one that many are. So nothing of a node that dies
is left in Redis, and its absence shows in the number of those who were reached. What is published while a node's
connection is down is lost to it, as at most once allows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..actors.remote import Parcel, Receipt
from .mailboxes import Box, BrokerBus, Mailboxes
from .redis_results.shelf import Shelf
from .urls import without_passwords


def redis_bus(
    url: str, patience: float = 5.0, connect_timeout: float = 4.0, pool: Callable[[float], Any] | None = None
) -> BrokerBus:
    """Return the bus of a Redis.

    patience: seconds after which a server that cannot be reached is an error. pool: makes redis-py's connections where
    the URL alone does not say all, see `RedisResults`.
    """
    return BrokerBus(RedisMailboxes(url, lambda: Shelf(url, connect_timeout, pool=pool), patience))


LOOKS = 100
"""How often it is asked at most whether a mailbox is gone; the first or second answer says so."""


class RedisMailboxes(Mailboxes[Shelf]):
    """Mailboxes that are subscriptions; one ends with its node's connection, and nobody sees that it is full."""

    def __init__(self, url: str, make: Callable[[], Shelf], patience: float) -> None:
        super().__init__(f"mail by {without_passwords(url)}", make, patience)
        # Channels know no databases, so a database's number is part of their names.
        self._prefix = f"/{_database(url)}.understudy"
        self._subscribed: frozenset[str] = frozenset()

    def publish(self, link: Shelf, parcels: Sequence[Parcel]) -> list[Receipt]:
        """See `Mailboxes`."""
        with link.redis.pipeline(transaction=False) as pipe:
            for parcel in parcels:
                pipe.publish(self.topic(parcel.to) if parcel.topic else self.mailbox(parcel.to), parcel.body)
            reached: list[int] = pipe.execute()
        return [
            Receipt.DELIVERED if parcel.topic or number else Receipt.NO_MAILBOX
            for parcel, number in zip(parcels, reached, strict=True)
        ]

    def listen(self, link: Shelf) -> None:
        """See `Mailboxes`."""
        wanted = frozenset[str]().union(*map(self._channels, self.boxes.values()))
        new, old = sorted(wanted - self._subscribed), sorted(self._subscribed - wanted)
        if new:
            link.subscribe(new)
        if old:
            link.unsubscribe(old)
            self._see_out(link, [channel for channel in old if channel.startswith(self.mailbox(""))])
        self._subscribed = wanted

    def _see_out(self, link: Shelf, mailboxes: Sequence[str]) -> None:
        """Have the server know that mailboxes are gone, which it is told over another connection than of their mail."""
        for _ in range(LOOKS):
            if not mailboxes or not any(count for _, count in link.redis.pubsub_numsub(*mailboxes)):
                return

    def pull(self, link: Shelf) -> float | None:
        """See `Mailboxes`."""
        for kind, channel, payload in link.pushed():
            if kind == "message":
                for box in self.boxes.values():
                    if channel in self._channels(box):
                        box.mail.append(payload)
        return link.tick()

    def lost(self, link: Shelf) -> None:
        self._subscribed = frozenset()

    def mailbox(self, name: str) -> str:
        """Return the channel of a mailbox."""
        return f"{self._prefix}.mail.{name}"

    def topic(self, name: str) -> str:
        """Return the channel of a topic."""
        return f"{self._prefix}.topic.{name}"

    def _channels(self, box: Box) -> frozenset[str]:
        return frozenset([self.mailbox(box.name), *map(self.topic, box.topics)])


def _database(url: str) -> str:
    """Return the number of the database that a URL names."""
    parts = urlsplit(url.partition(";")[0])
    query = dict(parse_qsl(parts.query))
    in_path = "" if parts.scheme in ("redis+socket", "socket", "unix") else parts.path.strip("/")
    return query.get("virtual_host") or query.get("db") or in_path or "0"
