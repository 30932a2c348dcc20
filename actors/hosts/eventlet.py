"""The eventlet host: actors in a program that uses eventlet already, on the hub of the thread that makes the host."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from io import FileIO
from typing import Any

from ..completion import waiting_here
from ..native import allocate_lock, get_ident
from .extras import library
from .green import GreenDispatcher
from .loop import LoopHost

hubs: Any = library("eventlet.hubs")
eventlet_event: Any = library("eventlet.event")


class Port:
    """Where other threads leave calls for a hub, whose own methods are for its own thread only.

    The hub watches a pipe. Whoever leaves the first call writes a byte, which is taken out before the calls are.
    """

    def __init__(self) -> None:
        self._hub = hubs.get_hub()
        self._thread = get_ident()
        self._calls: deque[Callable[[], object]] = deque()
        self._woken = False
        reader, writer = os.pipe()
        self._reader, self._writer = FileIO(reader, "rb"), FileIO(writer, "wb")  # os.read and os.write may be patched
        self._open = True
        self._lock = allocate_lock()
        self._listener = self._hub.add(self._hub.READ, reader, self._take, self._ignore, self._ignore)

    def call(self, callback: Callable[[], object]) -> None:
        """Call `callback()` on the hub, soon; any thread. Calls that come after `close` are dropped."""
        if get_ident() == self._thread:
            self._hub.schedule_call_global(0, callback)
            return
        self._calls.append(callback)
        with self._lock:  # the number of a closed descriptor may be somebody else's
            if self._open and not self._woken:
                self._woken = True
                self._writer.write(b"\0")

    def close(self) -> None:
        """Take no more calls; the hub's thread. Idempotent."""
        with self._lock:
            if not self._open:
                return
            self._open = False
        self._hub.remove(self._listener)
        self._reader.close()
        self._writer.close()

    def _take(self, _fd: int) -> None:
        if not self._open:
            return
        self._reader.read(4096)
        self._woken = False
        while self._calls:
            self._hub.schedule_call_global(0, self._calls.popleft())

    def _ignore(self, *_: object) -> None:
        """Nothing closes the pipe but `close`."""


class EventletGate:
    """Parks a greenlet; without a port, it opens one for as long as somebody waits."""

    def __init__(self, port: Port | None = None) -> None:
        self._event = eventlet_event.Event()
        self._own = Port() if port is None else None
        self._port = port or self._own

    def wait(self, timeout: float | None) -> bool:
        """See `Gate`."""
        try:
            return self._event.wait(timeout) is True
        finally:
            if self._own is not None:
                self._own.close()

    def open(self) -> None:
        """See `Gate`."""
        if self._port is not None:
            self._port.call(lambda: self._event.send(True))


class EventletDispatcher(GreenDispatcher):
    """Runs turns on a hub of eventlet's."""

    def __init__(self) -> None:
        super().__init__()
        self._hub: Any = hubs.get_hub()
        self._port = Port()

    @property
    def hub(self) -> Any:
        """See `GreenDispatcher`."""
        return self._hub.greenlet

    def call(self, callback: Callable[[], object]) -> None:
        """See `LoopDispatcher`."""
        self._port.call(callback)

    def call_later(self, delay: float, callback: Callable[[], object]) -> Any:
        """See `LoopDispatcher`."""
        return self._hub.schedule_call_global(delay, callback)

    def gate(self) -> EventletGate:
        """See `GreenDispatcher`."""
        return EventletGate(self._port)

    def park(self) -> None:
        """See `GreenDispatcher`."""
        self._hub.switch()

    def end(self) -> None:
        """See `LoopDispatcher`."""
        super().end()
        self._port.close()


class EventletHost(LoopHost):
    """Actors on the eventlet hub of this thread, in the midst of the program's other greenlets.

    A handler may wait as greenlets do: meanwhile the others go on, and its own actor takes no message. Killing an actor
    whose handler waits raises `GreenletExit` there. A handler that computes holds up the whole hub, as any greenlet
    does. Pinned actors get a thread.
    """

    def __init__(self) -> None:
        dispatcher = EventletDispatcher()
        super().__init__(dispatcher)
        waiting_here(dispatcher)
