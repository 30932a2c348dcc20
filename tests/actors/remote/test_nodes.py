"""Nodes in a simulated network: who is there, and who only seems not to be."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from understudy.actors import NoConnection, NoProc, Shutdown
from understudy.actors.remote import NodeJoined, NodeLeft
from understudy.actors.remote.detector import MISSED
from understudy.testing import simulate

from .world import INTERVAL, Add, Counter, Node, World

LONG = (MISSED + 3) * INTERVAL


def play(body: Any, seed: int = 11) -> None:
    simulate(lambda simulation: body(World(simulation)), seed)


def record(node: Node) -> list[Any]:
    """Return the node's events of coming and going, as they happen."""
    events: list[Any] = []
    for kind in (NodeJoined, NodeLeft):
        node.system.events.subscribe(kind, events.append)
    return events


def left(events: list[Any]) -> list[Any]:
    return [event.reason for event in events if isinstance(event, NodeLeft)]


def test_nodes_know_each_other_as_soon_as_they_have_joined() -> None:
    def body(world: World) -> None:
        nodes = [world.join(name) for name in ("a", "b", "c", "d")]
        world.simulation.run(until=lambda: world.acquainted(*nodes))
        assert world.simulation.now < INTERVAL

    play(body)


def test_a_killed_node_is_gone_after_five_intervals() -> None:
    def body(world: World) -> None:
        one, other = world.pair()
        world.run(5 * INTERVAL)
        events = record(one)
        other.kill()
        world.run((MISSED - 1) * INTERVAL)
        assert events == []
        world.run(3 * INTERVAL)
        assert events == [NodeLeft(other.remoting.node, NoConnection())]

    play(body)


def test_a_node_that_leaves_is_gone_at_once() -> None:
    def body(world: World) -> None:
        one, other = world.pair()
        events = record(one)
        other.remoting.leave()
        world.run(0.1)
        assert left(events) == [Shutdown("its node has left")]
        world.run(LONG)
        assert len(events) == 1

    play(body)


def test_a_system_that_stops_leaves() -> None:
    def body(world: World) -> None:
        one, other = world.pair()
        events = record(one)
        other.system.stop()
        assert left(events) == [Shutdown("its node has left")]

    play(body)


def test_a_node_that_lost_its_way_to_the_broker_judges_nobody() -> None:
    def body(world: World) -> None:
        one, other = world.pair()
        events, others_events = record(one), record(other)
        world.cut(one)
        world.run(10 * LONG)
        assert events == []
        assert left(others_events) == [NoConnection()]
        world.mend()
        world.run(LONG)
        assert events == []
        assert isinstance(others_events[-1], NodeJoined)
        assert world.acquainted(one, other)

    play(body)


def test_a_broker_that_begins_anew_is_nobodys_death() -> None:
    def body(world: World) -> None:
        one, other = world.pair()
        other.spawn(Counter, name="counter")
        counter = one.system.resolve(other.name_of("/counter"), Counter)
        events = [record(node) for node in (one, other)]
        for _ in range(5):
            world.bus.restart()
            assert counter.ask(Add(), timeout=10.0)
            world.run(2 * INTERVAL)
        assert events == [[], []]

    play(body)


def test_a_stopped_process_finds_nobody_dead_when_it_goes_on() -> None:
    def body(world: World) -> None:
        one, other = world.pair()
        events, others_events = record(one), record(other)
        world.simulation.host.stopped.add(one.system)
        world.run(5 * LONG)
        assert left(others_events) == [NoConnection()]
        world.simulation.host.stopped.discard(one.system)
        world.run(LONG)
        assert events == []
        assert world.acquainted(one, other)

    play(body)


def test_a_node_that_boots_again_takes_its_own_place() -> None:
    def body(world: World) -> None:
        one, other = world.pair()
        other.spawn(Counter, 10, name="counter")
        counter = one.system.resolve(other.name_of("/counter"), Counter)
        assert counter.ask(Add()) == 11
        events = record(one)
        other.kill()
        world.run(0.5)
        reborn = world.join("other")
        reborn.spawn(Counter, 20, name="counter")
        world.run(0.1)
        assert events == [NodeLeft(other.remoting.node, NoProc()), NodeJoined(reborn.remoting.node)]
        assert counter.ask(Add()) == 21

    play(body)


def test_who_takes_the_name_of_a_living_node_is_warned_about_once(caplog: pytest.LogCaptureFixture) -> None:
    def body(world: World) -> None:
        first = world.join("same")
        world.run(1.0)
        second = world.join("same")
        world.run(30.0)
        assert first.remoting.directory.present == (second.remoting.node,)

    with caplog.at_level(logging.WARNING):
        play(body)
    assert caplog.text.count("another node calls itself same@sim") == 1


def test_a_remoting_that_was_restarted_as_a_whole_is_another_boot() -> None:
    def body(world: World) -> None:
        one, other = world.pair()
        former = other.remoting.node
        events = record(one)
        other.system.get("/remoting").stop()
        world.run(1.0)
        other.system.start(type(other.remoting).spec(other.remoting).actor, other.remoting, name="remoting")
        world.run(LONG)
        assert other.remoting.node != former
        assert events == [NodeLeft(former, Shutdown("its node has left")), NodeJoined(other.remoting.node)]
        other.spawn(Counter, name="counter")
        assert one.system.resolve(other.name_of("/counter"), Counter).ask(Add()) == 1

    play(body)
