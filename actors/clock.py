"""Time as actors see it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """A source of time; the simulator has its own."""

    def now(self) -> float:
        """Return monotonic seconds: for durations and deadlines."""
        ...

    def time(self) -> float:
        """Return unix seconds: for what other processes are told."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> float:
        """See `Clock`."""
        return time.monotonic()

    def time(self) -> float:
        """See `Clock`."""
        return time.time()
