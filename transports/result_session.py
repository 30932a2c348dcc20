"""`ResultSession`: a session with a store of results, and those who wait for some of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from math import inf
from typing import Any

from ..actors.completion import Completion, wait_on_thread
from .errors import BrokerRefused, BrokerUnavailable
from .lane import now
from .session import L, Session
from .waiters import Waiter, Waiters

_FIRST_PAUSE = 0.002
_LONGEST_PAUSE = 1.0
"""Seconds for which a thread leaves the reading to the lane's before it tries again to take its place."""
_GLANCE = 0.5
"""Seconds after which a thread that reads looks whether it still has to."""

Begin = Callable[[str, Waiter], object]
"""Has somebody wait for the result of a task."""


class Awaited(Completion[bytes]):
    """A result that is asked for as soon as somebody looks whether it is there, and not before.

    begin: asks for it, from any thread. Whoever knows a better way calls `begin_by` first.
    """

    def __init__(self, task_id: str, timeout: float | None, begin: Begin) -> None:
        super().__init__()
        self._task_id = task_id
        self._begin = begin
        self._unasked = [Waiter(self, now(), None if timeout is None else now() + timeout)]

    def begin_by(self, begin: Begin) -> None:
        """Ask for it, unless that was done. Thread-safe."""
        try:
            waiter = self._unasked.pop()
        except IndexError:
            return
        begin(self._task_id, waiter)

    def done(self) -> bool:
        """See `Completion`."""
        self.begin_by(self._begin)
        return super().done()

    def add_done_callback(self, callback: Callable[[Completion[bytes]], object]) -> None:
        """See `Completion`."""
        self.begin_by(self._begin)
        super().add_done_callback(callback)


class ResultSession(Session[L]):
    """What all stores do that have those who wait in this process. Subclasses say how one begins to, in `begin`."""

    waiters: Waiters
    reads_anywhere: bool = False
    """Whether a thread that waits may take the place of the lane's, to `begin` and to `take_pushed`."""

    def __init__(self, name: str, make: Callable[[], L], patience: float) -> None:
        super().__init__(name, make, patience)
        self.begin_empty()

    @abstractmethod
    def begin(self, task_id: str, waiter: Waiter) -> None:
        """Have somebody wait for a task's result, unless it is here already; on the lane's thread."""

    def take_pushed(self, link: L) -> None:
        """Take what has been pushed, without waiting for more; where a store `reads_anywhere`."""

    def wait(self, task_id: str, timeout: float | None = None) -> Completion[bytes]:
        """Resolve with the payload once the task is in a ready state."""
        awaited = Awaited(task_id, timeout, self._begin_on_lane)
        if self.reads_anywhere:
            awaited.waiter = self._wait_here
        else:
            awaited.begin_by(self._begin_on_lane)
        return awaited

    def _begin_on_lane(self, task_id: str, waiter: Waiter) -> None:
        self.lane.post(lambda: self.begin(task_id, waiter), lambda: waiter.completion.fail(self._closed()))

    def _wait_here(self, completion: Completion[Any], timeout: float | None) -> bool:
        """See `actors.completion.Waiter`: read what is pushed in the thread that waits, which nobody has to wake."""
        deadline = inf if timeout is None else now() + timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                if self.lane.borrow() and self.link is not None:
                    if isinstance(completion, Awaited):
                        completion.begin_by(self.begin)
                    self._read_until(completion, self.link, deadline)
            finally:
                self.lane.give_back(pressing=bool(self.waiters))
            left = max(0.0, deadline - now())
            if completion.done() or wait_on_thread(completion, min(pause, left)) or left <= pause:
                return completion.done()
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _read_until(self, completion: Completion[Any], link: L, deadline: float) -> None:
        """Read in the lane's place until a completion is done, or the lane's thread is needed."""
        try:
            self.take_pushed(link)
            while not completion.done() and now() < deadline and self.lane.rest(self._glance(deadline)):
                self.take_pushed(link)
                self.expire(link)
        except (*link.lost_errors, *link.refused_errors):
            return  # the lane's thread finds the same, and sees to it

    def _glance(self, deadline: float) -> float:
        """Return how long to rest in the lane's place: it does not know when the time of those is up who came since."""
        return self.next_turn(_GLANCE, deadline - now()) or 0.0

    def expire(self, link: L) -> None:
        """Fail those whose time is up; by whoever reads."""
        self.waiters.expire(now())

    def close(self) -> None:
        """Close connections; waiting completions fail."""
        self.lane.close()

    def begin_empty(self) -> None:
        """Become what a session is that nobody has used: at first, and in a forked child."""
        self.waiters = Waiters()

    def let_go(self) -> None:
        """Fail those who wait: the session is closed, or about to be; on the lane's thread."""
        self.waiters.disappoint(self._closed(), now())

    def next_turn(self, *pauses: float | None) -> float | None:
        """Return the seconds until a turn is due: the least of `pauses`, or until somebody's time is up."""
        deadline = self.waiters.next_deadline()
        left = None if deadline is None else max(0.0, deadline - now())
        return min((pause for pause in (*pauses, left) if pause is not None), default=None)

    # What the session asks for, on the lane's thread

    def needed(self) -> bool:
        return bool(self.waiters)

    def disappoint(self, error: BrokerUnavailable | BrokerRefused, asked_before: float) -> None:
        self.waiters.expire(now())
        self.waiters.disappoint(error, asked_before)

    def leave(self) -> None:
        self.let_go()
        super().leave()

    def abandon(self) -> None:
        super().abandon()
        self.begin_empty()

    def _closed(self) -> BrokerUnavailable:
        return BrokerUnavailable(f"{self.lane.name}: closed")
