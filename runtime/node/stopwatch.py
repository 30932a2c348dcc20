"""`Stopwatch`: when the job that a process runs has to be done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ..pool.packets import Job

HardLimit = Callable[[bytes], float | None]
"""Returns the seconds that the task of a message's head may run; None for any time."""


class Timed(NamedTuple):
    """A job that may run for `limit` seconds, which are over at `due`."""

    job: Job
    limit: float
    due: float


class Stopwatch:
    """Times the job that a process runs, from the moment at which it is the oldest that has no answer.

    Jobs behind it were sent ahead: their time has not begun. Pure: it is told the time.
    """

    def __init__(self, hard_limit: HardLimit) -> None:
        self._hard_limit = hard_limit
        self._job: Job | None = None
        self._timed: Timed | None = None

    def see(self, job: Job | None, now: float) -> Timed | None:
        """Note which job runs now, and return it if its time is limited."""
        if job is not self._job:
            self._job = job
            limit = None if job is None else self._hard_limit(job.delivery.head)
            self._timed = None if job is None or limit is None else Timed(job, limit, now + limit)
        return self._timed
