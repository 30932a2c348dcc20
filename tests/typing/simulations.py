"""What type checkers say about simulations; nothing here runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_type

from understudy.actors import Actor, Message, Ref, on
from understudy.testing import Crash, Exploration, Fault, Invariant, Pct, Run, Simulation, explore, simulate


@dataclass(frozen=True, slots=True)
class Add(Message["Counter", int]):
    number: int


class Counter(Actor):
    @on(Add)
    def add(self, message: Add) -> int:
        return message.number


class Quiet(Invariant):
    name = "quiet"


def play(simulation: Simulation) -> str:
    counter = simulation.spawn(Counter, name="counter")
    assert_type(counter, Ref[Counter])
    assert_type(counter.ask(Add(1)), int)
    simulation.watch(Quiet())
    simulation.always("there is a counter", lambda: simulation.find("/counter") is not None)
    simulation.suffer(Crash(0.1))
    simulation.suffer(Pct())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return "done"


faults: list[Fault] = [Crash(0.1, at_most=3, paths="/counter")]
assert_type(simulate(play, 17, faults=faults, schedulings=[Pct()]), Run[str])
assert_type(simulate(play).value, str)
assert_type(explore(play, 50, faults=faults), Exploration)
assert_type(explore(play, [1, 2, 3]), Exploration)
simulate(lambda: 3)  # type: ignore[arg-type,misc]  # pyright: ignore[reportArgumentType]
explore(play, 50, speed=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
