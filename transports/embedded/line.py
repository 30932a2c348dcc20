"""`Line`: the connection to the writer of the moment, and the file descriptor by which it is heard."""

from __future__ import annotations

import contextlib
import logging
import os
import select
import selectors
import threading
import time
from collections.abc import Callable
from typing import Any

from ...actors.completion import Completion, wait_on_thread
from ..errors import BrokerUnavailable, TransportError
from ..message import UNREADABLE
from .calls import Calls
from .dialing import Wire
from .requests import AnyRequest

logger: logging.Logger = logging.getLogger(__name__)

_READ = selectors.EVENT_READ
_WRITE = selectors.EVENT_WRITE
_GLANCE = 1.0
"""Seconds after which a thread that reads looks whether it still has to."""


class Line:
    """Holds at most one `Wire`, sends calls over it, and reads their answers.

    Whoever calls `pump` reads; `fileno` stays the same while wires come and go, and can be read when there is something
    to do. A thread that waits for an answer (`wait`) takes the reading over for as long as it waits: so the answer
    wakes that thread and no other, which is half of the time that a call takes. `lost` is called when a wire has ended.
    """

    def __init__(self, calls: Calls, lost: Callable[[], object] = lambda: None) -> None:
        self._calls = calls
        self._lost = lost
        self._lock = threading.Lock()
        self._reading = threading.RLock()
        """Held while something is read, until all that it sets off is done."""
        self._borrowed = threading.Lock()
        """Held by the thread that has taken the reading over."""
        self._wire: Wire | None = None
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = os.pipe()
        self._abandoned = False
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._selector.register(self._woken, _READ)
        self._events = 0
        """What the selector watches the wire for."""
        self._closed = False

    @property
    def wire(self) -> Wire | None:
        """The connection, None while there is none."""
        return self._wire

    def fileno(self) -> int:
        """Return a file descriptor that can be read when `pump` has something to do."""
        return self._selector.fileno()

    def connect(self, wire: Wire) -> None:
        """Use a connection: for the calls that have no answer yet, then for those to come."""
        with self._lock:
            self._wire = wire
            self._events = 0
            self._send(wire, b"".join([call.frame for call in self._calls.all()]))

    def call(self, request: AnyRequest) -> tuple[Completion[Any], bool]:
        """Make a call; returns its completion, and whether it is on its way already.

        One lock for both, so that calls leave in the order of their numbers.
        """
        with self._lock:
            if self._closed:
                return Completion.failed(BrokerUnavailable("this transport was closed")), True
            try:
                call = self._calls.add(request, time.monotonic())
            except TransportError as error:
                return Completion.failed(error), True
            if self._wire is None:
                return call.completion, False
            self._send(self._wire, call.frame)
            return call.completion, True

    def last_word(self, content: bytes) -> None:
        """Send a frame that is not repeated, if there is a connection."""
        with self._lock:
            if self._wire is not None:
                self._send(self._wire, content)

    def wake(self) -> None:
        """Let a `pump` that waits return."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._waker, b"\0")

    def pump(self, timeout: float | None) -> None:
        """Wait for something to do, at most `timeout` seconds, and do it."""
        for key, events in self._selector.select(timeout):
            if key.fd == self._woken:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
                continue
            if events & _WRITE:
                self.last_word(b"")
            if events & _READ:
                self._receive()

    def wait(self, completion: Completion[Any], timeout: float | None) -> bool:
        """Wait until a call of this line is answered, or `timeout` seconds; return whether it is. See `Waiter`."""
        # Not on Windows, nor where eventlet took it away. To be looked up now: gevent may have put its own there.
        make_poll: Callable[[], Any] | None = getattr(select, "poll", None)
        if make_poll is None or not self._borrowed.acquire(blocking=False):
            return wait_on_thread(completion, timeout)  # another thread reads for all
        deadline = None if timeout is None else time.monotonic() + timeout
        try:
            self._read_until(completion, deadline, make_poll())
        finally:
            self._borrowed.release()
            self._watch_again()
        return completion.done() or wait_on_thread(completion, _left(deadline))

    def _read_until(self, completion: Completion[Any], deadline: float | None, poll: Any) -> None:
        """Read what the wire of now says, until it has answered, its time is up, or the wire is gone."""
        with self._lock:
            wire = self._wire
            if wire is None or self._closed:
                return
            self._watch(wire)
            poll.register(wire.stream.socket, select.POLLIN)
        while not completion.done() and self._wire is wire:
            left = _left(deadline)
            if left == 0:
                return
            # Somebody else may settle the completion, and does so rarely enough.
            if poll.poll((_GLANCE if left is None else min(left, _GLANCE)) * 1000):
                self._receive()

    def _watch_again(self) -> None:
        with self._lock:
            if self._wire is not None and not self._closed:
                self._watch(self._wire)

    def unread(self) -> bool:
        """Tell whether the writer has said something that nobody has read yet."""
        return any(key.fd != self._woken and events & _READ for key, events in self._selector.select(0))

    def hang_up(self, wire: Wire) -> None:
        """Close a connection, unless another thread has done so."""
        with self._lock:
            if self._wire is wire:
                self._wire = None
                if self._events:
                    self._selector.unregister(wire.stream.socket)
                wire.stream.end()
                self.wake()
                self._lost()

    def finish_reading(self) -> None:
        """Wait until everything that was read has had its effect, also in other threads."""
        with self._reading:
            return

    def close(self) -> None:
        """Close everything; calls fail from now on."""
        with self._lock:
            self._closed = True
        if self._wire is not None:
            self.hang_up(self._wire)
        self.abandon()

    def abandon(self) -> None:
        """Close this process's copies, once, and nothing else: the parent of a forked child goes on with its own."""
        if self._abandoned:
            return  # the numbers of its descriptors may be others' by now
        self._abandoned = True
        if self._wire is not None:
            self._wire.stream.close()
        self._selector.close()
        os.close(self._woken)
        os.close(self._waker)

    def _receive(self) -> None:
        wire = self._wire
        if wire is None:
            return
        try:
            with self._reading:
                for content in wire.stream.receive():
                    self._calls.read(content)
        except (TransportError, *UNREADABLE):
            logger.exception("the embedded broker's writer, process %d, answers what nobody understands", wire.pid)
            wire.stream.broken = True
        if wire.stream.broken:
            self.hang_up(wire)

    def _send(self, wire: Wire, data: bytes) -> None:
        wire.stream.send(data)
        self._watch(wire)

    def _watch(self, wire: Wire) -> None:
        """Let the selector watch a wire for what is to be done by whoever pumps."""
        reading = 0 if self._borrowed.locked() else _READ
        events = reading | (_WRITE if wire.stream.backlog else 0)
        if events == self._events:
            return
        socket = wire.stream.socket
        if not self._events:
            self._selector.register(socket, events)
        elif events:
            self._selector.modify(socket, events)
        else:
            self._selector.unregister(socket)
        self._events = events


def _left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
