"""Errors of the protocol."""

from __future__ import annotations

from ...errors import TransportError


class MalformedFrame(TransportError):
    """The other end sends what is no AMQP 0-9-1; says which part, and what was found there."""


class Closed(TransportError):
    """The broker has closed a channel or the connection: `code` and `text` say why, `method` what it was about."""

    def __init__(self, code: int, text: str, method: tuple[int, int] = (0, 0)) -> None:
        super().__init__(text or f"closed with code {code}")
        self.code = code
        self.text = text
        self.method = method


class ChannelClosed(Closed):
    """The broker has closed a channel; the connection is as good as before."""


class ConnectionClosed(Closed):
    """The broker has closed the connection."""
