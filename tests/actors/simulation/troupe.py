"""What the simulator's tests simulate: a shop whose parts send each other messages, crash, and are replaced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from understudy.actors import Actor, ChildSpec, Message, Ref, Supervisor, on
from understudy.testing import Simulation


@dataclass(frozen=True, slots=True)
class Sell(Message["Till", int]):
    """Sell one thing; answered with how many were sold."""


@dataclass(frozen=True, slots=True)
class Ring(Message["Till", None]):
    """Ring a bell."""


class Till(Actor):
    """Counts what it sells."""

    def __init__(self, sold: list[int] | None = None) -> None:
        self.sold = 0
        self.all: list[int] = [] if sold is None else sold

    def on_start(self) -> None:
        self.every(0.5, Ring())

    @on(Sell)
    def sell(self, _: Sell) -> int:
        self.sold += 1
        self.all.append(self.sold)
        return self.sold

    @on(Ring)
    def ring(self, _: Ring) -> None:
        pass


class Shop(Supervisor):
    intensity = 100

    def __init__(self, specs: Sequence[ChildSpec] = ()) -> None:
        self.specs = specs

    def children(self) -> Sequence[ChildSpec]:
        return self.specs or [ChildSpec("till", Till), ChildSpec("other", Till)]


def till_of(simulation: Simulation) -> Ref[Any]:
    """Return the till of now; waits until there is one."""
    simulation.run(until=lambda: simulation.find("/shop/till") is not None)
    found = simulation.find("/shop/till")
    assert found is not None
    return found


def open_shop(simulation: Simulation) -> None:
    """Sell twenty things in a shop, to whoever is at the till."""
    simulation.spawn(Shop, name="shop")
    for _ in range(20):
        till_of(simulation).tell(Sell())
        simulation.run(seconds=0.1)
