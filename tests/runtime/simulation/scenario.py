"""A life of two nodes with everything that can go wrong in it, drawn from one seed."""

from __future__ import annotations

from typing import Any

from understudy.runtime.simulation import (
    ANSWER_LOST,
    PROCESS_DEATH,
    REQUEST_LOST,
    SPAWN_FAILURE,
    BrokerRestart,
    Disconnect,
    NodePause,
    NodeRestart,
    NodeShutdown,
    PartKilled,
    World,
)
from understudy.runtime.simulation.names import body_of
from understudy.testing import ClockJump, Delay, Fault, Mishap, Partition, Simulation, Slowness, Suspension
from understudy.transports.message import Verdict

FAULTS: list[Fault] = [
    Mishap(0.05, name=PROCESS_DEATH),
    Mishap(0.05, name=SPAWN_FAILURE),
    Mishap(0.02, name=ANSWER_LOST),
    Mishap(0.02, name=REQUEST_LOST),
]
TASKS = 30


def play(simulation: Simulation, **parts: Any) -> World:
    """Let nodes crash, stop, shut down and lose their broker while they work; then heal, and demand all results.

    parts: what is to run in the place of the world's own.
    """
    world = begin(simulation, **parts)
    for _ in range(3):
        simulation.run(seconds=world.span(0.3))
        strike(world)
    demand_all(world)
    return world


CHORDS = ("first", "second", "third")


def play_kinds(simulation: Simulation, **parts: Any) -> World:
    """Do as `play` with tasks that have an ETA or a priority, or are parts of chords."""
    world = World(simulation, **parts)
    for number in range(8):
        world.publish(f"eta{number}", delay=world.span(3.0))
        world.publish(f"urgent{number}", priority=number)
    for chord in CHORDS:
        world.publish_chord(chord, 3)
    world.boot()
    world.boot()
    for _ in range(3):
        simulation.run(seconds=world.span(1.0))
        strike(world)
    world.settle()
    ledger = world.ledger
    assert {name for name in ledger.published if len(ledger.ends(name)) != 1} == set()
    for chord in CHORDS:
        body = body_of(chord)
        assert len(ledger.ends(body)) == (chord not in ledger.failed_chords), chord
        assert world.state(body) in (("FAILURE",) if chord in ledger.failed_chords else ("SUCCESS", "FAILURE"))
    return world


def begin(simulation: Simulation, **parts: Any) -> World:
    """Publish tasks, good and bad ones, and boot two nodes."""
    world = World(simulation, **parts)
    world.publish(*(f"task{number}" for number in range(TASKS)), "poison", "endless", "slow")
    world.boot()
    world.boot()
    return world


def strike(world: World) -> None:
    """Draw a victim and its fate."""
    simulation = world.simulation
    node = world.nodes[simulation.choose(len(world.nodes), "victim")]
    match simulation.choose(8, "fate"):
        case 0:
            simulation.run(seconds=world.span(2))
        case 1:
            world.pause(node)
            simulation.run(seconds=world.span(8))
            world.go_on(node)
        case 2:
            world.kill_broker()
        case 3:
            world.shut_down(node)
            world.boot()
        case 4:
            world.kill_broker()
            world.crash(node)
            world.boot()
        case 5 | 6:
            world.kill_actor(node)
        case _:
            world.crash(node)
            world.boot()


def demand_all(world: World) -> None:
    """Heal the world, and see to it that every task is finished, as it must be."""
    world.settle()
    ledger = world.ledger
    assert {name for name in ledger.published if len(ledger.ends(name)) != 1} == set()
    assert ledger.ends("poison") == [Verdict.DEAD], "a poison message is a dead letter"
    assert (ledger.ends("endless"), world.state("endless")) == ([Verdict.ACK], "FAILURE"), "its time was limited"
    assert world.state("slow") in ("SUCCESS", "FAILURE")
    assert {world.state(f"task{number}") for number in range(TASKS)} <= {"SUCCESS", "FAILURE"}


STORM: list[Fault] = [
    Mishap(0.15, name=PROCESS_DEATH),
    Mishap(0.15, name=SPAWN_FAILURE),
    Mishap(0.10, name=ANSWER_LOST),
    Mishap(0.08, name=REQUEST_LOST),
    Slowness(0.01, longest=2.0),
    Delay(0.05, longest=1.0),
    Partition(0.004, longest=8.0),
    ClockJump(0.005, longest=36_000.0),
    Suspension(0.001, longest=8.0),
]


def storm(simulation: Simulation, **parts: Any) -> World:
    """Let everything go wrong at any step, for a while; then heal, and demand all results."""
    world = begin(simulation, **parts)
    simulation.suffer(
        NodeRestart(0.003, at_most=5, world=world),
        NodePause(0.003, at_most=6, world=world),
        NodeShutdown(0.002, at_most=4, world=world),
        PartKilled(0.005, at_most=12, world=world),
        BrokerRestart(0.004, at_most=8, world=world),
        Disconnect(0.02, world=world),
    )
    simulation.run(seconds=world.span(20))
    demand_all(world)
    return world
