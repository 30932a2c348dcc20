"""The gevent host: actors in a program that uses gevent already, on the hub of the thread that makes the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..completion import waiting_here
from ..native import allocate_lock, get_ident
from .extras import library
from .green import GreenDispatcher
from .loop import LoopHost

gevent: Any = library("gevent")
gevent_hub: Any = library("gevent.hub")


class GeventGate:
    """Parks a greenlet. Its watcher keeps the loop from giving up, as long as another thread may open it."""

    def __init__(self) -> None:
        self._hub = gevent.get_hub()
        self._waiter = gevent_hub.Waiter(self._hub)
        self._watcher = self._hub.loop.async_()
        self._watcher.start(self._waiter.switch, True)
        self._lock = allocate_lock()
        self._closed = False

    def wait(self, timeout: float | None) -> bool:
        """See `Gate`."""
        timer = None
        if timeout is not None:
            timer = self._hub.loop.timer(max(0.0, timeout))
            timer.start(self._waiter.switch, False)
        try:
            return self._waiter.get()
        finally:
            with self._lock:
                self._closed = True
            for watcher in (self._watcher, timer):
                if watcher is not None:
                    watcher.stop()
                    watcher.close()

    def open(self) -> None:
        """See `Gate`."""
        with self._lock:  # a watcher that was closed must not be touched any more
            if self._closed:
                return
            if get_ident() == self._hub.thread_ident:
                self._hub.loop.run_callback(self._waiter.switch, True)
            else:
                self._watcher.send()


class GeventDispatcher(GreenDispatcher):
    """Runs turns on a hub of gevent's."""

    def __init__(self) -> None:
        super().__init__()
        self._hub: Any = gevent.get_hub()

    @property
    def hub(self) -> Any:
        """See `GreenDispatcher`."""
        return self._hub

    def call(self, callback: Callable[[], object]) -> None:
        """See `LoopDispatcher`."""
        try:
            if get_ident() == self._hub.thread_ident:
                self._hub.loop.run_callback(callback)
            else:
                self._hub.loop.run_callback_threadsafe(callback)
        except (ValueError, AttributeError):  # the hub was destroyed: nobody runs on it any more
            return

    def call_later(self, delay: float, callback: Callable[[], object]) -> Alarm:
        """See `LoopDispatcher`."""
        return Alarm(self._hub.loop.timer(delay), callback)

    def gate(self) -> GeventGate:
        """See `GreenDispatcher`."""
        return GeventGate()

    def park(self) -> None:
        """See `GreenDispatcher`."""
        self._hub.switch()


class Alarm:
    """A timer of a hub's loop, which forgets it once it rang or was cancelled."""

    def __init__(self, watcher: Any, callback: Callable[[], object]) -> None:
        self._watcher = watcher
        watcher.start(self._ring, callback)

    def cancel(self) -> None:
        """Stop it."""
        self._watcher.stop()
        self._watcher.close()

    def _ring(self, callback: Callable[[], object]) -> None:
        self.cancel()
        callback()


class GeventHost(LoopHost):
    """Actors on the gevent hub of this thread, in the midst of the program's other greenlets.

    A handler may wait as greenlets do: meanwhile the others go on, and its own actor takes no message. Killing an actor
    whose handler waits raises `GreenletExit` there. A handler that computes holds up the whole hub, as any greenlet
    does. Pinned actors get a thread.
    """

    def __init__(self) -> None:
        dispatcher = GeventDispatcher()
        super().__init__(dispatcher)
        waiting_here(dispatcher)
