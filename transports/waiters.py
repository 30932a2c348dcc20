"""`Waiters`: who waits for which result, and until when."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..actors.completion import Completion
from ..actors.errors import Timeout

_ROOM = 1000
"""Deadlines that are kept before those are forgotten that mean nothing any more."""


@dataclass(frozen=True, slots=True)
class Waiter:
    """One who waits: since when and until when, on the lane's clock; None means for ever."""

    completion: Completion[bytes]
    since: float
    until: float | None


class Waiters:
    """Those who wait, by task."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Waiter]] = {}
        self._deadlines: list[tuple[float, str]] = []
        self._room = _ROOM

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, task_id: object) -> bool:
        return task_id in self._waiting

    def add(self, task_id: str, waiter: Waiter) -> bool:
        """Add one; returns whether it is the first for its task."""
        first = task_id not in self._waiting
        self._waiting.setdefault(task_id, []).append(waiter)
        if waiter.until is not None:
            heapq.heappush(self._deadlines, (waiter.until, task_id))
            if len(self._deadlines) > self._room:
                self._forget_deadlines()
        return first

    def tasks(self) -> list[str]:
        """Return the tasks that somebody waits for."""
        return list(self._waiting)

    def resolve(self, task_id: str, payload: bytes) -> bool:
        """Give those who wait for a task its payload; returns whether there were any."""
        waiters = self._waiting.pop(task_id, [])
        for waiter in waiters:
            waiter.completion.resolve(payload)
        return bool(waiters)

    def next_deadline(self) -> float | None:
        """Return when somebody's time is up."""
        return self._deadlines[0][0] if self._deadlines else None

    def expire(self, at: float) -> list[str]:
        """Fail those whose time is up; returns the tasks that nobody waits for any more."""
        due: set[str] = set()
        while self._deadlines and self._deadlines[0][0] <= at:
            due.add(heapq.heappop(self._deadlines)[1])
        return self._fail(
            due,
            lambda waiter: waiter.until is not None and waiter.until <= at,
            lambda waiter: Timeout(f"no result within {(waiter.until or at) - waiter.since:.6g} s"),
        )

    def disappoint(self, error: Exception, since: float) -> list[str]:
        """Fail those who wait since a moment or longer; returns the tasks that nobody waits for any more."""
        return self._fail(self.tasks(), lambda waiter: waiter.since <= since, lambda _: error)

    def _forget_deadlines(self) -> None:
        """Forget those of whoever waits no more: most results come long before the time is up."""
        self._deadlines = [
            (waiter.until, task_id)
            for task_id, waiters in self._waiting.items()
            for waiter in waiters
            if waiter.until is not None
        ]
        heapq.heapify(self._deadlines)
        self._room = 2 * len(self._deadlines) + _ROOM

    def _fail(
        self, tasks: Iterable[str], which: Callable[[Waiter], bool], error: Callable[[Waiter], Exception]
    ) -> list[str]:
        left: list[str] = []
        for task_id in tasks:
            waiters = self._waiting.get(task_id, [])
            self._waiting[task_id] = [waiter for waiter in waiters if not which(waiter)]
            if not self._waiting[task_id]:
                del self._waiting[task_id]
                left.append(task_id)
            for waiter in waiters:
                if which(waiter):
                    waiter.completion.fail(error(waiter))
        return left
