"""`Hub`: hears all lines of a transport, on a thread of its own or on a node's dispatcher, and keeps its time."""

from __future__ import annotations

import contextlib
import heapq
import logging
import os
import selectors
import threading
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, Any, Protocol

from ..lane import now

if TYPE_CHECKING:
    from .line import Line
    from .wire import Wire

_READ = selectors.EVENT_READ
_WRITE = selectors.EVENT_WRITE
_AFTER_A_BUG = 1.0
_END_WITHIN = 10.0
_GLANCE = 0.5
"""Seconds after which it is looked for replies that are overdue: whoever calls does not wake the thread for that."""

logger: logging.Logger = logging.getLogger(__name__)


class Io(Protocol):
    """A dispatcher that watches file descriptors: the node's, so that no thread stands between."""

    def add_reader(self, fd: int, callback: Callable[[], object]) -> None: ...

    def remove_reader(self, fd: int) -> None: ...


class Hub:
    """Waits on sockets and for times, with a thread that starts when it is first needed. Thread-safe.

    The thread connects, and finds out what takes too long; it also reads, unless `attach` gave that to a dispatcher.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._reset()

    @property
    def attached(self) -> bool:
        """Whether a dispatcher reads."""
        return self._io is not None

    def add(self, line: Line) -> None:
        """Look after a line."""
        with self._lock:
            self._lines.append(line)

    def remove(self, line: Line, wire: Wire | None) -> None:
        """Look after a line no more."""
        if wire is not None:
            self.forget(line, wire)
        with self._lock:
            if line in self._lines:
                self._lines.remove(line)

    def attach(self, io: Io) -> None:
        """Let a dispatcher hear the lines; to be called there."""
        self._start()
        self._io = io
        io.add_reader(self._selector.fileno(), lambda: self.pump(0))
        self.nudge()

    def detach(self) -> None:
        """Hear the lines on the hub's own thread again; to be called where `attach` was."""
        self._leave_dispatcher()
        self.nudge()

    def after(self, seconds: float, work: Callable[[], object]) -> None:
        """Call `work` on the hub's thread in some seconds."""
        at = now() + seconds
        with self._lock:
            sooner = not self._timers or at < self._timers[0][0]
            heapq.heappush(self._timers, (at, next(self._order), work))
        if sooner:
            self.nudge()

    def nudge(self) -> None:
        """Let the thread look around."""
        self._start()
        if not self._closing.is_set() and threading.current_thread() is not self._thread:
            self._nudged.set()
            with contextlib.suppress(OSError):  # full: it is awake; closed: it is gone
                os.write(self._waker, b"\0")

    def watch(self, line: Line, wire: Wire) -> None:
        """Wait for what a line's connection has to be heard, or given, by whoever pumps."""
        events = (_READ if line.reads else 0) | (_WRITE if wire.backlog else 0)
        with self._watching:
            if self._closing.is_set() or wire.broken:
                return
            known = self._watched.get(wire, 0)
            if events == known:
                return
            with contextlib.suppress(ValueError, KeyError, OSError):  # closed meanwhile
                if not known:
                    self._selector.register(wire.socket, events, line)
                elif events:
                    self._selector.modify(wire.socket, events, line)
                else:
                    self._selector.unregister(wire.socket)
                self._watched[wire] = events

    def forget(self, line: Line, wire: Wire) -> None:
        """Wait for a connection no more, which is about to be closed."""
        with self._watching:
            if self._watched.pop(wire, 0) and not self._closing.is_set():
                with contextlib.suppress(ValueError, KeyError, OSError):
                    self._selector.unregister(wire.socket)

    def pump(self, timeout: float | None) -> None:
        """Wait for something to be heard, at most `timeout` seconds, and hear it."""
        for key, events in self._selector.select(timeout):
            if key.fd == self._woken:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._woken, 4096)
                continue
            line: Line = key.data
            if events & _WRITE:
                line.flush()
            if events & _READ:
                line.hear()

    def close(self) -> None:
        """Close every line, and end the thread; idempotent."""
        with self._lock:
            closed = self._closing.is_set()
            self._closing.set()
        for line in list(self._lines):
            line.close()
        if closed or self._thread is None:
            return
        self._leave_dispatcher()
        if self._thread is not threading.current_thread():
            self._nudged.set()
            os.write(self._waker, b"\0")
            self._thread.join(timeout=_END_WITHIN)
        self._close_files()

    def abandon(self) -> None:
        """Begin anew in a forked child, with copies of its own closed and nobody told."""
        for line in self._lines:
            line.abandon()
        if self._thread is not None and not self._closing.is_set():
            self._close_files()
        self._reset()

    def _leave_dispatcher(self) -> None:
        io, self._io = self._io, None
        if io is not None:
            io.remove_reader(self._selector.fileno())

    def _close_files(self) -> None:
        with self._watching:
            self._selector.close()
            os.close(self._woken)
            os.close(self._waker)

    def _start(self) -> None:
        """Open what a hub needs, and start its thread, the first time."""
        if self._thread is not None or self._closing.is_set():
            return
        with self._lock:
            if self._thread is None and not self._closing.is_set():
                self._selector = selectors.DefaultSelector()
                self._woken, self._waker = os.pipe()
                os.set_blocking(self._woken, False)
                os.set_blocking(self._waker, False)
                self._selector.register(self._woken, _READ)
                thread = threading.Thread(target=self._run, args=(self._closing,), name=self.name, daemon=True)
                self._thread = thread
                thread.start()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._watching = threading.Lock()
        self._lines: list[Line] = []
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()
        self._watched: dict[Wire, int] = {}
        self._selector: Any = None
        self._woken = self._waker = -1
        self._nudged = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self._io: Io | None = None

    def _run(self, closing: threading.Event) -> None:
        while not closing.is_set():
            self._nudged.clear()
            try:
                pause = self._look_after_all()
                if closing.is_set():
                    return
                if self._io is None:
                    self.pump(pause)
                else:
                    self._nudged.wait(pause)
            except Exception:
                logger.exception("%s failed", self.name)
                closing.wait(_AFTER_A_BUG)

    def _look_after_all(self) -> float | None:
        while self._timers and self._timers[0][0] <= now():
            with self._lock:
                work = heapq.heappop(self._timers)[2]
            work()
        pauses = [line.tend() for line in list(self._lines)]
        if self._timers:
            pauses.append(max(0.0, self._timers[0][0] - now()))
        pauses.append(_GLANCE if self._watched else None)
        return min((pause for pause in pauses if pause is not None), default=None)
