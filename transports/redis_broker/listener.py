"""The listener: a node's actor on whose dispatcher the server is heard, so that no thread stands between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...actors import Actor

if TYPE_CHECKING:
    from .transport import RedisTransport


class RedisListener(Actor):
    """Drives a transport's connections from its dispatcher."""

    def __init__(self, transport: RedisTransport) -> None:
        self._transport = transport

    def on_start(self) -> None:
        """Hear the server from now on."""
        self._transport.attach(self.io)

    def on_stop(self) -> None:
        """Leave it to the transport's own thread again."""
        self._transport.detach()

    def on_failure(self, *args: object, **kwargs: object) -> None:
        """Leave it to the transport's own thread again."""
        self._transport.detach()
