"""`Channel`: requests and their answers, which come in the same order, and what comes without having been asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

from ...actors.completion import Completion
from .protocol import methods as amqp
from .protocol.connection import Delivered, Event, Said
from .protocol.errors import ChannelClosed
from .protocol.frames import method_frame

if TYPE_CHECKING:
    from .wire import Wire

M = TypeVar("M", bound=amqp.Method)
_PUSHED = (amqp.Ack, amqp.Nack, amqp.Return, amqp.Cancel)


class Listener:
    """What a channel tells besides answers, on the thread that reads; its methods do nothing unless overridden."""

    def heard(self, events: Sequence[Event]) -> None:
        """Take what came in one go, in order."""

    def channel_closed(self, error: ChannelClosed) -> None:
        """Note that the broker has closed the channel; requests have failed by then."""


class Channel:
    """A channel of a wire. Thread-safe."""

    def __init__(self, wire: Wire, number: int, listener: Listener) -> None:
        self.wire = wire
        self.number = number
        self.error: BaseException | None = None
        """Why it can be used no more."""
        self._listener = listener
        self._asked: deque[Completion[Said]] = deque()
        self._pushed: list[Event] = []

    def request(self, method: amqp.Method) -> Completion[Said]:
        """Ask; fails with `ChannelClosed`, or with what befell the connection."""
        completion: Completion[Said] = Completion()
        data = method_frame(self.number, method)
        with self.wire.sending:
            if self.error is not None:
                completion.fail(self.error)
                return completion
            self._asked.append(completion)
            self.wire.send(data)
        return completion

    def call(self, method: amqp.Method, answer: type[M]) -> M:
        """Ask and wait, for as long as a broker may take; raises what `request` fails with, and `OSError`."""
        said = self.wire.wait(self.request(method)).method
        if not isinstance(said, answer):
            raise ConnectionError(f"the broker answered {type(method).__name__} by {type(said).__name__}")
        return said

    def send(self, data: bytes) -> bool:
        """Send frames that have no answer; returns False where the channel is closed."""
        with self.wire.sending:
            if self.error is not None:
                return False
            self.wire.send(data)
            return True

    def hear(self, event: Event) -> None:
        """Take an event; those that nobody has asked for wait for `flush`. On the thread that reads."""
        if isinstance(event, Delivered) or isinstance(event.method, _PUSHED):
            self._pushed.append(event)
            return
        self.flush()
        if isinstance(event.method, amqp.ChannelClose):
            closed = event.method
            error = ChannelClosed(closed.code, closed.text, (closed.class_id, closed.method_id))
            self.fail(error)
            self._listener.channel_closed(error)
        elif self._asked:
            self._asked.popleft().resolve(event)

    def flush(self) -> None:
        """Tell the listener what has come."""
        if self._pushed:
            pushed, self._pushed = self._pushed, []
            self._listener.heard(pushed)

    def fail(self, error: BaseException) -> None:
        """Use it no more: what was asked fails."""
        with self.wire.sending:
            self.error = self.error or error
            asked, self._asked = self._asked, deque()
        for completion in asked:
            completion.fail(error)
