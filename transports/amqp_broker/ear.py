"""`Ear`: one file descriptor for sockets that come and go, so that whoever waits on it need not know them."""

from __future__ import annotations

import selectors
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from ..forking import in_forked_child
from ..lane import HasFileno

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
Heard = Callable[[], object]


class Io(Protocol):
    """A dispatcher that watches file descriptors: a node's, so that no thread stands between."""

    def add_reader(self, fd: int, callback: Callable[[], object]) -> None: ...

    def remove_reader(self, fd: int) -> None: ...


class Ear:
    """Can be read when one of the sockets that it watches has something to do. Thread-safe."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._events: dict[HasFileno, int] = {}

    def fileno(self) -> int:
        """Return the file descriptor, which stays the same."""
        return self._selector.fileno()

    def watch(self, sock: HasFileno, events: int, heard: Heard) -> None:
        """Call `heard`, in `listen`, when a socket is ready for `events`; 0 to watch it no more."""
        with self._lock:
            if events == self._events.get(sock, 0):
                return
            with suppress(ValueError, KeyError, OSError):  # it was closed: whoever reads it finds out
                if not events:
                    self._selector.unregister(sock)
                elif sock in self._events:
                    self._selector.modify(sock, events, heard)
                else:
                    self._selector.register(sock, events, heard)
            if events:
                self._events[sock] = events
            else:
                self._events.pop(sock, None)

    def listen(self, timeout: float = 0.0) -> None:
        """Do what there is to do."""
        for key, _ in self._selector.select(timeout):
            key.data()

    def close(self) -> None:
        """Close this process's copy; the sockets stay open."""
        self._selector.close()


class Ears:
    """Makes the ears of a transport's connections, and lets a dispatcher hear all of them. Thread-safe.

    While one does, lanes do not listen (`mine` is empty): what arrives is handled in the dispatcher's thread.
    """

    def __init__(self) -> None:
        self._reset()
        self._home = in_forked_child(self, Ears._reset)

    def new(self) -> Ear:
        """Return an ear."""
        self._home.check()
        ear = Ear()
        with self._lock:
            self._ears.append(ear)
            if self._trunk is not None:
                self._trunk.watch(ear, READ, ear.listen)
        return ear

    def drop(self, ear: Ear) -> None:
        """Close an ear."""
        with self._lock:
            if ear in self._ears:
                self._ears.remove(ear)
                if self._trunk is not None:
                    self._trunk.watch(ear, 0, ear.listen)
                ear.close()

    def mine(self, ear: Ear) -> Sequence[Ear]:
        """Return what a lane is to wait on."""
        return (ear,) if self._trunk is None else ()

    def attach(self, io: Io) -> None:
        """Let a dispatcher listen; to be called there."""
        trunk = Ear()
        with self._lock:
            self._trunk = trunk
            for ear in self._ears:
                trunk.watch(ear, READ, ear.listen)
        io.add_reader(trunk.fileno(), trunk.listen)

    def detach(self, io: Io) -> None:
        """End that; to be called there. The lanes have to be woken after it."""
        with self._lock:
            trunk, self._trunk = self._trunk, None
        if trunk is not None:
            io.remove_reader(trunk.fileno())
            trunk.close()

    def _reset(self) -> None:
        """Become what was never used; a forked child's copies of its parent's go with their wires."""
        self._lock = threading.Lock()
        self._ears: list[Ear] = []
        self._trunk: Ear | None = None
