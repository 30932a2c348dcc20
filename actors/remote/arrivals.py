"""`Arrivals`: how far the mail of each sender has come, so that none of it is taken twice."""

from __future__ import annotations

from enum import Enum

from .publisher import epoch_of


class Arrived(Enum):
    """Whether an envelope is new."""

    NOW = "now"
    BEFORE = "before"
    """It came before, or after one that was sent later: then to take it would put it out of order."""


REMEMBERED = 10_000
"""Of how many streams it is known how far they have come; what was silent for longest is forgotten first."""


class Arrivals:
    """The highest number of each sender, for each of its streams: our own inbox, or a topic."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], int] = {}

    def note(self, sender: str, stream: str, number: int) -> tuple[Arrived, int]:
        """Note an envelope; returns whether it is new, and how many before it have not come."""
        if not number:
            return Arrived.NOW, 0
        last = self._last.pop((sender, stream), None)
        self._last[sender, stream] = number if last is None else max(last, number)
        if len(self._last) > REMEMBERED:
            del self._last[next(iter(self._last))]
        if last is not None and number <= last:
            return Arrived.BEFORE, 0
        if last is None or stream or epoch_of(last) != epoch_of(number):
            return Arrived.NOW, 0
        return Arrived.NOW, number - last - 1
