"""`EmbeddedBus`: what remote actors need of a broker, spoken over a `Channel`."""

from __future__ import annotations

from collections.abc import Sequence

from ...actors.completion import Completion
from ...actors.remote import Parcel, Receipt
from . import requests as ask
from .channel import Channel


class EmbeddedBus:
    """See `Bus`. A post whose answer was lost with a connection is made again: receivers know what they have had."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def post(self, parcels: Sequence[Parcel]) -> Completion[list[Receipt]]:
        """See `Bus.post`."""
        posted = self._channel.call(ask.Post([(parcel.to, parcel.body, parcel.topic) for parcel in parcels]))
        return posted.then(lambda receipts: [Receipt(receipt) for receipt in receipts])

    def collect(self, mailbox: str, topics: Sequence[str], ttl: float) -> Completion[list[bytes]]:
        """See `Bus.collect`."""
        return self._channel.call(ask.Collect(mailbox, list(topics), ttl))

    def drop(self, mailbox: str) -> Completion[None]:
        """See `Bus.drop`."""
        return self._channel.call(ask.Drop(mailbox))
