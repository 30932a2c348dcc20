"""`Waiters`: who waits for which result, and until when."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..actors.completion import Completion
from ..actors.errors import Timeout


@dataclass(frozen=True, slots=True)
class Waiter:
    """One who waits: since when and until when, on the lane's clock; None means for ever."""

    completion: Completion[bytes]
    since: float
    until: float | None


class Waiters:
    """Those who wait, by channel."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Waiter]] = {}
        self._deadlines: list[tuple[float, str]] = []

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def __contains__(self, channel: object) -> bool:
        return channel in self._waiting

    def add(self, channel: str, waiter: Waiter) -> bool:
        """Add one; returns whether it is the first on its channel."""
        if waiter.until is not None:
            heapq.heappush(self._deadlines, (waiter.until, channel))
        first = channel not in self._waiting
        self._waiting.setdefault(channel, []).append(waiter)
        return first

    def channels(self) -> list[str]:
        """Return the channels on which somebody waits."""
        return list(self._waiting)

    def resolve(self, channel: str, payload: bytes) -> bool:
        """Give those on a channel what they wait for; returns whether there were any."""
        waiters = self._waiting.pop(channel, [])
        for waiter in waiters:
            waiter.completion.resolve(payload)
        return bool(waiters)

    def next_deadline(self) -> float | None:
        """Return when somebody's time is up."""
        return self._deadlines[0][0] if self._deadlines else None

    def expire(self, at: float) -> list[str]:
        """Fail those whose time is up; returns the channels on which nobody waits any more."""
        due: set[str] = set()
        while self._deadlines and self._deadlines[0][0] <= at:
            due.add(heapq.heappop(self._deadlines)[1])
        return self._fail(
            due,
            lambda waiter: waiter.until is not None and waiter.until <= at,
            lambda waiter: Timeout(f"no result within {(waiter.until or at) - waiter.since:.6g} s"),
        )

    def disappoint(self, error: Exception, since: float) -> list[str]:
        """Fail those who wait since a moment or longer; returns the channels on which nobody waits any more."""
        return self._fail(self.channels(), lambda waiter: waiter.since <= since, lambda _: error)

    def _fail(
        self, channels: Iterable[str], which: Callable[[Waiter], bool], error: Callable[[Waiter], Exception]
    ) -> list[str]:
        left: list[str] = []
        for channel in channels:
            waiters = self._waiting.get(channel, [])
            self._waiting[channel] = [waiter for waiter in waiters if not which(waiter)]
            if not self._waiting[channel]:
                del self._waiting[channel]
                left.append(channel)
            for waiter in waiters:
                if which(waiter):
                    waiter.completion.fail(error(waiter))
        return left
