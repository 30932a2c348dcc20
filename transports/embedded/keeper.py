"""The keeper: a node's actor that has a writer process stand by, and puts another in its place when it dies."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ...actors import Actor, Backoff, Deferred, Error, Message, on
from .process import WriterProcess, WriterState

if TYPE_CHECKING:
    from ...actors.hosts.api import IO

logger: logging.Logger = logging.getLogger(__name__)

RESTART = Backoff(first=0.05, factor=2.0, maximum=5.0, jitter=0.2)


class Attachable(Protocol):
    """A transport that can be driven by a dispatcher in place of a thread of its own."""

    def attach(self, io: IO) -> None:
        """Watch the connection on `io` from now on."""
        ...


@dataclass(frozen=True, slots=True)
class News(Message["WriterKeeper", None]):
    """The writer has told something."""

    writer: WriterProcess
    state: WriterState


@dataclass(frozen=True, slots=True)
class Reopen(Message["WriterKeeper", None]):
    """The pause before the next writer is over."""


class WriterKeeper(Actor):
    """Keeps one writer of this node's own, be it serving or standing by; started once the first one does either."""

    def __init__(self, transport: Attachable, make: Callable[[], WriterProcess]) -> None:
        self._transport = transport
        self._make = make
        self._writer: WriterProcess | None = None
        self._failures = 0

    def on_start(self) -> Deferred:
        """Start the first writer, and drive the transport's connection from this dispatcher."""
        self._open()
        self._transport.attach(self.io)
        return Deferred.LATER

    def _open(self) -> None:
        writer = self._writer = self._make()
        self.io.add_reader(writer.fileno(), lambda: self._hear(writer))

    def _hear(self, writer: WriterProcess) -> None:
        for state in writer.news():
            if state.name == "ended":
                self.io.remove_reader(writer.fileno())
            self.ref.tell(News(writer, state))

    @on(News)
    def news(self, message: News) -> None:
        """Be started, or see to a writer's end: one that can never serve fails the start."""
        state = message.state
        if state.name != "ended":
            self._failures = 0
            self.started()
            return
        message.writer.stop()
        if message.writer is not self._writer:
            return
        self._writer = None
        self._failures += 1
        if state.error is not None:
            self.start_failed(Error.of(state.error))
        logger.warning("the embedded broker's writer %d ended: %s", message.writer.pid, state.error or "it was killed")
        self.after(RESTART.delay(self._failures, self.rng.random()), Reopen())

    @on(Reopen)
    def reopen(self, _: Reopen) -> None:
        """Start the next writer."""
        if self._writer is None:
            self._open()

    def on_stop(self) -> None:
        """End the writer: where others need one, theirs takes over."""
        self._close()

    def on_failure(self, *args: object, **kwargs: object) -> None:
        """End the writer."""
        self._close()

    def _close(self) -> None:
        if self._writer is not None:
            self.io.remove_reader(self._writer.fileno())
            self._writer.stop()
            self._writer = None
