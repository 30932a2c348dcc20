"""`Deadline`: what is left of a timeout."""

from __future__ import annotations

from time import monotonic  # noqa: TID251 - a caller's own thread waits; no actor runs here


class Deadline:
    """A moment `timeout` seconds from now, or never."""

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self._end = None if timeout is None else monotonic() + timeout

    def left(self) -> float | None:
        """Return the seconds until then, None for no limit."""
        return None if self._end is None else max(0.0, self._end - monotonic())

    def passed(self) -> bool:
        """Tell whether it is over."""
        return self.left() == 0.0

    def slice(self, interval: float | None) -> float | None:
        """Return how long to wait before looking up: an interval, but not beyond the deadline."""
        left = self.left()
        return left if interval is None else interval if left is None else min(interval, left)
