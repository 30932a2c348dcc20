"""`LookAhead`: how many jobs may wait in a pool process behind the one that runs."""

from __future__ import annotations


class LookAhead:
    """A moving estimate of how long jobs run, and the number of jobs that make up a small stretch of work.

    Short jobs are sent ahead so that no pool process waits for its node; long ones are not, so that none waits behind
    another while a process is free. Pure: no clock, no I/O.
    """

    def __init__(self, stretch: float = 0.002, most: int = 64) -> None:
        """Allow `stretch` seconds of work ahead, but never more than `most` jobs."""
        self._stretch = stretch
        self._most = most
        self._estimate: float | None = None

    def observe(self, seconds: float) -> None:
        """Learn from a finished job."""
        self._estimate = seconds if self._estimate is None else self._estimate + (seconds - self._estimate) / 8

    @property
    def seconds(self) -> float | None:
        """The estimate of how long a job runs; None while nothing is known."""
        return self._estimate

    def allowance(self) -> int:
        """Return how many jobs may wait behind the running one; none as long as nothing is known."""
        if self._estimate is None:
            return 0
        if self._estimate * self._most <= self._stretch:
            return self._most
        return int(self._stretch / self._estimate)
