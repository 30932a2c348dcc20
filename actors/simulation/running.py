"""`simulate` and `explore`: run a body in a simulation, once or for many seeds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypedDict, TypeVar, Unpack

from ..hosts.simulated import SimulatedHost
from .choices import Choice, Drawn, RandomChoice
from .errors import InvariantBroken, SimulationFailed
from .scheduling import Scheduling
from .simulation import WITHIN, Simulation

if TYPE_CHECKING:
    from .faults import Fault

T = TypeVar("T")
Body = Callable[[Simulation], T]
STEPS = 100_000
LAST = 12
"""How many of the last steps a failure shows."""


@dataclass(frozen=True, slots=True)
class Run(Generic[T]):
    """One simulation that is over.

    origin: what its choices came from. trace: a hash of all that happened; the same choices give the same. seconds:
    of virtual time. record: its choices, for a `ReplayChoice`. story: its choices and turns, line by line.
    """

    origin: str
    seed: int | None
    value: T
    trace: int
    steps: int
    seconds: float
    record: tuple[Drawn, ...]
    story: tuple[str, ...]

    def write(self, path: str | Path) -> None:
        """Write the story down; `ReplayChoice.read` reads it."""
        Path(path).write_text("".join(f"{line}\n" for line in (f"# {self.origin}", *self.story)), encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Exploration:
    """Many simulations that all went well; `traces` says how many of them were different."""

    runs: int
    traces: int


def simulate(
    body: Body[T],
    seed: int = 0,
    *,
    faults: Sequence[Fault] = (),
    schedulings: Sequence[Scheduling] = (),
    choice: Choice | None = None,
    host: type[SimulatedHost] = SimulatedHost,
    settle: float | None = WITHIN,
    max_steps: int = STEPS,
) -> Run[T]:
    """Run `body(simulation)` with the choices of a seed; then demand that everything comes to rest, and stops.

    The same arguments give the same run. schedulings: of which one is drawn, by default `Uniform`. choice: where
    choices come from instead of the seed. settle: virtual seconds for coming to rest without faults, None to leave that
    out; see `Simulation.settle`. max_steps: after which it is taken for one that does not end.

    Raises `SimulationFailed`.
    """
    __tracebackhide__ = True
    simulation = Simulation(choice or RandomChoice(seed), faults, schedulings, host)
    simulation.host.max_steps = max_steps
    try:
        with simulation:
            value = body(simulation)
            if settle is not None:
                simulation.settle(settle)
            simulation.stop()
    except Exception as error:
        if error is simulation.choice.error:
            raise
        raise _failure(simulation, error) from error
    return _run(simulation, value)


class Options(TypedDict, total=False):
    """What `explore` hands on to `simulate`."""

    faults: Sequence[Fault]
    schedulings: Sequence[Scheduling]
    host: type[SimulatedHost]
    settle: float | None
    max_steps: int


def explore(body: Body[object], seeds: int | Iterable[int] = 100, **options: Unpack[Options]) -> Exploration:
    """Run `body` for each of `seeds`, or so many from 0 on, until one fails; options: those of `simulate`.

    What the simulated actors log is left out: `simulate` the failing seed to see it. Raises `SimulationFailed`.
    """
    __tracebackhide__ = True
    traces: set[int] = set()
    runs = 0
    with quiet():
        for seed in range(seeds) if isinstance(seeds, int) else seeds:
            traces.add(simulate(body, seed, **options).trace)
            runs += 1
    return Exploration(runs, len(traces))


@contextmanager
def quiet() -> Generator[None]:
    """Leave out the reports of thousands of simulated crashes."""
    logger = logging.getLogger("understudy")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _run(simulation: Simulation, value: T) -> Run[T]:
    host, choice = simulation.host, simulation.choice
    record, story = tuple(choice.record), tuple(choice.story)
    return Run(choice.origin, choice.seed, value, host.trace, host.steps, simulation.now, record, story)


def _failure(simulation: Simulation, error: Exception) -> SimulationFailed:
    run: Run[None] = _run(simulation, None)
    why = str(error) if isinstance(error, InvariantBroken) else f"{type(error).__name__}: {error}"
    turns = [line for line in run.story if line.startswith("turn ")][-LAST:]
    shown = "\n  ".join([f"{run.origin}, step {run.steps}, {run.seconds:.3f} s: {why}", "the last turns:", *turns])
    invariant = error.invariant if isinstance(error, InvariantBroken) else None
    return SimulationFailed(shown, run, invariant)
