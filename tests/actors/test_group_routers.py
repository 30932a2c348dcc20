"""Routers in front of actors that others supervise: by path, by ref, by address, on this node and on others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    AskAll,
    BadSpec,
    Broadcast,
    ChildSpec,
    ConsistentHash,
    DeadLetter,
    GroupRouter,
    LeastLoaded,
    ManyAnswers,
    NoRoutee,
    Ref,
    RoundRobin,
    Routing,
    StartFailed,
    Supervisor,
    on,
)
from understudy.actors.remote import Address, BadAddress, UnsupportedAddress
from understudy.testing import Simulation, simulate

from .children import Crash
from .remote.world import Add, Node, Note, Shop, World
from .stage import Journal, Stage
from .test_process_actors import on_shared_threads
from .test_routing import Tell, Who


class Teller(Actor):
    """Says what its name is."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.name = self.path.rpartition("/")[2]

    @on(Who)
    def who(self, _: Who) -> str:
        return self.name

    @on(Tell)
    def tell(self, message: Tell) -> None:
        self.journal(self.name, message.note)

    @on(Crash)
    def crash(self, _: Crash) -> None:
        raise RuntimeError("as told")


class Bank(Supervisor):
    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def children(self) -> list[ChildSpec]:
        return [ChildSpec(name, Teller, (self.journal,)) for name in "abc"]


PATHS = ["/bank/a", "/bank/b", "/bank/c"]


def counter_in_front_of(stage: Stage, routing: Routing | None = None, routees: Iterable[Any] = PATHS) -> Ref[Any]:
    """Open a bank, and return a router in front of its tellers."""
    if stage.system.find("/bank") is None:
        stage.spawn(Bank, stage.journal, name="bank")
    return stage.spawn(GroupRouter, routees, routing)


@pytest.mark.parametrize(
    ("routing", "answers"),
    [
        (None, ["a", "b", "c", "a"]),
        (RoundRobin(), ["a", "b", "c", "a"]),
        (LeastLoaded(), ["a", "b", "c", "a"]),
        (ConsistentHash(lambda _: "one key"), ["x", "x", "x", "x"]),
    ],
    ids=["by default", "round robin", "least loaded", "consistent hash"],
)
def test_whoever_is_chosen_of_a_group_answers(stage: Stage, routing: Routing | None, answers: list[str]) -> None:
    router = counter_in_front_of(stage, routing)
    found = [stage.ask(router, Who()) for _ in range(4)]
    if isinstance(routing, ConsistentHash):
        assert len(set(found)) == 1
    else:
        assert found == answers


def test_a_broadcast_reaches_the_whole_group_and_all_of_it_can_be_asked(stage: Stage, journal: Journal) -> None:
    router = counter_in_front_of(stage, Broadcast())
    router.tell(Tell("all"))
    journal.has(("a", "all"), ("b", "all"), ("c", "all"))
    assert stage.ask(router, AskAll(Who())) == ["a", "b", "c"]
    with pytest.raises(ManyAnswers):
        stage.ask(router, Who())


class Stuck(Teller):
    pinned = True

    @on(Tell)
    def tell(self, message: Tell) -> None:
        message.note.wait(10)  # type: ignore[attr-defined]


@on_shared_threads
def test_the_least_loaded_of_a_group_is_chosen(stage: Stage, journal: Journal) -> None:
    stuck = stage.spawn(Stuck, journal, name="stuck")
    stage.spawn(Teller, journal, name="free")
    router = stage.spawn(GroupRouter, ["/stuck", "/free"], LeastLoaded())
    over = threading.Event()
    for _ in range(3):
        stuck.tell(Tell(over))
    try:
        assert [stage.ask(router, Who()) for _ in range(4)] == ["free"] * 4
    finally:
        over.set()


def test_a_path_is_whoever_holds_it_when_a_message_comes(stage: Stage, journal: Journal) -> None:
    router = counter_in_front_of(stage, routees=["/teller"])
    first = stage.spawn(Teller, journal, name="teller")
    assert stage.ask(router, Who()) == "teller"
    first.stop(timeout=10)
    second = stage.spawn(Teller, journal, name="teller")
    router.tell(Crash())
    stage.ended(second)
    assert second != first


def test_those_who_are_gone_are_left_out(stage: Stage, journal: Journal) -> None:
    letters = stage.record(DeadLetter)
    refs = [stage.spawn(Teller, journal, name=name) for name in "xy"]
    router = counter_in_front_of(stage, routees=[*refs, "/nobody"])
    assert [stage.ask(router, Who()) for _ in range(2)] == ["x", "y"]
    refs[0].stop(timeout=10)
    assert {stage.ask(router, Who()) for _ in range(3)} == {"y"}
    refs[1].stop(timeout=10)
    with pytest.raises(NoRoutee, match="nobody is at work behind"):
        stage.ask(router, Who())
    router.tell(Tell("anybody?"))
    assert letters.until(lambda made: any(each.why == "no routee" for each in made))
    assert router.is_alive()


@pytest.mark.parametrize(
    ("routees", "cause"),
    [
        ([], BadSpec),
        ([3], BadSpec),
        (["bank/a"], BadAddress),
        (["queue://celery"], UnsupportedAddress),
        (["topic://news"], UnsupportedAddress),
    ],
    ids=repr,
)
@on_shared_threads
def test_a_group_of_what_are_no_actors_is_refused(stage: Stage, routees: list[Any], cause: type[Exception]) -> None:
    with pytest.raises(StartFailed) as failed:
        stage.spawn(GroupRouter, routees)
    assert type(failed.value.__cause__) is cause


def play(body: Callable[[World, Node, Node, Ref[Any]], None], routing: Routing | None = None) -> None:
    """Run `body` with a router on one of two nodes, in front of a counter on each."""

    def run(simulation: Simulation) -> None:
        world = World(simulation)
        one, other = world.join("one"), world.join("other")
        for node in (one, other):
            node.system.spawn(Shop, name="shop")
        world.run(5.0)
        routees = [node.name_of("/shop/counter") for node in (one, other)]
        body(world, one, other, one.system.spawn(GroupRouter, [routees[0], Address.parse(routees[1])], routing))

    simulate(run, settle=None)


def test_a_group_may_be_spread_over_nodes() -> None:
    def body(world: World, one: Node, other: Node, router: Ref[Any]) -> None:
        assert [router.ask(Add(number)) for number in (1, 10, 1, 10)] == [1, 10, 2, 20]

    play(body)


def test_what_is_broadcast_reaches_other_nodes_and_all_can_be_asked_there() -> None:
    def body(world: World, one: Node, other: Node, router: Ref[Any]) -> None:
        router.tell(Add(5))
        world.run(1.0)
        assert router.ask(AskAll(Add(1))) == [6, 6]

    play(body, Broadcast())


def test_a_message_that_cannot_travel_is_its_askers_error_and_the_router_goes_on() -> None:
    def body(world: World, one: Node, other: Node, router: Ref[Any]) -> None:
        letters: list[DeadLetter] = []
        one.system.events.subscribe(DeadLetter, letters.append)
        router.tell(Note(object()))
        router.tell(Note(object()))
        world.run(1.0)
        assert len(letters) == 1
        assert router.ask(Add(1)) in (1, 2)

    play(body)
