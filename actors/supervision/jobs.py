"""`Jobs`: what a supervisor is doing, one procedure after the other.

A job is a generator that yields the child it waits for, and is resumed with the event that tells of that child's start
or end. So a procedure reads as if it blocked, while the supervisor goes on taking messages.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import TypeVar

from ..messages import ChildExited, ChildFailed, ChildStarted, ChildStartFailed
from .children import Child

T = TypeVar("T")
Awaited = ChildStarted | ChildStartFailed | ChildFailed | ChildExited
Procedure = Generator[Child, Awaited, T]
Job = Procedure[None]


class Jobs:
    """A queue of procedures, of which one runs at a time."""

    def __init__(self) -> None:
        self.awaited: Child | None = None
        """The child that the running job waits for."""
        self.closed: bool = False
        self._waiting: deque[Job] = deque()
        self._current: Job | None = None
        self._stepping = False

    def add(self, job: Job) -> None:
        """Run `job` after those that are there, now where there are none; not at all once closed."""
        if not self.closed:
            self._waiting.append(job)
            self._go_on()

    def close(self, last: Job) -> None:
        """Drop all jobs, also one that is under way, run `last`, and take no more."""
        if self.closed:
            return
        self.closed = True
        self._current = self.awaited = None
        self._waiting = deque([last])
        self._go_on()

    def resume(self, event: Awaited) -> None:
        """Go on with the running job: what it waits for has happened."""
        assert self._current is not None
        self._step(self._current, event)
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and self._current is None and not self._stepping:
            self._current = self._waiting.popleft()
            self._step(self._current, None)

    def _step(self, job: Job, event: Awaited | None) -> None:
        self.awaited = None
        self._stepping = True
        try:
            awaited = next(job) if event is None else job.send(event)
        except StopIteration:
            awaited = None
        finally:
            self._stepping = False
        if self._current is job:  # it has not closed the queue
            self.awaited = awaited
            if awaited is None:
                self._current = None
