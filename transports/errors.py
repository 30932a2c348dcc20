"""Errors of transports. Messages never contain a password."""

from __future__ import annotations

from ..actors.errors import UnderstudyError


class TransportError(UnderstudyError):
    """Root of what goes wrong between this process and a broker or result store."""


class BrokerUnavailable(TransportError):
    """The broker cannot be reached; what was asked of it may be tried again."""


class NotConfirmed(BrokerUnavailable):
    """The broker was sent something and has not confirmed it in time: it may have it, now or later.

    On RabbitMQ, publishing the same `Publication` again within some seconds sends only what it is known not to have.
    """


class BrokerRefused(TransportError):
    """The broker is there and will not have us: credentials, virtual host, database or permissions are wrong."""


class Unroutable(BrokerRefused):
    """No queue is bound to the exchange of a publication by its routing key."""


class ChordClaimed(TransportError):
    """Another worker has claimed a chord's body and has not finished.

    Record the part again later, and acknowledge its message only then.
    """


class UnknownScheme(TransportError):
    """No transport is registered for the scheme of a URL."""


class StoreCorrupt(TransportError):
    """The embedded file is damaged, foreign, or written by a newer version."""


class StoreUnusable(TransportError):
    """The embedded file cannot be used where it is: read-only, full, or on a network file system."""


class UnsupportedByTransport(TransportError):
    """The transport cannot do what was asked of it."""


class MalformedMessage(TransportError):
    """A message's head or body cannot be read."""


class LeaseLost(TransportError):
    """An owner's lease ran out, or a newer epoch took its place: it holds nothing any more."""
