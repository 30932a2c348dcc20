"""`Lane`: a thread of its own for what blocks; it carries out jobs in order and waits on sockets between them."""

from __future__ import annotations

import heapq
import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import Any, Protocol, TypeVar

from ..actors.completion import Completion
from .errors import BrokerUnavailable
from .forking import in_forked_child

T = TypeVar("T")

logger: logging.Logger = logging.getLogger(__name__)

now: Callable[[], float] = time.monotonic
unix_time: Callable[[], float] = time.time

_Selector = getattr(selectors, "PollSelector", selectors.SelectSelector)
_AFTER_A_BUG = 1.0
_NAP = 1.0
"""Seconds after which the lane's thread looks whether its place is still taken."""


def readable(sock: socket.socket) -> bool:
    """Tell, without waiting, whether there is something, or an end, to be read; raises `OSError` where it is closed."""
    with _Selector() as selector:
        try:
            selector.register(sock, selectors.EVENT_READ)
        except ValueError:
            raise ConnectionError("the connection is closed") from None
        return bool(selector.select(0))


class HasFileno(Protocol):
    """What can be waited on: a socket, or what stands for several."""

    def fileno(self) -> int: ...


class Resident(Protocol):
    """What lives on a lane; all of its methods run on the lane's thread, save `abandon`."""

    def turn(self) -> float | None:
        """Do what is due; return the seconds until something is again, None where only a job or a socket can tell."""
        ...

    def sockets(self) -> Sequence[HasFileno]:
        """Return what the lane waits on; a turn follows once one of them is readable."""
        ...

    def leave(self) -> None:
        """Close connections: the lane is closing."""
        ...

    def abandon(self) -> None:
        """Let go of connections without a word to their other end: they belong to the process that forked this one."""
        ...


