"""`Gathering`: publications that wait for someone else to send them.

A group sends its tasks in one batch, and what follows from a task is committed with its outcome; both are called like
any other task, within `gathering()`.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from ...transports.message import Publication
from ..ids import derived_id, fresh_id


class Gathering:
    """Publications in the order in which they were made, and the sizes of the chords among them.

    seed: what leads to these publications, said in the same words if it happens again: ids that are needed within it
    derive from it, and a store drops what it has seen before. None for random ids.
    """

    def __init__(self, seed: str | None = None) -> None:
        self.seed = seed
        self.publications: list[Publication] = []
        self.chord_sizes: list[tuple[str, int]] = []
        self._ids = 0

    def next_id(self) -> str:
        """Return an id that was not given out before."""
        if self.seed is None:
            return fresh_id()
        self._ids += 1
        return derived_id(self.seed, self._ids)


_current: ContextVar[Gathering | None] = ContextVar("understudy_gathering", default=None)


def current_gathering() -> Gathering | None:
    """Return the gathering that publications go to, or None where they are sent at once."""
    return _current.get()


@contextmanager
def gathering(seed: str | None = None) -> Generator[Gathering]:
    """Keep what is published within the block in a `Gathering`."""
    gathered = Gathering(seed)
    token = _current.set(gathered)
    try:
        yield gathered
    finally:
        _current.reset(token)


def next_id() -> str:
    """Return an id for a task, group or chord that is about to be published."""
    gathered = _current.get()
    return fresh_id() if gathered is None else gathered.next_id()
