"""Monitors on actors of other nodes: told once, whatever ends it, and healed where a frame was lost."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.actors import Actor, Error, Killed, NoConnection, NoProc, Shutdown
from understudy.actors.remote import UnsupportedAddress
from understudy.actors.remote.envelope import Lane
from understudy.actors.remote.frames import Ended, Unwatch, encode
from understudy.actors.remote.simulated import BROKER
from understudy.testing import Simulation, simulate

from .world import NETWORK, Add, Fail, Node, Observer, Shop, Watch, World


def play(body: Any, seed: int = 3) -> None:
    """Run a body with two nodes: an observer on the first, a supervised counter on the second."""

    def run(simulation: Simulation) -> None:
        world = World(simulation)
        one, other = world.pair()
        other.spawn(Shop, name="shop")
        one.spawn(Observer, name="observer")
        body(world, one, other)

    simulate(run, seed)


def watch(one: Node, target: Any) -> None:
    one.system.get("/observer").ask(Watch(target))
    one.world.run(0.5)


def downs(one: Node) -> list[Any]:
    return [reason for _, reason in one.actor("/observer").downs]


def counter_of(one: Node, other: Node) -> Any:
    return one.system.resolve(other.name_of("/shop/counter"))


def test_the_end_of_a_remote_actor_is_told_once_with_its_reason() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        counter = counter_of(one, other)
        watch(one, counter)
        watch(one, one.system.resolve(other.system.get("/shop/counter").address))
        other.system.get("/shop/counter").tell(Fail("oh"))
        world.run(10.0)
        assert downs(one) == [Error("ValueError: oh")] * 2
        assert counter.ask(Add()) == 1

    play(body)


def test_monitoring_the_dead_says_noproc_at_once() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        watch(one, one.system.resolve(other.name_of("/no/such")))
        watch(one, one.system.resolve(one.name_of("/no/such")))
        assert downs(one) == [NoProc(), NoProc()]

    play(body)


def test_monitoring_on_a_node_that_nobody_knows_says_noconnection() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        watch(one, one.system.resolve(f"name://{NETWORK}/nowhere/x"))
        watch(one, one.system.resolve(f"actor://{NETWORK}/old@sim!0123456789ab/x#1"))
        world.run(10.0)
        assert downs(one) == [NoConnection(), NoConnection()]

    play(body)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (lambda node: node.kill(), NoConnection()),
        (lambda node: node.remoting.leave(), Shutdown("its node has left")),
    ],
    ids=["killed", "left"],
)
def test_the_end_of_a_node_is_told_to_all_who_watch_its_actors(end: Any, reason: Any) -> None:
    def body(world: World, one: Node, other: Node) -> None:
        for _ in range(3):
            watch(one, counter_of(one, other))
        end(other)
        world.run(10.0)
        assert downs(one) == [reason] * 3

    play(body)


def test_a_new_boot_of_a_node_ends_the_old_ones_actors_at_once() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        watch(one, counter_of(one, other))
        other.kill()
        world.run(1.0)
        assert downs(one) == []
        world.join("other")
        world.run(0.1)
        assert downs(one) == [NoProc()]

    play(body)


def test_a_monitor_that_was_taken_off_says_nothing_and_is_forgotten_there() -> None:
    class Fickle(Observer):
        def on_start(self) -> None:
            number = self.monitor(self.system.resolve(target))
            self.demonitor(number)

    target = ""

    def body(world: World, one: Node, other: Node) -> None:
        nonlocal target
        target = other.name_of("/shop/counter")
        one.spawn(Fickle, name="fickle")
        world.run(1.0)
        assert other.actor("/remoting/lookout")._sights == {}
        other.system.get("/shop/counter").kill()
        world.run(1.0)
        assert one.actor("/fickle").downs == []

    play(body)


def test_what_a_dead_watcher_watched_is_forgotten_there() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        watch(one, counter_of(one, other))
        assert len(other.actor("/remoting/lookout")._sights) == 1
        one.system.get("/observer").kill()
        world.run(1.0)
        assert other.actor("/remoting/lookout")._sights == {}
        assert one.actor("/remoting/switchboard")._watched == {}

    play(body)


def test_a_lost_end_is_found_out_within_an_interval() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        watch(one, counter_of(one, other))
        deaf_to(one, encode(Ended(0, ("",))), 1)  # type: ignore[arg-type]
        other.system.get("/shop/counter").kill()
        world.run(0.4)
        assert downs(one) == []
        world.run(2.0)
        assert downs(one) == [NoProc()]

    play(body)


def test_a_lost_demonitor_is_found_out_within_an_interval() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        watch(one, counter_of(one, other))
        watch(one, one.system.resolve(other.name_of("/shop")))
        deaf_to(other, encode(Unwatch(0)), 2)
        one.system.get("/observer").kill()
        world.run(0.4)
        assert len(other.actor("/remoting/lookout")._sights) == 2
        one.spawn(Observer, name="observer")
        watch(one, counter_of(one, other))
        world.run(2.0)
        assert len(other.actor("/remoting/lookout")._sights) == 1

    play(body)


def deaf_to(node: Node, frame: bytes, times: int) -> None:
    """Lose the next frames of that kind on their way to a node's inbox."""
    mailroom = node.world.bus.mailroom
    post, mark = mailroom.post, frame[1:4]
    mailbox = node.remoting.mailbox(node.remoting.node, Lane.SYSTEM)
    left = times

    def lossy(parcels: Any, now: float) -> Any:
        nonlocal left
        kept = []
        for parcel in parcels:
            if left and parcel.to == mailbox and mark in parcel.body:
                left -= 1
            else:
                kept.append(parcel)
        receipts = iter(post(kept, now))
        return [next(receipts) if parcel in kept else 0 for parcel in parcels]

    mailroom.post = lossy  # type: ignore[method-assign]


