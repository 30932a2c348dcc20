"""`Bus`: what remote actors need of a broker. Transports implement it; a simulation has its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..completion import Completion


class Receipt(IntEnum):
    """What became of a parcel at the broker."""

    DELIVERED = 0
    NO_MAILBOX = 1
    """There is no such mailbox, or it has expired."""
    FULL = 2
    """The mailbox holds as much as it may."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """Something to be delivered: to one mailbox, or to all that listen to a topic."""

    to: str
    body: bytes
    topic: bool = False


class Bus(Protocol):
    """Mailboxes that expire and topics that fan out; everything is delivered at most once. Thread-safe.

    Mailboxes need not outlive the broker. Parcels from one process to one mailbox arrive in the order in which they
    were posted. Errors fail the completions, after bounded time; nothing raises at once, and nothing blocks.
    """

    def post(self, parcels: Sequence[Parcel]) -> Completion[list[Receipt]]:
        """Deliver parcels in order; resolves with what became of each. A topic takes everything."""
        ...

    def collect(self, mailbox: str, topics: Sequence[str], ttl: float) -> Completion[list[bytes]]:
        """Resolve with what is in a mailbox as soon as there is something; what was handed out is gone.

        Makes the mailbox, and lets it hear `topics` from now on and no others. It expires when nobody has collected
        for `ttl` seconds. One collection of a mailbox at a time: a new one answers the earlier with nothing.
        """
        ...

    def drop(self, mailbox: str) -> Completion[None]:
        """Delete a mailbox with what is in it; its waiting collection is answered with nothing. Idempotent."""
        ...
