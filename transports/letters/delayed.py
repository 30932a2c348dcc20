"""`Delayed`: messages that are held until they are due."""

from __future__ import annotations

import heapq
from itertools import count
from typing import Generic, TypeVar

T = TypeVar("T")


class Delayed(Generic[T]):
    """Messages by the time at which they are due (unix seconds)."""

    def __init__(self) -> None:
        self._order = count()
        self._heap: list[tuple[float, int, float, T]] = []

    def add(self, taken: T, due: float, since: float) -> None:
        """Hold a message until `due`; `since` is when the holding began."""
        heapq.heappush(self._heap, (due, next(self._order), since, taken))

    def next_due(self) -> float | None:
        """Return when the next message is due."""
        return self._heap[0][0] if self._heap else None

    def pop_due(self, at: float, limit: int) -> list[T]:
        """Remove and return up to `limit` messages that are due `at` a time, the earliest first."""
        due: list[T] = []
        while len(due) < limit and self._heap and self._heap[0][0] <= at:
            due.append(heapq.heappop(self._heap)[3])
        return due

    def pop_held_since(self, before: float) -> list[T]:
        """Remove and return the messages whose holding began before a time."""
        old = [taken for _, _, since, taken in self._heap if since < before]
        if old:
            self._heap = [entry for entry in self._heap if entry[2] >= before]
            heapq.heapify(self._heap)
        return old

    def all(self) -> list[T]:
        """Return the messages, in the order in which they came."""
        return [entry[3] for entry in sorted(self._heap, key=lambda entry: entry[1])]

    def clear(self) -> None:
        """Forget all of them."""
        self._heap.clear()
