"""Timers of one dispatcher: a heap that only its own thread touches."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .cell import Cell

SWEEP_AT = 1024


class Timer:
    """A message that a cell will be told later, once or every `interval` seconds; `cancel()` is idempotent."""

    __slots__ = ("_life", "active", "cell", "interval", "message")

    def __init__(self, cell: Cell, message: Any, interval: float | None) -> None:
        self.cell: Cell = cell
        self.message: Any = message
        self.interval: float | None = interval
        self.active: bool = True
        self._life = cell.lives

    def tell(self) -> None:
        """Tell its message now."""
        self.cell.tell_past_bound(self.message)

    def cancel(self) -> None:
        """Stop it; a message that it told already stays told."""
        self.active = False

    @property
    def due(self) -> bool:
        """Whether it is still wanted: not cancelled, and the life goes on in which it was set."""
        cell = self.cell
        return self.active and cell.alive and cell.lives == self._life


class Timers:
    """A heap of timers; those of a dead incarnation never fire.

    Cancelled ones stay in it until they are due or swept out, which happens whenever it has doubled.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()
        self._sweep_at = SWEEP_AT

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, deadline: float, timer: Timer) -> None:
        """Fire `timer` at `deadline` (the clock's `now()` seconds)."""
        heap = self._heap
        if len(heap) >= self._sweep_at:
            self._sweep()
        heappush(heap, (deadline, next(self._order), timer))

    def next_deadline(self) -> float | None:
        """Return when the earliest live timer is due, or None; forgets cancelled ones on the way."""
        heap = self._heap
        while heap and not heap[0][2].due:
            heappop(heap)
        return heap[0][0] if heap else None

    def fire(self, now: float) -> None:
        """Tell what is due by `now`, in order of deadline."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            deadline, _, timer = heappop(heap)
            if not timer.due:
                continue
            if timer.interval is None:
                timer.active = False
            else:
                following = deadline + timer.interval
                self.add(following if following > now else now + timer.interval, timer)
            timer.tell()

    def _sweep(self) -> None:
        self._heap[:] = [entry for entry in self._heap if entry[2].due]
        heapify(self._heap)
        self._sweep_at = max(SWEEP_AT, 2 * len(self._heap))
