"""How a dispatcher's thread parks while there is nothing to do: on a lock, or on file descriptors."""

from __future__ import annotations

import contextlib
import logging
import select
import selectors
import socket
from _thread import allocate_lock
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from .linger import Linger

if TYPE_CHECKING:
    from ..cell import Cell

logger: logging.Logger = logging.getLogger("understudy.actors")

LONGEST = 3600.0
"""Seconds: the operating system's own limits are lower than some timers are long."""
_AT_ONCE = 4096
"""So many wakes are forgotten at once."""

Callback = Callable[[], object]


class Owner(Protocol):
    """The dispatcher, as far as its selector knows it."""

    current: Cell | None
    parked: bool


class Gate:
    """Parks a thread on a lock: the fastest way to wait where no file descriptors are watched."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._lock.acquire()

    def wait(self, timeout: float | None) -> None:
        """Block until `wake`, or `timeout` seconds."""
        self._lock.acquire(timeout=-1 if timeout is None else min(timeout, LONGEST))

    def wake(self) -> None:
        """End the wait of now, or the next one; any thread."""
        with contextlib.suppress(RuntimeError):  # two threads woke it at once
            self._lock.release()

    def close(self) -> None:
        """Nothing to release."""


class Watch:
    """What is to be called for one file descriptor; it ends with the actor that asked for it."""

    __slots__ = ("_life", "callbacks", "owner")

    def __init__(self, owner: Cell | None) -> None:
        self.owner: Cell | None = owner
        self._life = 0 if owner is None else owner.lives
        self.callbacks: dict[int, Callback] = {}

    @property
    def events(self) -> int:
        """The selector's mask of what is watched for."""
        return sum(self.callbacks)

    @property
    def abandoned(self) -> bool:
        """Whether the life of the actor that asked for it is over."""
        owner = self.owner
        return owner is not None and not (owner.alive and owner.lives == self._life)


class Selector:
    """Parks a thread on file descriptors: the readiness port of a dispatcher.

    Callbacks run as the actor in whose turn they were set, and are dropped once that actor has ended: nobody would
    read the descriptor any more, and it would keep the thread awake for ever.
    """

    def __init__(self, dispatcher: Owner) -> None:
        self._dispatcher = dispatcher
        self._selector = selectors.DefaultSelector()
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        self._selector.register(self._reader, selectors.EVENT_READ)
        self._watches: dict[int, Watch] = {}
        self._linger = Linger()

    def wait(self, timeout: float | None) -> None:
        """Block until something is ready or `wake`, or `timeout` seconds; run the callbacks of what is ready."""
        ready = self._select(timeout)
        self._dispatcher.parked = False  # who is told something by a callback need not be woken for it
        for key, mask in ready:
            if key.fileobj is self._reader:
                self._drain()
                continue
            watch = self._watches.get(key.fd)
            if watch is None:
                continue
            if watch.abandoned:
                self._forget(key.fd)
                continue
            for event in (selectors.EVENT_READ, selectors.EVENT_WRITE):
                if mask & event:
                    self._call(watch, event)

    def wake(self) -> None:
        """End the wait of now, or the next one; any thread."""
        with contextlib.suppress(OSError):  # it is awake already, or gone
            self._writer.send(b"\0")

    def add_reader(self, fd: int, callback: Callback) -> None:
        """See `IO`."""
        self._add(fd, selectors.EVENT_READ, callback)

    def remove_reader(self, fd: int) -> None:
        """See `IO`."""
        self._remove(fd, selectors.EVENT_READ)

    def add_writer(self, fd: int, callback: Callback) -> None:
        """See `IO`."""
        self._add(fd, selectors.EVENT_WRITE, callback)

    def remove_writer(self, fd: int) -> None:
        """See `IO`."""
        self._remove(fd, selectors.EVENT_WRITE)

    def close(self) -> None:
        """Close its own descriptors."""
        self._selector.close()
        self._reader.close()
        self._writer.close()

    def _select(self, timeout: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        try:
            return self._linger.select(self._selector, None if timeout is None else min(timeout, LONGEST))
        except (OSError, ValueError):  # select(2) fails as a whole where one descriptor was closed
            self._weed_out()
            return []

    def _weed_out(self) -> None:
        for fd in list(self._watches):
            try:
                select.select([fd], [], [], 0)
            except (OSError, ValueError):
                logger.warning("file descriptor %d was closed while it was watched: remove it before", fd)
                self._forget(fd)

    def _call(self, watch: Watch, event: int) -> None:
        callback = watch.callbacks.get(event)
        if callback is None:
            return
        self._dispatcher.current = watch.owner
        try:
            callback()
        except BaseException as error:
            if watch.owner is None:
                logger.exception("a callback for a file descriptor failed: %r", callback)
            else:
                watch.owner.crash(error)
        finally:
            self._dispatcher.current = None

    def _add(self, fd: int, event: int, callback: Callback) -> None:
        watch = self._watches.get(fd)
        if watch is not None and watch.abandoned:
            self._forget(fd)
            watch = None
        if watch is None:
            watch = self._watches[fd] = Watch(self._dispatcher.current)
        watch.callbacks[event] = callback
        try:
            self._watch(fd, watch)
        except BaseException:
            self._forget(fd)
            raise

    def _remove(self, fd: int, event: int) -> None:
        watch = self._watches.get(fd)
        if watch is None:
            return
        watch.callbacks.pop(event, None)
        try:
            if watch.callbacks:
                self._watch(fd, watch)
            else:
                self._forget(fd)
        except OSError:  # it was closed before it was removed
            self._forget(fd)

    def _watch(self, fd: int, watch: Watch) -> None:
        """Register anew: a descriptor that was closed and opened again is another one to the operating system."""
        with contextlib.suppress(KeyError, OSError):
            self._selector.unregister(fd)
        self._selector.register(fd, watch.events)

    def _forget(self, fd: int) -> None:
        self._watches.pop(fd, None)
        with contextlib.suppress(KeyError, ValueError, OSError):
            self._selector.unregister(fd)

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while len(self._reader.recv(_AT_ONCE)) == _AT_ONCE:
                pass
