"""Where a simulation's choices come from: a seed, a recorded list, or Hypothesis.

Whatever is not decided by the program is decided by `choose(n, label)`. Zero is always the dullest choice: the oldest
of those who are ready, no fault, no delay. So a replay that runs out of choices goes on quietly, and shrinking leads to
the plainest failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from typing import Self

DRAWS = 500
"""Choices that Hypothesis is asked for: beyond that its examples get too large to shrink."""


class Choice(Protocol):
    """A source of choices."""

    @property
    def origin(self) -> str:
        """What the choices come from, in words: "seed 17"."""
        ...

    def choose(self, n: int, label: str) -> int:
        """Return a number from 0 to n - 1; `label` says what is chosen."""
        ...


class RandomChoice:
    """Uniform choices from a seed."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._random = Random(seed)

    @property
    def origin(self) -> str:
        """See `Choice`."""
        return f"seed {self.seed}"

    def choose(self, n: int, label: str) -> int:
        """See `Choice`."""
        return self._random.randrange(n)


class Drawn(NamedTuple):
    """A choice that was made."""

    value: int
    n: int
    label: str


class ReplayChoice:
    """Recorded choices, then always the first."""

    def __init__(self, record: Iterable[int | Drawn]) -> None:
        self._left = iter([one.value if isinstance(one, Drawn) else one for one in record])

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Return the choices of a trace file, as `--sim-trace` writes them."""
        lines = Path(path).read_text(encoding="utf-8").splitlines()
        return cls(int(line.split()[1]) for line in lines if line.startswith("choice "))

    @property
    def origin(self) -> str:
        """See `Choice`."""
        return "recorded choices"

    def choose(self, n: int, label: str) -> int:
        """See `Choice`."""
        return min(next(self._left, 0), n - 1)


class DrawnChoice:
    """Hypothesis chooses, and shrinks what fails: hand it `data.draw` of `strategies.data()`.

    limit: how many choices it is asked for; from then on each is the first.
    """

    def __init__(self, draw: Callable[..., Any], limit: int = DRAWS) -> None:
        from hypothesis import strategies

        self._draw = draw
        self._integers = strategies.integers
        self._left = limit

    @property
    def origin(self) -> str:
        """See `Choice`."""
        return "Hypothesis's choices"

    def choose(self, n: int, label: str) -> int:
        """See `Choice`."""
        if n == 1 or self._left <= 0:
            return 0
        self._left -= 1
        return self._draw(self._integers(0, n - 1), label=label)


class Recorder:
    """Keeps what another source chooses, so that it can be written down and replayed.

    Where that source raises, it may do so inside a turn, and the error would pass for the actor's crash: `error` keeps
    it for whoever runs the simulation.
    """

    def __init__(self, source: Choice) -> None:
        self.record: list[Drawn] = []
        self.error: BaseException | None = None
        self.story: list[str] = []
        """Every choice, line by line; others may add what happens in between."""
        self._source = source

    @property
    def origin(self) -> str:
        """See `Choice`."""
        return self._source.origin

    @property
    def seed(self) -> int | None:
        """The seed, where the choices come from one."""
        return self._source.seed if isinstance(self._source, RandomChoice) else None

    def choose(self, n: int, label: str) -> int:
        """See `Choice`."""
        try:
            value = self._source.choose(n, label)
        except BaseException as error:
            self.error = error
            raise
        self.record.append(Drawn(value, n, label))
        self.story.append(f"choice {value} of {n} {label}")
        return value
