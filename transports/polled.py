"""`PolledResults`: the side of a result store that nobody has to tell anything, as it looks by itself.

Each task that somebody waits for has a pace of its own: looked for at once, soon again, and then less and less often,
up to the longest pause. All that are due are looked for together. What this process stores itself is found at once, and
so is what the store says it has news of, where it can.
"""

from __future__ import annotations

import heapq
import logging
from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence

from ..actors.completion import Completion
from .chords import Chords, CountsNothing
from .errors import BrokerRefused, BrokerUnavailable
from .lane import now
from .payloads import READY
from .result_session import ResultSession
from .session import L
from .waiters import Waiter

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


class PolledResults(CountsNothing, ResultSession[L]):
    """A session whose store has to be asked, and cleaned. Subclasses say how, in `look` and `sweep`.

    expires: seconds for which results are kept, None for ever; a process that stores cleans every hour, too. Nothing
    counts in such a store: chords are Celery's, which polls for the end of their headers with a task.
    """

    chords: Chords = Chords.POLLED

    def __init__(
        self, name: str, make: Callable[[], L], patience: float, longest_pause: float, expires: float | None
    ) -> None:
        self._longest_pause = longest_pause
        self._expires = expires
        super().__init__(name, make, patience)

    @abstractmethod
    def look(self, link: L, task_ids: Sequence[str]) -> list[tuple[str, bytes] | None]:
        """Return state and payload of tasks, in order; on the lane's thread."""

    @abstractmethod
    def sweep(self, link: L) -> int:
        """Delete what has expired; returns how much that was; on the lane's thread."""

    def hear(self, link: L) -> Iterable[str]:
        """Return tasks that the store says it has news of, where it can tell; on the lane's thread, without waiting."""
        return ()

    def get(self, task_ids: Sequence[str]) -> Completion[list[bytes | None]]:
        """Return payloads, in order; None where nothing is stored."""

        def read(link: L) -> list[bytes | None]:
            return [None if found is None else found[1] for found in self.look(link, task_ids)]

        return self.run(read) if task_ids else Completion.of([])

    def clean(self) -> Completion[int]:
        """Delete what has expired now; returns how much that was."""
        return self.run(self.sweep)

    def stored(self, task_ids: Iterable[str]) -> None:
        """Note, on the lane's thread, that results were stored here: whoever waits for them need not wait on."""
        if self._expires is not None and not self._cleans:
            self._cleans = True
            self._sweep_later(self._expires)
        self.look_again(task_ids)

    def look_again(self, task_ids: Iterable[str]) -> None:
        """Have the next turn look for those of some tasks that somebody waits for; on the lane's thread."""
        self._pace.soon([task_id for task_id in task_ids if task_id in self.waiters], now())

    def begin(self, task_id: str, waiter: Waiter) -> None:
        """See `ResultSession`."""
        self.waiters.add(task_id, waiter)
        self._pace.soon([task_id], now())

    def begin_empty(self) -> None:
        """See `ResultSession`."""
        super().begin_empty()
        self._pace = Pace(self._longest_pause)
        self._cleans = False

    # What the session asks for, on the lane's thread

    def opened(self, link: L) -> None:
        self.look_again(self.waiters.tasks())

    def serve(self, link: L) -> float | None:
        self.look_again(self.hear(link))
        due = self._due()
        if due:
            self._deliver(due, self.look(link, due))
        self.waiters.expire(now())
        moment = self._pace.next()
        return self.next_turn(link.tick(), None if moment is None else max(0.0, moment - now()))

    def _sweep_later(self, expires: float) -> None:
        self.lane.after(min(_CLEAN_EVERY, max(expires, 1.0)), lambda: self._sweep_again(expires))

    def _sweep_again(self, expires: float) -> None:
        try:
            self.attempt(self.sweep)
        except (BrokerUnavailable, BrokerRefused) as error:
            logger.warning("%s: expired results stay for now: %s", self.lane.name, error)
        self._sweep_later(expires)

    def _due(self) -> list[str]:
        """Return the tasks to be looked for now; those that nobody waits for any more are dropped."""
        due = self._pace.due(now())
        self._pace.drop(task_id for task_id in due if task_id not in self.waiters)
        return [task_id for task_id in due if task_id in self.waiters]

    def _deliver(self, task_ids: Sequence[str], found: Sequence[tuple[str, bytes] | None]) -> None:
        for task_id, one in zip(task_ids, found, strict=True):
            if one is not None and one[0] in READY:
                self.waiters.resolve(task_id, one[1])
                self._pace.drop([task_id])
            else:
                self._pace.later(task_id, now())