class Lane:
    """Runs the jobs and turns of one `Resident` on a thread, which starts with the first job.

    Thread-safe. A forked child starts with an empty lane: jobs of its parent are not its own.
    """

    def __init__(self, name: str, resident: Resident) -> None:
        self.name = name
        self._resident = resident
        self._reset()
        self._home = in_forked_child(self, Lane.abandon)

    @property
    def closed(self) -> bool:
        """Whether it was closed, or is closing. A forked child that asks has a lane of its own from then on."""
        self._home.check()
        return self._closing.is_set()

    def submit(self, work: Callable[[], T]) -> Completion[T]:
        """Run `work` on the lane; returns the completion of its value. Fails with `BrokerUnavailable` once closed."""
        completion: Completion[T] = Completion()
        self.post(lambda: _run(work, completion), lambda: completion.fail(self._closed_error()))
        return completion

    def post(self, work: Callable[[], object], refused: Callable[[], object] | None = None) -> None:
        """Run `work` on the lane; calls `refused` instead where the lane closes before."""
        self._home.check()
        self._jobs.append((work, refused))
        if self._closing.is_set():
            self._refuse_jobs()
            return
        self._start()
        if self._asleep:
            self._wake()

    def nudge(self, refused: Callable[[], object] | None = None) -> None:
        """Have the resident take a turn; calls `refused` instead where the lane closes before."""
        self.post(_nothing, refused)

    def after(self, seconds: float, work: Callable[[], object]) -> None:
        """Run `work` on the lane in some seconds; for calls on the lane's own thread."""
        heapq.heappush(self._timers, (now() + seconds, next(self._order), work))

    def pause(self, seconds: float) -> bool:
        """Wait on the lane's thread; returns False at once where the lane is closing."""
        return not self._closing.wait(seconds)

    def borrow(self) -> bool:
        """Take the place of the lane's thread while it sleeps and has nothing to do; returns whether that succeeded.

        Until `give_back` the resident belongs to the calling thread, which must not be long about anything but `rest`.
        """
        self._home.check()
        if self._thread is None or self._jobs or not self._helm.acquire(blocking=False):
            return False
        self._helmsman = threading.get_ident()
        if self._wanted():
            self.give_back()
            return False
        return True

    def rest(self, timeout: float) -> bool:
        """Wait for the resident's sockets in the lane's place; returns False once its thread is to have it back."""
        self._select(self._resident.sockets(), timeout)
        return not self._wanted()

    def give_back(self, pressing: bool = False) -> None:
        """End `borrow`, if it was this thread's; where it is `pressing`, the lane's thread takes a turn at once."""
        if self._helmsman != threading.get_ident():
            return
        self._helmsman = None
        self._helm.release()
        if pressing or self._wanted():
            self._wake()

    def close(self) -> None:
        """Let the jobs that wait fail, the resident leave, and the thread end."""
        self._home.check()
        self._closing.set()
        thread = self._thread
        if thread is not None and threading.get_ident() not in (thread.ident, self._helmsman):
            self._wake()
            thread.join()
        if thread is None:
            self._refuse_jobs()

    def abandon(self) -> None:
        """Forget everything, in a process that was just forked."""
        for end in self._alarm:
            end.close()
        self._reset()
        self._resident.abandon()

    def _reset(self) -> None:
        self._jobs: deque[tuple[Callable[[], object], Callable[[], object] | None]] = deque()
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()
        self._closing = threading.Event()
        self._alarm: tuple[socket.socket, ...] = ()
        self._asleep = False
        self._helm = threading.Lock()
        """Held by whoever works with the resident: the lane's thread, or one that has borrowed its place."""
        self._helmsman: int | None = None
        self._due: float | None = None

    def _start(self) -> None:
        if self._thread is not None:
            return
        with self._starting:
            if self._thread is None:
                self._alarm = socket.socketpair()
                for end in self._alarm:
                    end.setblocking(False)
                self._thread = threading.Thread(target=self._live, name=self.name, daemon=True)
                self._thread.start()

    def _wake(self) -> None:
        self._asleep = False
        with suppress(OSError):  # full: it is awake; closed: it is gone
            self._alarm[1].send(b"\0")

    def _live(self) -> None:
        try:
            while not self._closing.is_set():
                if self._take_helm():
                    try:
                        sockets = self._take_turn()
                    finally:
                        self._helm.release()
                    self._sleep(sockets)
                else:
                    self._sleep((), _NAP)
        finally:
            with self._helm:
                self._refuse_jobs()
                self._resident.leave()
                self._refuse_jobs()
            for end in self._alarm:
                end.close()

    def _take_helm(self) -> bool:
        """Return whether it is the lane's thread that works with the resident, for which it asks where it has to."""
        if self._helm.acquire(blocking=False):
            return True
        if not self._wanted():
            return False
        self._wake()
        return self._helm.acquire()

    def _wanted(self) -> bool:
        """Tell whether there is something that only the lane's thread does."""
        return bool(self._jobs) or self._closing.is_set() or (self._due is not None and self._due <= now())

    def _take_turn(self) -> Sequence[HasFileno]:
        for _ in range(len(self._jobs)):
            self._work(self._jobs.popleft()[0])
        while self._timers and self._timers[0][0] <= now():
            self._work(heapq.heappop(self._timers)[2])
        pause = self._work(self._resident.turn, _AFTER_A_BUG)
        moments = [self._timers[0][0]] if self._timers else []
        if pause is not None:
            moments.append(now() + pause)
        self._due = min(moments, default=None)
        return self._resident.sockets()

    def _work(self, work: Callable[[], T], otherwise: T | None = None) -> T | None:
        try:
            return work()
        except Exception:
            logger.exception("%s: %r failed", self.name, work)
            return otherwise

    def _sleep(self, sockets: Sequence[HasFileno], longest: float | None = None) -> None:
        """Wait on the lane's thread, for a job, a socket, or until something is due."""
        left = None if self._due is None else max(0.0, self._due - now())
        timeout = min((limit for limit in (left, longest) if limit is not None), default=None)
        self._asleep = True
        self._select(sockets, 0 if self._jobs else timeout)
        self._asleep = False

    def _select(self, sockets: Sequence[HasFileno], timeout: float | None) -> None:
        alarm = self._alarm[0]
        with _Selector() as selector:
            selector.register(alarm, selectors.EVENT_READ)
            for one in sockets:
                with suppress(ValueError, KeyError):  # closed meanwhile: the next turn finds out
                    selector.register(one, selectors.EVENT_READ)
            ready = selector.select(timeout)
        if any(key.fileobj is alarm for key, _ in ready):
            with suppress(BlockingIOError):
                while alarm.recv(4096):
                    pass

    def _refuse_jobs(self) -> None:
        with suppress(IndexError):  # the lane and whoever posts may both do this
            while True:
                refused = self._jobs.popleft()[1]
                if refused is not None:
                    refused()

    def _closed_error(self) -> BrokerUnavailable:
        return BrokerUnavailable(f"{self.name} is closed")


def _run(work: Callable[[], Any], completion: Completion[Any]) -> None:
    try:
        completion.resolve(work())
    except Exception as error:  # noqa: BLE001 - the error belongs to whoever waits for it
        completion.fail(error)


def _nothing() -> None:
    """Be a job after which the lane looks around."""
