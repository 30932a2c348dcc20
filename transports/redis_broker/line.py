"""`Line`: a connection that is made when it is needed and again when it broke, and the calls that go over it."""

from __future__ import annotations

import logging
import select
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import hiredis

from ...actors.completion import Completion, wait_on_thread
from ..errors import BrokerRefused, BrokerUnavailable, NotConfirmed, TransportError
from ..lane import now
from ..redis_errors import PASSING, code_of
from .calls import Call, Calls
from .packing import Command, on_the_wire
from .wire import Wire

if TYPE_CHECKING:
    import socket

    from .address import Address
    from .hub import Hub

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 1.0
_GLANCE = 1.0
"""Seconds after which a thread that reads looks whether it still has to."""

_TAKES_TIME = PASSING - {"NOSCRIPT", "UNBLOCKED"}

_poll = getattr(select, "poll", None)
"""Not on Windows, nor where eventlet has replaced it: replies are then left to the thread that pumps."""

logger: logging.Logger = logging.getLogger(__name__)


class Line:
    """Carries calls to a server, and carries them again where a connection ended before it replied. Thread-safe.

    Whoever calls sends. The replies are read by the hub's thread, by the dispatcher that the hub was attached to, or by
    the thread that waits for one of them. name: what it is for, in the log. preamble: what each connection is told
    first.
    """

    def __init__(self, name: str, address: Address, hub: Hub, preamble: Sequence[Command] = ()) -> None:
        self.name = name
        self._address = address
        self._options = address.options
        self._hub = hub
        self._preamble = preamble
        self._calls = Calls()
        self._lock = threading.Lock()
        self._borrowed = threading.Lock()
        """Held by the thread that has taken the reading over."""
        self._reading = threading.Lock()
        """Held by whoever reads: a thread that waits on the socket would not hear of what another has read."""
        self._wire: Wire | None = None
        self._failure: BrokerUnavailable | None = None
        self.loud: bool = False
        """Whether the log is told of a server that is away, because nobody may be waiting for an answer."""
        self._silent = False
        self._reopen_at = 0.0
        self._pause = _FIRST_PAUSE
        self._closed = False
        hub.add(self)

    @property
    def wire(self) -> Wire | None:
        """The connection, None while there is none."""
        return self._wire

    @property
    def reads(self) -> bool:
        """Whether the hub is to read, because no other thread does."""
        return not self._borrowed.locked()

    @property
    def amid_reply(self) -> bool:
        """Whether a call is answered in part."""
        with self._lock:
            wire, first = self._wire, self._calls.first()
        return wire is not None and first is not None and (bool(first.received) or wire.amid_reply)

    def call(self, *command: Any) -> Completion[Any]:
        """Send one command; returns the completion of its reply."""
        return self.call_all([command]).then(_only)

    def call_all(
        self, commands: Sequence[Command], *, repeat: bool = True, within: float | None = None
    ) -> Completion[list[Any]]:
        """Send commands; returns the completion of their replies, which fails with the first error among them.

        repeat, within: see `Call`; without the one it fails as soon as the connection breaks.
        """
        completion: Completion[list[Any]] = Completion()
        completion.waiter = self._wait
        call = Call(
            on_the_wire(commands),
            len(commands),
            completion,
            now() + self._options.patience,
            repeat,
            self._options.reply_timeout if within is None else within,
        )
        with self._lock:
            if self._closed:
                return Completion.failed(BrokerUnavailable(f"{self.name} is closed"))
            self._calls.add(call)
            wire = self._wire
            if wire is not None:
                self._send(wire, call)
        if wire is None:
            self._hub.nudge()
        return completion

    def refused(self, why: str) -> BrokerRefused:
        """Return what a server says that will not do something as an error of ours."""
        return self._address.refused(why)

    def close(self) -> None:
        """Hang up; what has no reply yet fails."""
        with self._lock:
            self._closed = True
            wire, self._wire = self._wire, None
            calls = self._calls.take(lambda _: True)
        self._hub.remove(self, wire)
        if wire is not None:
            wire.end()
        for call in calls:
            call.completion.fail(BrokerUnavailable(f"{self.name} is closed"))

    def abandon(self) -> None:
        """Close this process's copy of the socket: the parent of a forked child goes on with its own."""
        if self._wire is not None:
            self._wire.abandon()

    # What the hub asks for, on its thread

    def tend(self) -> float | None:
        """Connect, and find out what takes too long; returns the seconds until it has to be looked after again."""
        with self._lock:
            wire, first = self._wire, self._calls.first()
        if first is None or self._closed:
            return None
        if wire is None:
            return self._connect()
        overdue = max(first.sent or now(), wire.active) + first.within - now()  # a large one takes its time
        if overdue > 0:
            return overdue
        self._lose(wire, f"no reply within {first.within:g} s", silent=True)
        return 0.0

    def hear(self) -> None:
        """Read what the server says, unless a thread that waits does."""
        if self._reading.acquire(blocking=False):
            try:
                self._receive()
            finally:
                self._reading.release()

    def _receive(self) -> None:
        wire = self._wire
        if wire is None:
            return
        with self._lock:
            if self._wire is not wire:
                return  # its calls are another's by now
            complete, why = self._calls.read(wire.receive())
        for call in complete:
            self._finish(call)
        if why or wire.broken:
            self._lose(wire, why or "the connection was closed")

    def flush(self) -> None:
        """Send what the server did not take before."""
        wire = self._wire
        if wire is not None:
            wire.send()
            self._hub.watch(self, wire)

    # Connecting

    def _connect(self) -> float:
        if now() < self._reopen_at:
            self._give_up_overdue()
            return min(self._reopen_at - now(), 0.1)
        try:
            connected = self._address.dial(self._preamble)
        except BrokerRefused as error:
            self._refused(error)
            return self._wait_before_next()
        except BrokerUnavailable as error:
            self._unavailable(error)
            return self._wait_before_next()
        self._connected(connected)
        return 0.0

    def _connected(self, connected: socket.socket) -> None:
        wire = Wire(connected)
        with self._lock:
            closed = self._closed
            if not closed:
                self._wire = wire
                for call in self._calls.waiting():
                    self._send(wire, call)
        if closed:
            wire.end()
            return
        self._hub.watch(self, wire)
        if self._silent:
            logger.info("%s: connected again", self.name)
        self._silent, self._failure, self._pause = False, None, _FIRST_PAUSE

    def _wait_before_next(self) -> float:
        self._reopen_at = now() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return self._reopen_at - now()

    def _refused(self, error: BrokerRefused) -> None:
        self._complain(error)
        with self._lock:
            calls = self._calls.take(lambda _: True)
        for call in calls:
            call.completion.fail(error)

    def _unavailable(self, error: BrokerUnavailable) -> None:
        self._complain(error)
        self._failure = error
        self._give_up_overdue()

    def _give_up_overdue(self) -> None:
        with self._lock:
            calls = self._calls.take(lambda call: call.sent is None and call.until <= now())
        for call in calls:
            call.completion.fail(self._failure or self._address.unavailable("there is no connection"))

    def _complain(self, error: TransportError) -> None:
        if self.loud and not self._silent:
            logger.warning("%s: %s", self.name, error)
            self._silent = True

    def _lose(self, wire: Wire, why: str, *, silent: bool = False) -> None:
        error = self._address.unavailable(why)
        with self._lock:
            if self._wire is not wire:
                return
            self._wire = None
            given_up = self._calls.begin_again()
            overdue = self._calls.take(lambda call: call.until <= now() and call.repeat)
        self._failure = error
        self._hub.forget(self, wire)
        wire.end()
        said = NotConfirmed(f"{error}: it may have done what it was asked, or may yet do it") if silent else error
        for call in (*given_up, *overdue):
            call.completion.fail(said)
        self._reopen_at = now() + self._pause if code_of(why) in _TAKES_TIME else 0.0
        self._hub.nudge()

    # Calling

    def _send(self, wire: Wire, call: Call) -> None:
        call.sent = now()
        wire.send(call.packed)
        if wire.backlog:
            self._hub.watch(self, wire)

    def _finish(self, call: Call) -> None:
        error = next((one for one in call.received if isinstance(one, hiredis.ReplyError)), None)
        if error is None:
            call.completion.resolve(call.received)
        else:
            call.completion.fail(self._address.refused(str(error)))

    # Waiting

    def _wait(self, completion: Completion[Any], timeout: float | None) -> bool:
        """Wait until a call is answered, and read meanwhile. See `Waiter`."""
        if _poll is None or self._hub.attached or not self._borrowed.acquire(blocking=False):
            return wait_on_thread(completion, timeout)  # another thread reads for all
        deadline = None if timeout is None else now() + timeout
        try:
            if self._reading.acquire(blocking=False):
                try:
                    self._read_until(completion, deadline)
                finally:
                    self._reading.release()
        finally:
            self._borrowed.release()
            wire = self._wire
            if wire is not None:
                self._hub.watch(self, wire)
        return completion.done() or wait_on_thread(completion, _left(deadline))

    def _read_until(self, completion: Completion[Any], deadline: float | None) -> None:
        """Read what the connection of now says, until it has answered, its time is up, or it is gone."""
        wire = self._wire
        if wire is None or _poll is None:
            return
        self._hub.watch(self, wire)
        poll = _poll()
        try:
            poll.register(wire.socket, select.POLLIN)
        except ValueError:  # closed meanwhile
            return
        while not completion.done() and self._wire is wire:
            left = _left(deadline)
            if left == 0:
                return
            if poll.poll((_GLANCE if left is None else min(left, _GLANCE)) * 1000):
                self._receive()


def _only(replies: list[Any]) -> Any:
    return replies[0]


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - now())
