"""Topics fan out to whoever listens; guests are actors that other nodes have started."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.actors import Killed
from understudy.actors.remote import NotDecodable, NotEncodable, NotJoined, RemoteError, UnsupportedAddress
from understudy.testing import Simulation, simulate

from .world import Add, Counter, Node, Note, Observer, Watch, World


def play(body: Any, seed: int = 5) -> None:
    simulate(lambda simulation: body(World(simulation)), seed)


def listener(node: Node, name: str, topic: str = "news") -> Any:
    ref = node.spawn(Counter, name=name)
    node.remoting.subscribe(topic, ref)
    node.world.run(0.5)
    return ref


def notes(node: Node, name: str) -> list[Any]:
    return list(node.actor(f"/{name}").notes)


def test_what_is_told_to_a_topic_reaches_everybody_who_listens() -> None:
    def body(world: World) -> None:
        one, other = world.pair()
        listener(one, "a"), listener(other, "b"), listener(other, "c")
        listener(other, "deaf", "weather")
        for number in range(3):
            one.system.resolve("topic://news").tell(Note(number))
        world.run(1.0)
        assert [notes(one, "a"), notes(other, "b"), notes(other, "c")] == [[0, 1, 2]] * 3
        assert notes(other, "deaf") == []

    play(body)


def test_who_listens_no_more_or_has_ended_hears_nothing() -> None:
    def body(world: World) -> None:
        one, other = world.pair()
        gone, silent = listener(other, "gone"), listener(other, "silent")
        gone.stop()
        other.remoting.unsubscribe("topic://news", silent)
        world.run(0.5)
        one.system.resolve("topic://news").tell(Note("?"))
        world.run(1.0)
        assert notes(other, "silent") == []
        assert other.letters == []
        assert other.remoting.subscriptions == {}

    play(body)


def test_listeners_outlast_a_crash_of_their_inbox() -> None:
    def body(world: World) -> None:
        one, other = world.pair()
        listener(other, "b")
        other.system.get("/remoting/inbox-u")._cell.crash(RuntimeError("a bug"))
        world.run(2.0)
        one.system.resolve("topic://news").tell(Note("still"))
        world.run(1.0)
        assert notes(other, "b") == ["still"]

    play(body)


def test_only_topics_can_be_listened_to() -> None:
    def body(world: World) -> None:
        one = world.join("one")
        with pytest.raises(UnsupportedAddress, match="no topic"):
            one.remoting.subscribe("queue://celery", one.system.guardian)

    play(body)


def test_an_actor_is_started_on_a_node_that_offers_its_class() -> None:
    def body(world: World) -> None:
        one, other = world.join("one"), world.join("other", actors=[Counter])
        one.spawn(Observer, name="observer")
        ref = one.remoting.spawn("other", Counter, 40, name="guest", notes=["hello"])
        assert ref.ask(Add(2)) == 42
        assert other.actor("/remoting/guests/guest").notes == ["hello"]
        one.system.get("/observer").ask(Watch(ref))
        world.run(1.0)
        ref.kill()
        world.run(1.0)
        assert one.actor("/observer").downs == [("/remoting/guests/guest", Killed())]
        understudy = one.system.resolve(ref.address.named(), Counter)
        assert understudy.ask(Add(2)) == 42

    play(body)


def test_a_node_is_a_guest_house_for_itself_too() -> None:
    def body(world: World) -> None:
        one = world.join("one", actors=[Counter])
        assert one.remoting.spawn("one", Counter, 1, name="guest").ask(Add()) == 2
        assert one.remoting.spawn(one.remoting.node, Counter, 2, name="other").ask(Add()) == 3

    play(body)


def test_who_has_left_hears_nothing_and_is_told_so() -> None:
    def body(world: World) -> None:
        one = world.join("one")
        one.remoting.leave()
        with pytest.raises(NotJoined):
            one.remoting.subscribe("news", one.system.guardian)

    play(body)


def test_a_class_that_is_not_offered_or_not_marked_is_refused() -> None:
    def body(world: World) -> None:
        one, _ = world.join("one"), world.join("other")
        with pytest.raises(NotDecodable, match="offers no actors 'Counter'; it offers: none"):
            one.remoting.spawn("other", Counter, name="guest")
        with pytest.raises(NotEncodable, match="mark the class with @wire"):
            one.remoting.spawn("other", Observer, name="guest")
        with pytest.raises(NotEncodable):
            one.remoting.spawn("other", Counter, object(), name="guest")

    play(body)


def test_a_guest_that_cannot_start_says_why() -> None:
    def body(world: World) -> None:
        one, _ = world.join("one"), world.join("other", actors=[Counter])
        with pytest.raises(RemoteError, match="did not start"):
            one.remoting.spawn("other", Counter, 1, 2, 3, name="guest")
        with pytest.raises(RemoteError, match="restart is one of"):
            one.remoting.spawn("other", Counter, name="guest", restart="sometimes")

    play(body)


def test_the_parts_of_a_simulation_are_those_of_production() -> None:
    def body(simulation: Simulation) -> None:
        node = World(simulation).join("one")
        assert [path for path in node.system.paths() if path.count("/") == 2] == [
            f"/remoting/{part}"
            for part in ("guests", "publisher", "switchboard", "lookout", "inbox-s", "inbox-u", "herald")
        ]

    simulate(body)
