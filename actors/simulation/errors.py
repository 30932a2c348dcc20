"""How a simulation fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import UnderstudyError

if TYPE_CHECKING:
    from .running import Run


class StepLimit(UnderstudyError):
    """A simulation did not come to rest within its number of steps."""


class InvariantBroken(UnderstudyError):
    """Something that must always hold does not; `invariant` is its name."""

    def __init__(self, invariant: str, complaint: str) -> None:
        super().__init__(f"{invariant}: {complaint}")
        self.invariant = invariant


class NoProgress(UnderstudyError):
    """Faults were over, time was given, and something is still not done."""


class SimulatedCrash(UnderstudyError):
    """What an actor crashes with that a fault strikes."""


class SimulationFailed(UnderstudyError, AssertionError):
    """A simulation went wrong; its `__cause__` is how.

    run: all that is needed to see it again. invariant: the name of the one that was broken, or None.
    """

    def __init__(self, message: str, run: Run[None], invariant: str | None) -> None:
        super().__init__(message)
        self.run: Run[None] = run
        self.invariant = invariant
