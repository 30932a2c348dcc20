"""`Gate`: where whoever waits for a completion parks, be it a thread or a greenlet."""

from __future__ import annotations

import contextlib
import sys
import threading
from typing import Protocol

from .native import allocate_lock


class Gate(Protocol):
    """Parks one waiter until somebody opens it, once."""

    def wait(self, timeout: float | None) -> bool:
        """Wait until it is open or `timeout` seconds passed; return whether it is open."""
        ...

    def open(self) -> None:
        """Let the waiter go on; any thread, and also before it waits."""
        ...


class ThreadGate:
    """Parks a thread of the operating system's."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def wait(self, timeout: float | None) -> bool:
        """See `Gate`."""
        return self._lock.acquire(timeout=-1 if timeout is None else min(max(0.0, timeout), threading.TIMEOUT_MAX))

    def open(self) -> None:
        """See `Gate`."""
        with contextlib.suppress(RuntimeError):  # it is open
            self._lock.release()


def gate_here() -> Gate:
    """Return a gate for whatever runs here: in a program that gevent or eventlet has patched, that is a greenlet."""
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        from .hosts.gevent import GeventGate

        return GeventGate()
    patcher = sys.modules.get("eventlet.patcher")
    if patcher is not None and patcher.is_monkey_patched("thread"):
        from .hosts.eventlet import EventletGate

        return EventletGate()
    return ThreadGate()
