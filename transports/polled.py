"""`PolledResults`: the side of a result store that nobody tells anything, so that it looks by itself.

Each task that somebody waits for has a pace of its own: looked for at once, soon again, and then less and less often,
up to the longest pause. All that are due are looked for together. What this process stores itself is found at once.
"""

from __future__ import annotations

import heapq
import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence

from ..actors.completion import Completion
from .chords import Chords, no_counters
from .errors import BrokerRefused, BrokerUnavailable
from .lane import now
from .message import ChordPart
from .payloads import READY
from .session import L, Session
from .waiters import Waiter, Waiters

FIRST_PAUSE = 0.01
LONGEST_PAUSE = 0.5
FACTOR = 1.5
_CLEAN_EVERY = 3600.0

logger: logging.Logger = logging.getLogger(__name__)


class Pace:
    """When to look for each of several tasks again; longest: seconds between two looks for one of them at most."""

    def __init__(self, longest: float) -> None:
        self._longest = longest
        self._next: dict[str, tuple[float, float]] = {}  # for each task its moment, and the pause after that
        self._heap: list[tuple[float, str]] = []

    def soon(self, tasks: Iterable[str], at: float) -> None:
        """Look for tasks now, and begin anew with short pauses."""
        for task in tasks:
            self._note(task, at, min(FIRST_PAUSE, self._longest))

    def later(self, task: str, at: float) -> None:
        """Look for a task again in a while that is longer than the last one was."""
        _, pause = self._next.get(task, (at, FIRST_PAUSE))
        self._note(task, at + pause, min(FACTOR * pause, self._longest))

    def drop(self, tasks: Iterable[str]) -> None:
        """Look for tasks no more."""
        for task in tasks:
            self._next.pop(task, None)

    def due(self, at: float) -> list[str]:
        """Return what is to be looked for now, or so nearly that it can go along."""
        found: dict[str, None] = {}
        while self._heap and self._heap[0][0] <= at + FIRST_PAUSE / 2:
            moment, task = heapq.heappop(self._heap)
            if self._is_current(moment, task):
                found[task] = None
        return list(found)

    def next(self) -> float | None:
        """Return when something is due."""
        while self._heap and not self._is_current(*self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def _note(self, task: str, at: float, pause: float) -> None:
        self._next[task] = (at, pause)
        heapq.heappush(self._heap, (at, task))

    def _is_current(self, moment: float, task: str) -> bool:
        return task in self._next and self._next[task][0] == moment


class PolledResults(Session[L]):
    """A session whose store has to be asked, and cleaned. Subclasses say how, in `look` and `sweep`.

    expires: seconds for which results are kept, None for ever; a process that stores cleans every hour, too. Nothing
    counts in such a store: chords are Celery's, which polls for the end of their headers with a task.
    """

    chords: Chords = Chords.POLLED

    def __init__(
        self, name: str, make: Callable[[], L], patience: float, longest_pause: float, expires: float | None
    ) -> None:
        super().__init__(name, make, patience)
        self._longest_pause = longest_pause
        self._expires = expires
        self._begin_empty()

    @abstractmethod
    def look(self, link: L, task_ids: Sequence[str]) -> list[tuple[str, bytes] | None]:
        """Return state and payload of tasks, in order; on the lane's thread."""

    @abstractmethod
    def sweep(self, link: L) -> int:
        """Delete what has expired; returns how much that was; on the lane's thread."""

    def get(self, task_ids: Sequence[str]) -> Completion[list[bytes | None]]:
        """Return payloads, in order; None where nothing is stored."""

        def read(link: L) -> list[bytes | None]:
            return [None if found is None else found[1] for found in self.look(link, task_ids)]

        return self.run(read) if task_ids else Completion.of([])

    def wait(self, task_id: str, timeout: float | None = None) -> Completion[bytes]:
        """Resolve with the payload once the task is in a ready state."""
        completion: Completion[bytes] = Completion()
        waiter = Waiter(completion, now(), None if timeout is None else now() + timeout)
        refused = BrokerUnavailable(f"{self.lane.name}: closed")
        self.lane.post(lambda: self._begin(task_id, waiter), lambda: completion.fail(refused))
        return completion

    def clean(self) -> Completion[int]:
        """Delete what has expired now; returns how much that was."""
        return self.run(self.sweep)

    def set_chord_size(self, group_id: str, size: int) -> Completion[None]:
        """Fail: nothing counts here."""
        return no_counters(self.lane.name)

    def chord_part(self, part: ChordPart) -> Completion[None]:
        """Fail: nothing counts here."""
        return no_counters(self.lane.name)

    def chord_parts(self, group_id: str) -> Completion[list[tuple[int, str, str, bytes]]]:
        """Fail: nothing counts here."""
        return no_counters(self.lane.name)

    def delete_chord(self, group_id: str) -> Completion[None]:
        """Do nothing: there is no trace of a chord."""
        return Completion.of(None)

    def stored(self, task_ids: Iterable[str]) -> None:
        """Note, on the lane's thread, that results were stored here: whoever waits for them need not wait on."""
        if self._expires is not None and not self._cleans:
            self._cleans = True
            self._sweep_later(self._expires)
        waiting = [task_id for task_id in task_ids if task_id in self._waiters]
        self._pace.soon(waiting, now())

    # What the session asks for, on the lane's thread

    def needed(self) -> bool:
        return bool(self._waiters)

    def opened(self, link: L) -> None:
        self._pace.soon(self._waiters.channels(), now())

    def serve(self, link: L) -> float | None:
        due = self._pace.due(now())
        if due:
            self._deliver(due, self.look(link, due))
        self._pace.drop(self._waiters.expire(now()))
        moments = (link.tick(), _left(self._pace.next()), _left(self._waiters.next_deadline()))
        return min((moment for moment in moments if moment is not None), default=None)

    def disappoint(self, error: BrokerUnavailable | BrokerRefused, asked_before: float) -> None:
        self._pace.drop(self._waiters.expire(now()))
        self._pace.drop(self._waiters.disappoint(error, asked_before))

    def leave(self) -> None:
        self._waiters.disappoint(BrokerUnavailable(f"{self.lane.name}: closed"), now())
        super().leave()

    def abandon(self) -> None:
        super().abandon()
        self._begin_empty()

    def close(self) -> None:
        """Close connections; waiting completions fail."""
        self.lane.close()

    def _begin_empty(self) -> None:
        self._waiters = Waiters()
        self._pace = Pace(self._longest_pause)
        self._cleans = False

    def _sweep_later(self, expires: float) -> None:
        self.lane.after(min(_CLEAN_EVERY, max(expires, 1.0)), lambda: self._sweep_again(expires))

    def _sweep_again(self, expires: float) -> None:
        try:
            self.attempt(self.sweep)
        except (BrokerUnavailable, BrokerRefused) as error:
            logger.warning("%s: expired results stay for now: %s", self.lane.name, error)
        self._sweep_later(expires)

    def _begin(self, task_id: str, waiter: Waiter) -> None:
        self._waiters.add(task_id, waiter)
        self._pace.soon([task_id], now())

    def _deliver(self, task_ids: Sequence[str], found: Sequence[tuple[str, bytes] | None]) -> None:
        for task_id, one in zip(task_ids, found, strict=True):
            if one is not None and one[0] in READY:
                self._waiters.resolve(task_id, one[1])
                self._pace.drop([task_id])
            else:
                self._pace.later(task_id, now())


def _left(moment: float | None) -> float | None:
    return None if moment is None else max(0.0, moment - now())
