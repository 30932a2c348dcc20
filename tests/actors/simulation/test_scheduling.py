"""Who has the next turn, by each scheduling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from understudy.actors import Actor, Message, on
from understudy.testing import Fifo, Pct, Scheduling, Simulation, Uniform, explore, simulate


@dataclass(frozen=True, slots=True)
class Go(Message[Any, None]):
    left: int


class Walker(Actor):
    """Walks some steps, of which each is a turn."""

    def __init__(self, walked: list[str]) -> None:
        self.walked = walked

    @on(Go)
    def go(self, message: Go) -> None:
        self.walked.append(self.path)
        if message.left > 1:
            self.ref.tell(Go(message.left - 1))


def walk(simulation: Simulation, **steps: int) -> list[str]:
    """Let walkers go at the same time, and return who walked when."""
    walked: list[str] = []
    walkers = {name: simulation.spawn(Walker, walked, name=name) for name in steps}
    for name, walker in walkers.items():
        walker.tell(Go(steps[name]))
    simulation.run()
    return walked


def orders(scheduling: Scheduling, seeds: int = 50) -> set[str]:
    return {
        "".join(path[1:] for path in simulate(lambda it: walk(it, a=2, b=2), seed, schedulings=[scheduling]).value)
        for seed in range(seeds)
    }


def test_uniform_comes_to_every_order() -> None:
    assert orders(Uniform()) == {"aabb", "abab", "abba", "baab", "baba", "bbaa"}


def test_fifo_has_one_order_only() -> None:
    assert orders(Fifo()) == {"abab"}


def test_pct_without_a_change_lets_the_first_go_to_its_end() -> None:
    assert orders(Pct(changes=0)) == {"aabb", "bbaa"}


def test_pct_changes_who_comes_first_so_many_times() -> None:
    assert orders(Pct(changes=1, turns=12)) == {"aabb", "bbaa", "abba", "baab"}


def test_pct_finds_the_long_delays_that_uniform_evens_out() -> None:
    def found(scheduling: Scheduling) -> int:
        """Count the seeds in which the walker with one step comes after all of the other's thirty."""
        return sum(
            simulate(lambda it: walk(it, short=1, long=30), seed, schedulings=[scheduling]).value[-1] == "/short"
            for seed in range(40)
        )

    assert found(Uniform()) == 0
    assert found(Pct()) > 10


def test_of_several_schedulings_each_is_drawn() -> None:
    seen: set[str] = set()

    def body(simulation: Simulation) -> None:
        seen.add("".join(path[1:] for path in walk(simulation, a=30, b=30)))

    explore(body, 20, schedulings=[Fifo(), Pct(changes=0)])
    assert seen == {"ab" * 30, "a" * 30 + "b" * 30, "b" * 30 + "a" * 30}


@pytest.mark.parametrize("wrong", [{"changes": -1}, {"turns": 0}])
def test_a_pct_that_makes_no_sense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="Pct takes changes >= 0 and turns >= 1"):
        Pct(**wrong)
