"""`Ready`: the waiting messages of one queue, of which the first ones are held in memory."""

from __future__ import annotations

from heapq import heappop, heappush
from math import inf

from .place import bounds
from .records import Message
from .storage import Messages

_FIRST_SCAN = 64


class Ready:
    """A window on the head of a queue.

    All waiting messages up to the horizon are in memory; those beyond it, if there are any, are in storage alone until
    the window has been used up. Memory is bounded by `window` messages and `budget` bytes (a single message may be
    larger), however long the queue is.
    """

    def __init__(self, number: int, name: str, stored: Messages, window: int, budget: int, *, empty: bool) -> None:
        self.number = number
        self.name = name
        self.claimed: set[int] = set()
        self._first, self._last = bounds(number)
        self._stored = stored
        self._window = window
        self._budget = budget
        self._scan = min(_FIRST_SCAN, window)
        self._heap: list[int] = []
        self._loaded: dict[int, Message] = {}
        self._bytes = 0
        self._horizon = self._last if empty else self._first - 1

    def __len__(self) -> int:
        """Return about how many messages are in memory; not 0 where any waits, once `look` was called."""
        return len(self._heap)

    def look(self) -> bool:
        """Tell whether a message waits; fills the window where it is empty."""
        return bool(self._heap) or self._fill()

    def add(self, message: Message) -> None:
        """Take in a message that is in storage: new, given back, or due at last."""
        if message.place > self._horizon:
            return

        heappush(self._heap, message.place)
        self._loaded[message.place] = message
        self._bytes += len(message.head) + len(message.body)
        if len(self._heap) > self._window or self._bytes > self._budget:
            self._shrink()

    def take(self, credit: int, room: float = inf) -> list[Message]:
        """Claim up to `credit` messages, in order, and none after the one that fills `room` (bytes)."""
        taken: list[Message] = []
        while len(taken) < credit and (room > 0 or not taken) and self.look():
            heap, loaded = self._heap, self._loaded
            while heap and len(taken) < credit and (room > 0 or not taken):
                message = loaded.pop(heappop(heap), None)
                if message is not None:
                    taken.append(message)
                    size = len(message.head) + len(message.body)
                    self._bytes -= size
                    room -= size
        self.claimed.update([message.place for message in taken])
        return taken

    def drop(self, place: int) -> None:
        """Forget a message that was deleted from storage."""
        message = self._loaded.pop(place, None)
        if message is not None:
            self._bytes -= len(message.head) + len(message.body)

    def look_anew(self) -> None:
        """Drop the window: storage knows what waits."""
        self._heap.clear()
        self._loaded.clear()
        self._bytes = 0
        self._horizon = self._first - 1

    def _fill(self) -> bool:
        while not self._heap and self._horizon < self._last:
            messages = self._stored.scan(self._horizon, self._last, self._scan)
            self._horizon = messages[-1].place if len(messages) == self._scan else self._last
            fresh = [message for message in messages if message.place not in self.claimed]
            self._heap = [message.place for message in fresh]
            self._loaded = {message.place: message for message in fresh}
            self._bytes = sum(len(message.head) + len(message.body) for message in fresh)
            self._adapt()
        return bool(self._heap)

    def _adapt(self) -> None:
        """Read more at once while messages are small."""
        if self._bytes * 4 < self._budget:
            self._scan = min(self._scan * 2, self._window)
        elif self._bytes > self._budget:
            self._scan = max(self._scan // 2, 1)

    def _shrink(self) -> None:
        places = sorted(self._heap)
        kept, dropped = places[: (len(places) + 1) // 2], places[(len(places) + 1) // 2 :]
        for place in dropped:
            self.drop(place)
        self._heap = kept
        self._horizon = kept[-1]
