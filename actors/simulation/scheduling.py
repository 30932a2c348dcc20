"""Who has the next turn: schedulings, by which the ready cells of a simulation are picked from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ..cell import Cell
    from .choices import Choice

PRIORITIES = 1_000_000


class Picker(Protocol):
    """A scheduling at work in one simulation."""

    def pick(self, ready: Sequence[Cell]) -> int:
        """Return the index of the cell that has the next turn; `ready` is in order of readiness, and never empty."""
        ...


class Scheduling(Protocol):
    """How turns are dealt out; a value, of which each simulation makes a `Picker`."""

    def begin(self, choice: Choice) -> Picker:
        """Return a picker that draws from `choice`."""
        ...


def checked_scheduling(scheduling: Scheduling) -> Scheduling:
    """Return a scheduling; raises `TypeError` for what is none."""
    if isinstance(scheduling, type) or not callable(getattr(scheduling, "begin", None)):
        raise TypeError(f"a scheduling is an object with begin(), such as Uniform(), not {scheduling!r}")
    return scheduling


@dataclass(frozen=True, slots=True)
class Uniform:
    """Anybody who is ready, each with the same chance."""

    def begin(self, choice: Choice) -> Picker:
        """See `Scheduling`."""
        return _UniformPicker(choice)


class _UniformPicker:
    def __init__(self, choice: Choice) -> None:
        self._choose = choice.choose

    def pick(self, ready: Sequence[Cell]) -> int:
        return self._choose(len(ready), "turn") if len(ready) > 1 else 0


@dataclass(frozen=True, slots=True)
class Fifo:
    """Whoever has been ready the longest: what a single idle thread would do."""

    def begin(self, choice: Choice) -> Picker:
        """See `Scheduling`."""
        return _FifoPicker()


class _FifoPicker:
    def pick(self, ready: Sequence[Cell]) -> int:
        return 0


@dataclass(frozen=True, slots=True)
class Pct:
    """Whoever has the highest priority: priorities are random, and `changes` times the one at work falls to the lowest.

    It finds a bug that takes d ordered steps with a far better chance than uniform picks, which even out delays
    (Burckhardt et al., "A Randomized Scheduler with Probabilistic Guarantees of Finding Bugs", 2010; d = changes + 1).
    turns: among how many of the first turns the changes are drawn.
    """

    changes: int = 3
    turns: int = 1_000

    def __post_init__(self) -> None:
        if self.changes < 0 or self.turns < 1:
            raise ValueError(f"Pct takes changes >= 0 and turns >= 1, not {self.changes} and {self.turns}")

    def begin(self, choice: Choice) -> Picker:
        """See `Scheduling`."""
        return _PctPicker(self, choice)


class _PctPicker:
    def __init__(self, spec: Pct, choice: Choice) -> None:
        self._choice = choice
        self._priorities: dict[Cell, int] = {}
        self._changes = {choice.choose(spec.turns, "change of priority") for _ in range(spec.changes)}
        self._turn = 0
        self._lowest = 0

    def pick(self, ready: Sequence[Cell]) -> int:
        known = self._priorities
        for cell in ready:
            if cell not in known:
                known[cell] = self._choice.choose(PRIORITIES, "priority")
        best = max(range(len(ready)), key=lambda index: known[ready[index]])
        if self._turn in self._changes:
            self._lowest -= 1
            known[ready[best]] = self._lowest
        self._turn += 1
        return best
