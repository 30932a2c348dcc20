"""Who has how much to do, as far as a router knows; and routings that fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from understudy.actors import (
    BadChoice,
    BadSpec,
    ChildRestarted,
    ChildSpec,
    Completion,
    ConsistentHash,
    CountChildren,
    DeadLetter,
    GroupRouter,
    LeastLoaded,
    Ref,
    RoundRobin,
    Routee,
    Router,
    StartFailed,
    on,
)
from understudy.testing import Simulation, simulate

from .children import Crash, Oops
from .remote.test_chaos import BUGS, ENDS, NETWORK_FAULTS
from .remote.world import Add, Counter, Hang, Node, Note, World
from .stage import PATIENCE, Journal, Stage
from .test_process_actors import on_shared_threads
from .test_routing import Clerk, Tell, Who, office


class Loads:
    """Chooses whoever has the least to do, and notes what it is told."""

    def __init__(self) -> None:
        self.seen: list[list[int]] = []

    def choose(self, message: Any, routees: Sequence[Routee], turn: int) -> Sequence[int]:
        self.seen.append([each.waiting for each in routees])
        return LeastLoaded().choose(message, routees, turn)


class Promises(Clerk):
    """Answers who names a key when the test says so."""

    def __init__(self, journal: Journal, promises: list[Completion[int]]) -> None:
        super().__init__(journal)
        self.promises = promises

    @on(Who)
    def who(self, message: Who) -> Any:
        if message.key is None:
            return self.number
        self.promises.append(Completion())
        self.journal("promised")
        return self.promises[-1]


# -- in one system -----------------------------------------------------------------------------------------------------


def test_an_ask_that_is_not_answered_counts_until_it_is(stage: Stage, journal: Journal) -> None:
    promises: list[Completion[int]] = []
    routing = Loads()
    router = stage.spawn(Router, ChildSpec("clerk", Promises, (journal, promises)), 2, routing, name="office")
    late = router.ask(Who("later"), block=False)
    assert [stage.ask(router, Who()) for _ in range(4)] == [1, 1, 1, 1]
    journal.has("promised")
    promises[0].resolve(7)
    assert late.get(timeout=PATIENCE) == 7
    assert {stage.ask(router, Who()) for _ in range(2)} == {0, 1}
    assert routing.seen == [[0, 0], *[[1, 0]] * 4, [0, 0], [0, 0]]


def test_the_load_of_one_who_has_ended_is_forgotten(stage: Stage, journal: Journal) -> None:
    router = office(stage, 1, LeastLoaded())
    restarts = stage.record(ChildRestarted)
    for crashes in range(1, 4):
        with pytest.raises(Oops):
            stage.ask(router, Crash())
        restarts.until(lambda notes, crashes=crashes: len(notes) == crashes)
        stage.ask(router, CountChildren())  # it has taken in that somebody is there
        assert stage.ask(router, Who()) == 0
    loads = router._actor_weakref()._loads
    assert len(loads._loads) <= 2


# -- over nodes --------------------------------------------------------------------------------------------------------


class Slow(Counter):
    """Takes a second for each note."""

    @on(Note)
    async def note(self, message: Note) -> None:  # type: ignore[override]
        await asyncio.sleep(1.0)
        self.notes.append(message.value)


def far_away(kinds: Sequence[type[Counter]], body: Callable[[World, Node, Ref[Any], Loads], None]) -> None:
    """Run `body` with a router on one node, in front of actors of another."""

    def run(simulation: Simulation) -> None:
        world = World(simulation)
        one, other = world.pair()
        for number, kind in enumerate(kinds):
            other.spawn(kind, name=f"c{number}")
        routing = Loads()
        names = [other.name_of(f"/c{number}") for number in range(len(kinds))]
        body(world, other, one.spawn(GroupRouter, names, routing, name="router"), routing)

    simulate(run, settle=None)


def test_asks_that_another_node_has_not_answered_count() -> None:
    def body(world: World, other: Node, router: Ref[Any], routing: Loads) -> None:
        router.ask(Hang(), block=False)
        assert [router.ask(Add(1)) for _ in range(4)] == [1, 2, 3, 4]
        assert routing.seen[-1] == [1, 0]

    far_away([Counter, Counter], body)


def test_who_is_slow_on_another_node_is_told_less() -> None:
    def body(world: World, other: Node, router: Ref[Any], routing: Loads) -> None:
        for number in range(40):
            router.tell(Note(number))
            world.run(0.05)
        assert len(other.actor("/c1").notes) >= 34

    far_away([Slow, Counter], body)


def test_what_others_have_sent_to_another_node_counts_too() -> None:
    def body(world: World, other: Node, router: Ref[Any], routing: Loads) -> None:
        for number in range(10):
            other.system.get("/c0").tell(Note(number))
        router.tell(Note("to the slow one, of which nothing is known"))
        world.run(0.5)
        assert [router.ask(Add(1)) for _ in range(3)] == [1, 2, 3]
        assert routing.seen[-1][0] >= 8
        world.run(20.0)
        router.ask(Add(1))
        assert routing.seen[-1] == [0, 0]

    far_away([Slow, Counter], body)


def test_a_node_that_is_started_anew_has_nothing_to_do() -> None:
    def body(world: World, other: Node, router: Ref[Any], routing: Loads) -> None:
        for number in range(20):
            router.tell(Note(number))
        world.run(0.5)
        other.kill()
        again = world.join("other")
        for name in ("c0", "c1"):
            again.spawn(Counter, name=name)
        world.run(30.0)
        assert sorted(router.ask(Add(1)) for _ in range(4)) == [1, 1, 2, 2]
        assert routing.seen[-1] == [0, 0]

    far_away([Slow, Slow], body)


def under_chaos(simulation: Simulation) -> None:
    world = World(simulation)
    one, other = world.pair()
    for name in ("c0", "c1"):
        other.spawn(Counter, name=name)
    names = [other.name_of(f"/{name}") for name in ("c0", "c1")]
    router = one.spawn(GroupRouter, names, LeastLoaded(), name="router")
    simulation.suffer(*NETWORK_FAULTS, *BUGS)
    asked: list[Completion[int]] = []
    for number in range(20):
        router.tell(Note(number))
        asked.append(router.ask(Add(), block=False))
        world.run(simulation.choose(20, "pause") / 10)
    simulation.heal()
    world.run(40.0)  # asks that name no time end within 30 seconds
    assert all(each.done() for each in asked)
    assert [error for error in (each.error() for each in asked) if not (error is None or isinstance(error, ENDS))] == []
    loads = one.actor("/router")._loads
    assert [loads.waiting(one.system.resolve(name)) for name in names] == [0, 0]
    assert router.ask(Add()) > 0


@pytest.mark.parametrize("block", range(3))
def test_whatever_goes_wrong_nothing_is_taken_to_wait_for_ever(block: int) -> None:
    for seed in range(block * 10, block * 10 + 10):
        simulate(under_chaos, seed, settle=None)


@pytest.mark.parametrize("seed", [70109, 70219])
def test_so_it_is_where_a_message_is_handed_on_while_remoting_begins_again(seed: int) -> None:
    simulate(under_chaos, seed, settle=None)


# -- routings that fail ------------------------------------------------------------------------------------------------


class Picky:
    """Knows only questions with a key."""

    def choose(self, message: Any, routees: Sequence[Routee], turn: int) -> Any:
        return {"first": (0,), "nobody": (9,), "not even a list": 0}[message.key]


def test_a_message_that_its_routing_cannot_deal_with_is_nobodys_end(stage: Stage) -> None:
    router = office(stage, 2, Picky())
    clerks = [stage.find(f"/office/{number}") for number in range(2)]
    letters = stage.record(DeadLetter)
    for key in ("nobody", "not even a list", "unknown"):
        with pytest.raises(BadChoice, match="the routing of /office failed"):
            stage.ask(router, Who(key))
    router.tell(Tell("has no key"))
    assert stage.ask(router, Who("first")) == 0
    assert letters.notes == [DeadLetter(router, Tell("has no key"), "no routee")]
    assert [clerk.is_alive() for clerk in clerks] == [True, True]


@pytest.mark.parametrize("routing", ["round_robin", RoundRobin, 3, object()], ids=["text", "class", "number", "object"])
@on_shared_threads
def test_what_is_no_routing_is_refused(stage: Stage, journal: Journal, routing: Any) -> None:
    for start in (
        lambda: office(stage, 1, routing),
        lambda: stage.spawn(GroupRouter, ["/clerk"], routing),
    ):
        with pytest.raises(StartFailed, match=r"a routing is an object with choose\(\)") as failed:
            start()
        assert type(failed.value.__cause__) is BadSpec


def test_a_key_that_is_no_function_is_refused() -> None:
    with pytest.raises(BadSpec, match="a function from a message to its key, not 'customer'"):
        ConsistentHash("customer")  # type: ignore[arg-type]


@pytest.mark.parametrize("routees", ["/clerk", "name://shop/a/clerk"])
@on_shared_threads
def test_one_address_is_no_group(stage: Stage, routees: Any) -> None:
    with pytest.raises(StartFailed, match="a group is a list of paths, refs or addresses"):
        stage.spawn(GroupRouter, routees)
