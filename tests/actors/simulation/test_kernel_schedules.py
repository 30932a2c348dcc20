"""Trees of every kind, whose actors crash, hang back and watch each other: the kernel's invariants hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    Backoff,
    ChildSpec,
    CountChildren,
    Deferred,
    DeleteChild,
    Down,
    DynamicSupervisor,
    Exited,
    Message,
    Normal,
    Ref,
    RestartChild,
    Shutdown,
    StartChild,
    Supervisor,
    TerminateChild,
    WhichChildren,
    on,
)
from understudy.actors.simulation.pytest_plugin import Explorer
from understudy.testing import Crash, Fault, Killing, Pct, Simulation, Slowness, StartFailure, Suspension, Uniform

STRATEGIES = ("one_for_one", "one_for_all", "rest_for_one")
RESTARTS = ("permanent", "transient", "temporary")
SHUTDOWNS = (1.0, 0.0, "brutal_kill", "infinity")
OPERATIONS = 40
FAULTS: list[Fault] = [
    Crash(0.01, at_most=10),
    Killing(0.01, at_most=10),
    StartFailure(0.05, at_most=10),
    Slowness(0.02, longest=3.0),
    Suspension(0.002, longest=5.0),
]


@dataclass(frozen=True, slots=True)
class Do(Message[Any, Any]):
    """Do one of the things that an actor can do; what it takes is drawn before."""

    what: int
    other: Ref[Any] | None


@dataclass(frozen=True, slots=True)
class Later(Message[Any, None]):
    """Finish a start or a stop that took its time."""

    start: bool


class Player(Actor):
    """Does as it is told: crashes, ends, watches, spawns, asks and is asked; takes its time to start or to stop."""

    def __init__(self, slow_start: float, slow_stop: float) -> None:
        self.slow_start = slow_start
        self.slow_stop = slow_stop

    def on_start(self) -> Deferred | None:
        self.every(0.7, Do(0, None))
        if not self.slow_start:
            return None
        self.after(self.slow_start, Later(start=True))
        return Deferred.LATER

    def on_stop(self) -> Deferred | None:
        if not self.slow_stop:
            return None
        self.after(self.slow_stop, Later(start=False))
        return Deferred.LATER

    @on(Later)
    def later(self, message: Later) -> None:
        if message.start:
            self.started()
        else:
            self.stopped()

    @on(Do)
    def do(self, message: Do) -> Any:
        other = message.other
        match message.what:
            case 1:
                raise RuntimeError("as told")
            case 2:
                self.stop()
            case 3:
                self.exit(self.ref, Normal())
            case 4 if other is not None:
                self.link(other)
            case 5 if other is not None:
                self.monitor(other)
            case 6 if other is not None:
                self.exit(other, Shutdown("asked to"))
            case 7:
                self.spawn(Player, 0.0, 0.1)
            case 8 if other is not None and other != self.ref:
                return other.ask(Do(0, None), block=False)
            case 9 if other is not None:
                other.kill()
            case _:
                pass
        return None

    @on(Down)
    def down(self, event: Down) -> None:
        """Note nothing."""


class Trapper(Player):
    trap_exit = True

    @on(Exited)
    def exited(self, event: Exited) -> None:
        """Live on."""


class Tree(Supervisor):
    """Supervises what it is given."""

    def __init__(self, specs: Sequence[ChildSpec]) -> None:
        self.specs = specs

    def children(self) -> Sequence[ChildSpec]:
        return self.specs


class Crowd(DynamicSupervisor):
    """Supervises whatever comes."""

    intensity = 100


def draw(simulation: Simulation, several: Sequence[Any], label: str) -> Any:
    return several[simulation.choose(len(several), label)]


def player(simulation: Simulation, number: int) -> ChildSpec:
    """Draw the spec of a child."""
    in_place = simulation.choose(4, "in place") == 3
    return ChildSpec(
        f"player{number}",
        draw(simulation, (Player, Trapper), "class"),
        (draw(simulation, (0.0, 0.0, 0.3), "slow start"), draw(simulation, (0.0, 0.0, 0.3, 2.0), "slow stop")),
        restart=draw(simulation, RESTARTS[:2] if in_place else RESTARTS, "restart"),
        shutdown=draw(simulation, SHUTDOWNS, "shutdown"),
        backoff=draw(simulation, (None, None, Backoff(first=0.2, maximum=1.0)), "backoff"),
        in_place=in_place,
    )


def tree(simulation: Simulation, depth: int) -> tuple[type[Supervisor], tuple[Any, ...]]:
    """Draw a supervisor with children, of which some are supervisors."""
    strategy = "one_for_one"
    specs: list[ChildSpec] = []
    for number in range(1 + simulation.choose(3, "children")):
        if depth and simulation.choose(3, "kind of child") == 2:
            specs.append(ChildSpec(f"tree{number}", *tree(simulation, depth - 1)))
        else:
            specs.append(player(simulation, number))
    if not any(spec.in_place for spec in specs):
        strategy = draw(simulation, STRATEGIES, "strategy")
    flags = {"strategy": strategy, "intensity": draw(simulation, (5, 1, 20), "intensity"), "period": 2.0}
    return type("Drawn", (Tree,), flags), (specs,)


def anybody(simulation: Simulation, *, supervisors: bool = False) -> Ref[Any] | None:
    """Draw a living actor."""
    refs = [simulation.system.get(path) for path in simulation.system.paths() if path]
    some = [ref for ref in refs if issubclass(ref.actor_class, Supervisor) is supervisors]
    return draw(simulation, some, "who") if some else None


def operate(simulation: Simulation, number: int) -> None:
    """Draw something that a program could do, and do it."""
    supervisor = anybody(simulation, supervisors=True)
    child = f"player{simulation.choose(4, 'child')}"
    administration: list[Message[Any, Any]] = [
        TerminateChild(child),
        RestartChild(child),
        DeleteChild(child),
        WhichChildren(),
        CountChildren(),
        StartChild(player(simulation, 10 + number)),
    ]
    what = simulation.choose(16, "operation")
    if what < len(administration) and supervisor is not None:
        supervisor.ask(administration[what], block=False)
    elif what == 15 and supervisor is not None:
        supervisor.stop(block=False)
    else:
        target = anybody(simulation)
        if target is not None:
            target.ask(Do(simulation.choose(10, "what"), anybody(simulation)), block=False)


def live(simulation: Simulation) -> None:
    """Grow trees, let them live for a while, and see them come to rest."""
    for number in range(2):
        actor_class, arguments = tree(simulation, depth=2)
        simulation.system.start(actor_class, *arguments, name=f"tree{number}")
    simulation.system.start(Crowd, name="crowd")
    simulation.run(seconds=0.5)
    for number in range(OPERATIONS):
        operate(simulation, number)
        simulation.run(seconds=simulation.chaos.span(0.2))
    simulation.settle()


@pytest.mark.sim(seeds=300, per_test=30)
def test_trees_of_every_kind_keep_the_kernels_invariants_and_come_to_rest(explore: Explorer) -> None:
    explore(live, faults=FAULTS, schedulings=[Uniform(), Pct(), Pct(10, 500)])
