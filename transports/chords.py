"""How a result store finds the end of a chord's header."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any

from ..actors.completion import Completion
from .errors import UnsupportedByTransport

if TYPE_CHECKING:
    from .lane import Lane
    from .message import ChordPart


class Chords(StrEnum):
    """What a store has for chords."""

    COUNTED = "counted"
    """It counts the parts, and the last one starts the body."""
    POLLED = "polled"
    """It counts nothing: Celery's task `celery.chord_unlock` looks at the header's results until all are there."""
    NONE = "none"
    """Nobody but the caller can read its results: there are no chords."""


def chords_of(store: object) -> Chords:
    """Return what a store says of itself; one that says nothing counts."""
    return getattr(store, "chords", Chords.COUNTED)


class CountsNothing:
    """The part of a `ResultStore` that has to do with chords, where nothing counts their parts."""

    chords: Chords = Chords.NONE
    lane: Lane

    def set_chord_size(self, group_id: str, size: int) -> Completion[None]:
        """Fail: nothing counts here."""
        return self._refused()

    def extend_chord(self, group_id: str, index: int, task_id: str) -> Completion[None]:
        """Fail: nothing counts here."""
        return self._refused()

    def chord_part(self, part: ChordPart) -> Completion[None]:
        """Fail: nothing counts here."""
        return self._refused()

    def chord_parts(self, group_id: str) -> Completion[list[tuple[int, str, str, bytes]]]:
        """Fail: nothing counts here."""
        return self._refused()

    def delete_chord(self, group_id: str) -> Completion[None]:
        """Do nothing: there is no trace of a chord."""
        return Completion.of(None)

    def _refused(self) -> Completion[Any]:
        return Completion.failed(UnsupportedByTransport(f"{self.lane.name}: nothing counts the parts of chords there"))
