"""A message that its nodes may be dying of."""

from __future__ import annotations

from understudy.runtime.simulation import World
from understudy.testing import Simulation, simulate
from understudy.transports.message import NODE_DEATHS, Verdict


def die_with_it(simulation: Simulation) -> World:
    """Let node after node die while it runs the same task, as many as it takes, and then one live."""
    world = World(simulation)
    world.publish("endless")
    for death in range(NODE_DEATHS):
        node = world.boot()
        simulation.run(until=lambda runs=death + 1: world.ledger.runs["endless"] == runs)
        world.crash(node)
    world.boot()
    world.settle()
    return world


def test_what_thirty_nodes_died_with_has_failed() -> None:
    ledger = simulate(die_with_it, 1).value.ledger
    assert ledger.runs["endless"] == NODE_DEATHS == 30
    assert (ledger.ends("endless"), ledger.states["endless"]) == ([Verdict.DEAD], ["FAILURE"])
