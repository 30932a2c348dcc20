"""`Hearing`: a node's actor that has its dispatcher hear the broker, so that what arrives wakes no other thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ...actors import Actor

if TYPE_CHECKING:
    from ...actors.hosts.api import IO


class Attachable(Protocol):
    """A transport that can be heard by a dispatcher in place of threads of its own."""

    def attach(self, io: IO) -> None: ...

    def detach(self, io: IO) -> None: ...


class Hearing(Actor):
    """Attaches a transport for as long as it lives; after that the transport hears for itself again."""

    def __init__(self, transport: Attachable) -> None:
        self._transport = transport

    def on_start(self) -> None:
        """Begin."""
        self._transport.attach(self.io)

    def on_stop(self) -> None:
        """End."""
        self._transport.detach(self.io)

    def on_failure(self, *args: object, **kwargs: object) -> None:
        """End."""
        self._transport.detach(self.io)
