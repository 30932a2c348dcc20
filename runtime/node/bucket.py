"""`Bucket`: lets tasks begin at a rate."""

from __future__ import annotations

from dataclasses import dataclass, replace

LATENESS = 0.1
"""Seconds at most by which a late timer may be made up for."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A token bucket with room for one token: one comes every `interval` seconds, the next one at `next_at`.

    A value: what it decides follows from itself and the time.
    """

    interval: float
    next_at: float = 0.0

    def take(self, wanted: int, now: float, *, waited: bool = False) -> tuple[int, Bucket]:
        """Return how many of `wanted` tokens are there by `now`, and the bucket without them.

        waited: somebody has waited since before `next_at`. He was woken late, so what came meanwhile is his, too.
        """
        start = max(self.next_at, now - LATENESS if waited else now)
        if wanted <= 0 or start > now:
            return 0, self
        there = min(wanted, 1 + int((now - start) / self.interval))
        return there, replace(self, next_at=start + there * self.interval)
