"""How a result store finds the end of a chord's header."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ..actors.completion import Completion
from .errors import UnsupportedByTransport


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


def no_counters(name: str) -> Completion[Any]:
    """Return the answer of a store that is asked to count."""
    return Completion.failed(UnsupportedByTransport(f"{name}: nothing counts the parts of chords there"))
