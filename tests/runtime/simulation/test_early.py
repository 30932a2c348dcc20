"""Tasks that are acknowledged before they run: run once at most, and never lost without a word while a node lives."""

from __future__ import annotations

import pytest

from understudy.actors.simulation.pytest_plugin import Explorer
from understudy.runtime.simulation import World
from understudy.testing import Simulation

from .scenario import FAULTS

SLOTS = ("/slots/0", "/slots/1")
TASKS = 20


def live(simulation: Simulation) -> World:
    """Let processes and slots die, the broker and its answers get lost, nodes stop and be shut down; then heal."""
    world = World(simulation)
    world.publish(*(f"early{number}" for number in range(TASKS)), *(f"task{number}" for number in range(TASKS)))
    world.publish("early-poison", "poison")
    world.boot()
    world.boot()
    for _ in range(4):
        simulation.run(seconds=world.span(0.3))
        strike(world)
    if not any(node.serves for node in world.nodes):
        world.boot()
    world.settle()
    runs = {name: count for name, count in world.ledger.runs.items() if name.startswith("early") and count > 1}
    assert runs == {}, "it was acknowledged, so it is not run again"
    assert world.ledger.states["early-poison"] == ["FAILURE"]
    return world


def strike(world: World) -> None:
    """Draw a victim and its fate; no node dies, for what it had acknowledged would be gone."""
    node = world.nodes[world.simulation.choose(len(world.nodes), "victim")]
    match world.simulation.choose(5, "fate"):
        case 0:
            world.pause(node)
            world.simulation.run(seconds=world.span(8))
            world.go_on(node)
        case 1:
            world.kill_broker()
        case 2:
            world.shut_down(node)
            world.boot()
        case _:
            world.kill_actor(node, SLOTS)


@pytest.mark.sim(seeds=200, per_test=50)
def test_what_is_acknowledged_first_ends_in_a_result_and_is_run_once_at_most(explore: Explorer) -> None:
    explore(live, faults=FAULTS)
