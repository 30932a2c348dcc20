"""The native Redis broker: kombu's keys and messages, several of them for each round trip."""

from __future__ import annotations

from .transport import RedisTransport, connect

__all__ = ["RedisTransport", "connect"]
