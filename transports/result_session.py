"""`ResultSession`: a session with a store of results, and those who wait for some of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

from ..actors.completion import Completion
from .errors import BrokerRefused, BrokerUnavailable
from .lane import now
from .session import L, Session
from .waiters import Waiter, Waiters


class ResultSession(Session[L]):
    """What all stores do that have those who wait in this process. Subclasses say how one begins to, in `begin`."""

    waiters: Waiters

    def __init__(self, name: str, make: Callable[[], L], patience: float) -> None:
        super().__init__(name, make, patience)
        self.begin_empty()

    @abstractmethod
    def begin(self, task_id: str, waiter: Waiter) -> None:
        """Have somebody wait for a task's result, unless it is here already; on the lane's thread."""

    def wait(self, task_id: str, timeout: float | None = None) -> Completion[bytes]:
        """Resolve with the payload once the task is in a ready state."""
        completion: Completion[bytes] = Completion()
        waiter = Waiter(completion, now(), None if timeout is None else now() + timeout)
        self.lane.post(lambda: self.begin(task_id, waiter), lambda: completion.fail(self._closed()))
        return completion

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
