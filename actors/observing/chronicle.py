"""`Chronicle`: what a system remembers of crashes and restarts, by path, since incarnations do not outlive them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from ..events import ActorCrashed, ChildRestarted
from ..native import allocate_lock
from .ages import Ages
from .trace import Trace

if TYPE_CHECKING:
    from ..clock import Clock
    from ..events import EventBus

V = TypeVar("V")

KEPT = 1_000
"""Paths; those that were heard of longest ago are forgotten."""


@dataclass(frozen=True, slots=True)
class Crash:
    """An actor's last crash: when (unix seconds), why, and with which traceback."""

    at: float
    reason: str
    _trace: Trace | None

    @property
    def traceback(self) -> str:
        """The traceback as text; source lines are read when somebody looks."""
        return self.reason if self._trace is None else str(self._trace)


class Chronicle:
    """The last crash and the number of restarts of each path; any thread.

    ages: since when messages have been seen to wait.
    """

    def __init__(self, events: EventBus, clock: Clock) -> None:
        self.ages: Ages = Ages()
        self._clock = clock
        self._lock = allocate_lock()
        self._crashes: OrderedDict[str, Crash] = OrderedDict()
        self._restarts: OrderedDict[str, int] = OrderedDict()
        events.subscribe(ActorCrashed, self._note_crash)
        events.subscribe(ChildRestarted, self._note_restart)

    def crash(self, path: str) -> Crash | None:
        """Return the last crash at a path, or None."""
        return self._crashes.get(path)

    def restarts(self, path: str) -> int:
        """Return how often an understudy was put in at a path."""
        return self._restarts.get(path, 0)

    def _note_crash(self, event: ActorCrashed) -> None:
        error = event.reason.exception
        trace = None if error is None else Trace.of(error)
        self._put(self._crashes, event.ref.path, Crash(self._clock.time(), str(event.reason), trace))

    def _note_restart(self, event: ChildRestarted) -> None:
        self._put(self._restarts, event.ref.path, self.restarts(event.ref.path) + 1)

    def _put(self, table: OrderedDict[str, V], path: str, value: V) -> None:
        with self._lock:
            table[path] = value
            table.move_to_end(path)
            if len(table) > KEPT:
                table.popitem(last=False)
