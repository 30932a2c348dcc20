"""`Window`: how many messages a queue's group has in hand at most."""

from __future__ import annotations

from .context import NodeOptions

SHORTEST = 50e-6
"""Seconds that any job takes a slot, what runs around the task included."""


class Window:
    """Sized by how long jobs run: as many as the slots get done within the horizon, beyond one for each slot.

    Of tasks that take a second a node holds no more than it runs, so that others get the rest; of tasks that take
    microseconds it holds enough never to wait for the broker. Pure.
    """

    def __init__(self, options: NodeOptions) -> None:
        self._options = options
        self._seconds: float | None = None

    def observe(self, seconds: float | None) -> None:
        """Learn what a slot estimates that a job takes; None where it does not know yet."""
        if seconds is not None:
            self._seconds = seconds if self._seconds is None else (self._seconds + seconds) / 2

    @property
    def size(self) -> int:
        """The number of messages to have in hand."""
        slots = self._options.concurrency
        if self._seconds is None:
            return slots
        ahead = slots * self._options.horizon / max(self._seconds, SHORTEST)
        return min(slots + int(ahead), max(self._options.prefetch_limit, slots))

    def missing(self, in_hand: int) -> int:
        """Return how many messages to ask for; 0 as long as so few are missing that asking does not pay."""
        size = self.size
        missing = size - in_hand
        return missing if missing >= max(1, size // 4) else 0