def test_a_crash_of_any_part_ends_no_monitor_silently() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        for part in ("publisher", "switchboard", "lookout", "inbox-s", "inbox-u", "herald"):
            before = len(downs(one))
            watch(one, counter_of(one, other))
            for node in (one, other):
                crash(node, part)
            world.run(5.0)
            other.system.get("/shop/counter").kill()
            world.run(5.0)
            new = downs(one)[before:]
            assert new in ([Killed()], [NoProc()], [NoConnection()]), (part, new)
            assert world.acquainted(one, other), part

    play(body)


def crash(node: Node, part: str) -> None:
    """Make a part of a node's remoting crash, as a bug in it would."""
    cell = node.system.get(f"/remoting/{part}")._cell
    cell.crash(RuntimeError("a bug"))


@pytest.mark.parametrize("end", ["kill", "stop", "crash"])
def test_a_switchboard_that_ends_in_any_way_tells_the_watchers(end: str) -> None:
    def body(world: World, one: Node, other: Node) -> None:
        watch(one, counter_of(one, other))
        switchboard = one.system.get("/remoting/switchboard")
        if end == "crash":
            crash(one, "switchboard")
        elif end == "stop":
            switchboard.stop(block=False)
        else:
            switchboard.kill()
        world.run(5.0)
        assert downs(one) == [NoConnection()]
        watch(one, counter_of(one, other))
        other.system.get("/shop/counter").kill()
        world.run(5.0)
        assert downs(one) == [NoConnection(), Killed()]

    play(body)


def test_links_do_not_reach_other_nodes_and_say_so() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        class Linker(Actor):
            def on_start(self) -> None:
                with pytest.raises(UnsupportedAddress, match="monitor it"):
                    self.link(counter_of(one, other))

        one.spawn(Linker, name="linker").kill()
        world.run(1.0)
        assert counter_of(one, other).ask(Add()) == 1

    play(body)


def test_a_partition_ends_monitors_and_leaves_no_trace_when_it_heals() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        watch(one, counter_of(one, other))
        world.simulation.chaos.network.cut(other.name, BROKER)
        world.run(10.0)
        assert downs(one) == [NoConnection()]
        world.mend()
        world.simulation.run(until=lambda: world.acquainted(one, other))
        world.run(3.0)
        assert other.actor("/remoting/lookout")._sights == {}
        watch(one, counter_of(one, other))
        other.system.get("/shop/counter").kill()
        world.run(1.0)
        assert downs(one) == [NoConnection(), Killed()]

    play(body)
