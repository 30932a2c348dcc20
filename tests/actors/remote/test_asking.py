"""Telling, asking and stopping actors of other nodes, in a simulated network: an ask ends in exactly one way."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from understudy.actors import ActorDead, Bound, MailboxFull, Message, Shutdown, Timeout, on
from understudy.actors.remote import (
    AlreadyJoined,
    NodeDown,
    NotDecodable,
    NotEncodable,
    NotJoined,
    RemoteError,
    RemoteRef,
    Remoting,
    Undeliverable,
    UnsupportedAddress,
)
from understudy.testing import Simulation, simulate

from .world import NETWORK, Add, Counter, Fail, Hang, Introduce, Node, Note, Observer, Shop, Watch, World


def play(body: Any, seed: int = 7) -> None:
    """Run a body with a world of two nodes that know each other; of the second, a shop with a counter is on stage."""

    def run(simulation: Simulation) -> None:
        world = World(simulation)
        one, other = world.pair()
        other.spawn(Shop, name="shop")
        body(world, one, other)

    simulate(run, seed)


def counter_of(one: Node, other: Node) -> Any:
    return one.system.resolve(other.name_of("/shop/counter"), Counter)


def test_an_actor_of_another_node_is_asked_and_told_by_name() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        counter = counter_of(one, other)
        assert [counter.ask(Add(n)) for n in (1, 2, 3)] == [1, 3, 6]
        counter.tell(Note("a"))
        counter.tell(Note(2))
        world.run(1.0)
        assert other.actor("/shop/counter").notes == ["a", 2]

    play(body)


def test_who_was_restarted_is_asked_again_under_its_name() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        counter = counter_of(one, other)
        assert counter.ask(Add(5)) == 5
        with pytest.raises(RemoteError) as caught:
            counter.ask(Fail("oh"))
        assert (caught.value.type, caught.value.text) == ("ValueError", "oh")
        assert "in fail" in caught.value.remote_traceback
        world.run(1.0)
        assert counter.ask(Add(1)) == 1

    play(body)


def test_an_incarnation_is_not_its_understudy() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        counter = counter_of(one, other)
        one.spawn(Counter, name="mine")
        incarnation = counter.ask(Introduce(one.system.get("/mine")))
        assert incarnation.ask(Add(2)) == 2
        with pytest.raises(RemoteError):
            incarnation.ask(Fail())
        world.run(1.0)
        with pytest.raises(ActorDead, match="nobody holds actor://"):
            incarnation.ask(Add(1))

    play(body)


def test_refs_travel_and_arrive_as_what_they_are_there() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        mine = one.spawn(Counter, name="mine")
        theirs = other.system.get("/shop/counter")
        answer = counter_of(one, other).ask(Introduce(mine, (theirs, mine)))
        assert isinstance(answer, RemoteRef)
        assert answer == one.system.resolve(str(theirs.address))
        world.run(1.0)
        assert one.actor("/mine").notes == ["/shop/counter"] * 2
        assert other.actor("/shop/counter").notes == ["/shop/counter"]
        assert other.system.resolve(str(theirs.address)) is theirs

    play(body)


def test_refs_are_values() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        mine = one.spawn(Counter, name="mine")
        remote = other.system.resolve(mine.address)
        assert copy.deepcopy(mine) is mine
        assert {remote, other.system.resolve(str(mine.address))} == {remote}
        assert remote != mine
        unbound: Any = pickle.loads(pickle.dumps(mine))
        assert unbound == remote
        with pytest.raises(NotJoined, match=r"resolve\(\)"):
            unbound.tell(Note("lost"))
        assert one.system.resolve(unbound) is mine

    play(body)


def test_what_never_existed_is_undeliverable_or_dead() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        with pytest.raises(ActorDead, match="nobody holds"):
            one.system.resolve(other.name_of("/no/such")).ask(Add())
        began = world.simulation.now
        with pytest.raises(Undeliverable, match="nobody has heard of"):
            one.system.resolve(f"name://{NETWORK}/nowhere/x").ask(Add())
        assert world.simulation.now - began <= one.remoting.options.patience
        world.run(10.0)
        began = world.simulation.now
        with pytest.raises(Undeliverable):
            one.system.resolve(f"name://{NETWORK}/nowhere/x").ask(Add())
        assert world.simulation.now == began
        with pytest.raises(Undeliverable, match="no inbox"):
            one.system.resolve(f"actor://{NETWORK}/old@sim!0123456789ab/x#1").ask(Add())

    play(body)


def test_an_ask_that_nobody_answers_times_out_once() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        counter = counter_of(one, other)
        began = world.simulation.now
        with pytest.raises(Timeout):
            counter.ask(Hang(), timeout=3.0)
        assert world.simulation.now - began == pytest.approx(3.0)
        hanging = counter.ask(Hang(), block=False)
        world.run(one.remoting.options.ask_timeout)
        assert isinstance(hanging.error(), Timeout)
        world.run(1.0)
        assert other.system.get("/shop/counter")._cell.owes == 0

    play(body)


def test_an_ask_whose_time_has_passed_is_not_handled() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        counter = counter_of(one, other)
        world.simulation.host.stopped.add(other.system)
        late = counter.ask(Add(100), block=False, timeout=2.0)
        world.run(4.0)
        assert isinstance(late.error(), Timeout)
        world.simulation.host.stopped.discard(other.system)
        world.run(4.0)
        assert counter.ask(Add(1)) == 1
        assert other.remoting.counts.late == 1

    play(body)


def test_an_ask_that_waits_in_the_mailbox_for_too_long_is_not_handled() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        counter = counter_of(one, other)
        cell = other.system.get("/shop/counter")._cell
        late = counter.ask(Add(100), block=False, timeout=2.0)
        world.simulation.host.hold(cell, 4.0)
        world.run(5.0)
        assert isinstance(late.error(), Timeout)
        assert counter.ask(Add(1)) == 1
        assert other.system.late_asks == 1

    play(body)


def test_asks_of_a_node_that_dies_fail_with_its_end() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        hanging = counter_of(one, other).ask(Hang(), block=False, timeout=60.0)
        world.run(1.0)
        other.kill()
        world.run(8.0)
        assert isinstance(hanging.error(), NodeDown)
        with pytest.raises(NodeDown, match="no connection"):
            counter_of(one, other).ask(Add())

    play(body)


def test_asks_of_a_node_that_leaves_fail_with_its_goodbye() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        counter = counter_of(one, other)
        counter.ask(Add())
        other.remoting.leave()
        world.run(1.0)
        with pytest.raises(NodeDown, match="left") as caught:
            counter.ask(Add())
        assert isinstance(caught.value.reason, Shutdown)

    play(body)


class Crowded(Counter):
    mailbox = Bound(1)


def test_a_full_mailbox_is_its_own_error() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        crowded = other.spawn(Crowded, name="crowded")
        world.simulation.host.hold(crowded._cell, 5.0)
        ref = one.system.resolve(other.name_of("/crowded"))
        asked = [ref.ask(Add(), block=False, timeout=20.0) for _ in range(3)]
        ref.tell(Note("too much"))
        world.run(10.0)
        assert [type(each.error()) for each in asked] == [type(None), MailboxFull, MailboxFull]
        assert [letter.ref.path for letter in other.letters] == ["/crowded"]

    play(body)


class NoReply(Counter):
    @on(Add)
    def add(self, message: Add) -> Any:
        return object()


def test_a_reply_that_cannot_be_sent_fails_the_ask_and_not_the_actor() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        other.spawn(NoReply, name="odd")
        with pytest.raises(NotEncodable, match="the reply of"):
            one.system.resolve(other.name_of("/odd")).ask(Add())
        assert other.system.find("/odd") is not None

    play(body)


def test_a_message_that_the_actor_does_not_take_is_refused_there() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        other.spawn(Observer, name="observer")
        observer = one.system.resolve(other.name_of("/observer"))
        with pytest.raises(NotDecodable, match="Observer takes no 'Add' from other nodes"):
            observer.ask(Add())
        observer.tell(Add())
        world.run(1.0)
        assert "takes no 'Add'" in other.letters[0].why
        mistaken: Message[Any, None] = Watch(observer)
        with pytest.raises(NotEncodable):
            observer.tell(mistaken)

    play(body)


def test_a_tell_that_reaches_nobody_is_a_dead_letter() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        one.system.resolve(other.name_of("/no/such")).tell(Note("there"))
        world.run(1.0)
        assert [letter.ref.path for letter in other.letters] == ["/no/such"]
        world.run(10.0)
        one.system.resolve(f"name://{NETWORK}/nowhere/x").tell(Note("here"))
        world.run(1.0)
        assert [letter.message for letter in one.letters] == [Note("here")]

    play(body)


def test_a_name_on_this_node_needs_no_broker() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        world.cut(one)
        mine = one.spawn(Counter, name="mine")
        ref = one.system.resolve(one.name_of("/mine"), Counter)
        assert ref.ask(Add(3)) == 3
        ref.tell(Note("x"))
        assert ref.stop()
        assert not mine.is_alive()
        with pytest.raises(ActorDead):
            ref.ask(Add())
        world.mend()

    play(body)


def test_an_actor_of_another_node_is_stopped_and_killed() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        first, second = (other.spawn(Counter, name=name) for name in ("first", "second"))
        remote = one.system.resolve(other.name_of("/first"))
        assert remote.stop() is True
        assert not first.is_alive()
        assert remote.stop() is False
        one.system.resolve(second.address).kill()
        world.run(1.0)
        assert str(second.reason) == "killed"

    play(body)


def test_addresses_that_are_no_actors_say_so() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        with pytest.raises(UnsupportedAddress, match="where tasks go"):
            one.system.resolve("queue://celery")
        with pytest.raises(UnsupportedAddress, match="another system"):
            one.system.resolve("name://elsewhere/one/x")
        with pytest.raises(UnsupportedAddress, match="nobody answers"):
            one.system.resolve("topic://news").ask(Add())

    play(body)


def test_a_system_is_one_node() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        with pytest.raises(AlreadyJoined, match="one@sim"):
            Remoting(one.system, one.remoting.bus, "again", "sim")

    play(body)


def test_messages_of_one_sender_arrive_in_order_whichever_way_they_are_sent() -> None:
    def body(world: World, one: Node, other: Node) -> None:
        counter = counter_of(one, other)
        asked = []
        for number in range(20):
            counter.tell(Note(number))
            asked.append(counter.ask(Add(), block=False))
        assert [each.get(timeout=10) for each in asked] == list(range(1, 21))
        assert other.actor("/shop/counter").notes == list(range(20))

    for seed in range(5):
        play(body, seed)
