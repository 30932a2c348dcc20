"""Routers and partitions."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    ActorCrashed,
    ActorDead,
    AskAll,
    Backoff,
    BadSpec,
    Bound,
    Broadcast,
    ChildRestarted,
    ChildSpec,
    Completion,
    ConsistentHash,
    CountChildren,
    DeadLetter,
    Demand,
    DemandRouter,
    LeastLoaded,
    MailboxFull,
    ManyAnswers,
    Message,
    NoRoutee,
    Partitions,
    PartitionSupervisor,
    Ref,
    RoundRobin,
    Routee,
    Router,
    Routing,
    StartChild,
    TerminateChild,
    gather,
    on,
    partition_of,
    spawn_router,
)

from .children import Child, Crash, Note, Oops, Run
from .stage import PATIENCE, Journal, Stage


@dataclass(frozen=True, slots=True)
class Who(Message["Clerk", int]):
    """Answered with the number of whoever gets it."""

    key: Hashable = None


@dataclass(frozen=True, slots=True)
class Tell(Message["Clerk", None]):
    note: object


class Clerk(Actor):
    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.number = int(self.path.rpartition("/")[2])

    @on(Who)
    def who(self, _: Who) -> int:
        return self.number

    @on(Tell)
    def tell(self, message: Tell) -> None:
        self.journal(self.number, message.note)

    @on(Crash)
    def crash(self, _: Crash) -> None:
        raise Oops("as told")


def office(stage: Stage, size: int, routing: Routing | None = None, **options: Any) -> Ref[Any]:
    """Return a router over clerks."""
    return stage.spawn(Router, ChildSpec("clerk", Clerk, (stage.journal,), **options), size, routing, name="office")


# -- strategies --------------------------------------------------------------------------------------------------------


def chosen(routing: Routing, waiting: Sequence[int], turns: int, message: Any = None) -> list[Sequence[int]]:
    routees = [Routee(place, depth) for place, depth in enumerate(waiting)]
    return [tuple(routing.choose(message, routees, turn)) for turn in range(turns)]


def test_round_robin_takes_each_in_turn() -> None:
    assert chosen(RoundRobin(), [0, 0, 0], 5) == [(0,), (1,), (2,), (0,), (1,)]


def test_least_loaded_takes_the_shortest_mailbox_and_among_equals_each_in_turn() -> None:
    assert chosen(LeastLoaded(), [3, 1, 2], 3) == [(1,), (1,), (1,)]
    assert chosen(LeastLoaded(), [0, 5, 0], 4) == [(0,), (2,), (2,), (0,)]


def test_broadcast_takes_all() -> None:
    assert chosen(Broadcast(), [0, 9, 0], 1) == [(0, 1, 2)]


def test_consistent_hash_moves_only_the_share_of_whoever_comes_or_goes() -> None:
    routing = ConsistentHash(lambda key: key)

    def homes(ids: Sequence[int]) -> dict[str, int]:
        routees = [Routee(each, 0) for each in ids]
        return {f"k{n}": ids[routing.choose(f"k{n}", routees, 0)[0]] for n in range(1_000)}

    four, three = homes([0, 1, 2, 3]), homes([0, 1, 3])
    assert {key for key, home in four.items() if home != three[key]} == {key for key, home in four.items() if home == 2}
    assert min(Counter(four.values()).values()) > 150


# -- routers -----------------------------------------------------------------------------------------------------------


def test_whoever_is_chosen_answers(stage: Stage) -> None:
    router = office(stage, 3)
    assert [stage.ask(router, Who()) for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_a_key_stays_with_one_of_them(stage: Stage) -> None:
    router = office(stage, 4, ConsistentHash(lambda message: message.key))
    homes = {key: stage.ask(router, Who(key)) for key in "abcdefgh"}
    assert {key: stage.ask(router, Who(key)) for key in reversed("abcdefgh")} == homes
    assert len(set(homes.values())) > 1


def test_what_is_broadcast_reaches_all_and_all_can_be_asked(stage: Stage, journal: Journal) -> None:
    router = office(stage, 3, Broadcast())
    router.tell(Tell("hello"))
    journal.has((0, "hello"), (1, "hello"), (2, "hello"))
    assert stage.ask(router, AskAll(Who())) == [0, 1, 2]
    with pytest.raises(ManyAnswers, match=r"3 actors behind /office would answer: ask it AskAll"):
        stage.ask(router, Who())
    assert router.is_alive()


def test_the_first_error_of_many_is_the_askers(stage: Stage) -> None:
    router = office(stage, 2)
    with pytest.raises(Oops):
        stage.ask(router, AskAll(Crash()))


def test_a_router_knows_how_many_messages_wait(stage: Stage, journal: Journal) -> None:
    child = stage.spawn(Child, journal)
    assert stage.ask(child, Run(lambda this: [this.ref.tell(Note(1)), this.ref.waiting])) == [None, 1]
    seen: list[Sequence[Routee]] = []

    class Looks(RoundRobin):
        def choose(self, message: Any, routees: Sequence[Routee], turn: int) -> Sequence[int]:
            seen.append(routees)
            return super().choose(message, routees, turn)

    stage.ask(office(stage, 2, Looks()), Who())
    assert seen == [[Routee(0, 0), Routee(1, 0)]]


def test_a_crashed_one_is_replaced_and_left_out_meanwhile(stage: Stage) -> None:
    router = office(stage, 2, backoff=Backoff(3600.0, maximum=3600.0))
    crashes = stage.record(ActorCrashed)
    stage.find("/office/0").tell(Crash())
    crashes.until(lambda notes: len(notes) == 1)
    stage.ask(router, CountChildren())
    assert {stage.ask(router, Who()) for _ in range(4)} == {1}
    stage.ask(router, TerminateChild(1))
    with pytest.raises(NoRoutee, match="nobody is at work behind /office"):
        stage.ask(router, Who())
    letters = stage.record(DeadLetter)
    router.tell(Tell("to nobody"))
    stage.ask(router, CountChildren())
    assert letters.notes == [DeadLetter(router, Tell("to nobody"), "no routee")]


def test_children_can_be_added_to_a_router_and_taken_away(stage: Stage, journal: Journal) -> None:
    router = office(stage, 1)
    stage.ask(router, StartChild(ChildSpec(7, Clerk, (journal,))))
    assert [stage.ask(router, Who()) for _ in range(4)] == [0, 7, 0, 7]
    stage.ask(router, TerminateChild(0))
    assert [stage.ask(router, Who()) for _ in range(2)] == [7, 7]


def test_a_mailbox_that_takes_no_more_is_the_askers_error_and_a_dead_letter(stage: Stage, journal: Journal) -> None:
    class Small(Clerk):
        mailbox = Bound(1)

    class Chooses(RoundRobin):
        """Knows no pauses."""

    waits = ChildSpec("clerk", Small, (journal,), in_place=True, backoff=Backoff(3600.0, maximum=3600.0))

    class Stubborn(Router):
        """Takes those who wait for their restart for being at work."""

        def at_work(self) -> list[tuple[Any, Ref[Any]]]:
            return [(child.spec.id, child.ref) for child in self._children if child.ref is not None]

    router = stage.spawn(Stubborn, waits, 1, Chooses(), name="office")
    crashes = stage.record(ActorCrashed)
    stage.find("/office/0").tell(Crash())
    crashes.until(lambda notes: len(notes) == 1)
    letters = stage.record(DeadLetter)
    router.tell(Tell("fits"))
    router.tell(Tell("does not"))
    with pytest.raises(MailboxFull):
        stage.ask(router, Who())
    assert letters.notes == [DeadLetter(router, Tell("does not"), "full")]
    assert router.is_alive()


def test_a_routing_of_ones_own_is_one_pure_function(stage: Stage, journal: Journal) -> None:
    class Vip:
        def choose(self, message: Any, routees: Sequence[Routee], turn: int) -> Sequence[int]:
            return () if message == Tell("spam") else (0,)

    router = office(stage, 3, Vip())
    letters = stage.record(DeadLetter)
    router.tell(Tell("spam"))
    router.tell(Tell("letter"))
    journal.has((0, "letter"))
    assert [letter.why for letter in letters.notes] == ["no routee"]


@pytest.mark.parametrize("size", [0, -1, True, 1.5])
def test_a_pool_without_children_is_refused(stage: Stage, journal: Journal, size: Any) -> None:
    with pytest.raises(BadSpec, match="a pool has at least one child, not"):
        Router(ChildSpec("clerk", Clerk, (journal,)), size)
    with pytest.raises(BadSpec, match="described by a ChildSpec, not 'clerk'"):
        Router("clerk", 1)  # type: ignore[arg-type]


def test_a_router_can_be_spawned_by_the_class_of_those_behind_it(stage: Stage, journal: Journal) -> None:
    router = spawn_router(stage.system, Clerk, journal, size=2, name="office")
    assert [router.ask(Who(), timeout=PATIENCE) for _ in range(2)] == [0, 1]


# -- demand ------------------------------------------------------------------------------------------------------------


class Worker(Clerk):
    """Demands one message at a time, and says when it has room again."""

    def on_start(self) -> None:
        self.journal("ready", self.number)

    @on(Tell)
    def tell(self, message: Tell) -> None:
        self.journal(self.number, message.note)


def queue(stage: Stage, size: int, capacity: int | None = None, **options: Any) -> Ref[Any]:
    return stage.spawn(DemandRouter, ChildSpec("worker", Worker, (stage.journal,), **options), size, capacity, name="q")


def test_messages_wait_until_somebody_demands_them(stage: Stage, journal: Journal) -> None:
    router = queue(stage, 2)
    one, two = stage.find("/q/0"), stage.find("/q/1")
    for number in range(4):
        router.tell(Tell(number))
    answer = router.ask(Who(), block=False)
    stage.ask(router, CountChildren())
    assert journal.notes == [("ready", 0), ("ready", 1)]
    router.tell(Demand(two))
    journal.has((1, 0))
    router.tell(Demand(one, 2))
    journal.has((0, 1), (0, 2))
    router.tell(Demand(two, 5))
    journal.has((1, 3))
    assert answer.get(timeout=PATIENCE) == 1


def test_those_who_want_are_served_in_turn(stage: Stage, journal: Journal) -> None:
    router = queue(stage, 2)
    for number in range(2):
        router.tell(Demand(stage.find(f"/q/{number}"), 2))
    for number in range(4):
        router.tell(Tell(number))
    journal.until(lambda notes: len(notes) == 6)
    assert {note for note in journal.notes if note[0] != "ready"} == {(0, 0), (1, 1), (0, 2), (1, 3)}


@pytest.mark.parametrize("in_place", [True, False])
def test_the_demand_of_a_life_that_is_over_does_not_count_and_what_waits_outlives_it(
    stage: Stage, journal: Journal, in_place: bool
) -> None:
    router = queue(stage, 1, in_place=in_place)
    restarts = stage.record(ChildRestarted)
    router.tell(Demand(stage.find("/q/0"), 3))
    stage.find("/q/0").tell(Crash())
    restarts.until(lambda notes: len(notes) == 1)
    router.tell(Tell("waits"))
    stage.ask(router, CountChildren())
    assert (0, "waits") not in journal.notes
    router.tell(Demand(stage.find("/q/0")))
    journal.has((0, "waits"))


def test_a_full_router_refuses(stage: Stage, journal: Journal) -> None:
    router = queue(stage, 1, capacity=2)
    letters = stage.record(DeadLetter)
    for number in range(3):
        router.tell(Tell(number))
    with pytest.raises(MailboxFull, match="/q holds 2 messages that nobody has demanded"):
        stage.ask(router, Who())
    assert letters.notes == [DeadLetter(router, Tell(2), "full")]
    router.tell(Demand(stage.find("/q/0"), 9))
    journal.has((0, 1))
    router.tell(Tell("there is room again"))
    journal.has((0, "there is room again"))


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_what_waits_when_a_router_ends_is_answered_or_reported(stage: Stage, end: str) -> None:
    router = queue(stage, 1)
    letters = stage.record(DeadLetter)
    router.tell(Tell("waits"))
    answer = router.ask(Who(), block=False)
    stage.ask(router, CountChildren())
    router.stop() if end == "stop" else router.kill()
    with pytest.raises(ActorDead):
        answer.get(timeout=PATIENCE)
    assert letters.notes == ([DeadLetter(router, Tell("waits"), "dead")] if end == "stop" else [])


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_router_without_room_is_refused(journal: Journal, capacity: int) -> None:
    with pytest.raises(BadSpec, match="room for at least one message"):
        DemandRouter(ChildSpec("w", Worker, (journal,)), 1, capacity)


# -- partitions --------------------------------------------------------------------------------------------------------


def test_numbers_go_by_their_remainder_and_all_else_by_a_stable_hash() -> None:
    assert [partition_of(number, 4) for number in (0, 5, 11, -1)] == [0, 1, 3, 3]
    keys: list[Hashable] = ["anna", b"anna", ("anna", 1)]
    assert [partition_of(key, 8) for key in keys] == [partition_of(key, 8) for key in keys]
    assert partition_of("anna", 1_000) == 606
    assert len({partition_of(f"user {n}", 8) for n in range(100)}) == 8


def test_all_of_a_key_is_with_one_partition(stage: Stage, journal: Journal) -> None:
    stage.spawn(PartitionSupervisor, ChildSpec("clerk", Clerk, (journal,)), 4, name="clerks")
    clerks: Partitions[Clerk] = Partitions(stage.system, "/clerks", 4)
    for key in ("anna", "berta", 17):
        assert clerks.ask(key, Who(), timeout=PATIENCE) == partition_of(key, 4)
        assert clerks.of(key) == stage.find(f"/clerks/{partition_of(key, 4)}")
    clerks.tell(2, Tell("told"))
    journal.has((2, "told"))
    assert clerks.ask(3, Who(), block=False).get(timeout=PATIENCE) == 3
    assert [ref.path for ref in clerks.all()] == [f"/clerks/{number}" for number in range(4)]


def test_a_partition_that_crashed_is_found_again_and_the_others_go_on(stage: Stage, journal: Journal) -> None:
    stage.spawn(PartitionSupervisor, ChildSpec("clerk", Clerk, (journal,)), 2, name="clerks")
    clerks: Partitions[Clerk] = Partitions(stage.system, "/clerks", 2)
    other, first = clerks.of(1), clerks.of(0)
    restarts = stage.record(ChildRestarted)
    first.tell(Crash())
    restarts.until(lambda notes: len(notes) == 1)
    assert clerks.ask(0, Who(), timeout=PATIENCE) == 0
    assert clerks.of(0) != first
    assert clerks.of(1) == other
    stage.ask(stage.find("/clerks"), TerminateChild(1))
    with pytest.raises(ActorDead, match="nobody holds /clerks/1"):
        clerks.tell(1, Tell("nobody there"))
    assert len(clerks.all()) == 1


def test_there_are_as_many_partitions_as_processors_unless_somebody_says_so(stage: Stage, journal: Journal) -> None:
    import os

    everybody = stage.spawn(PartitionSupervisor, ChildSpec("clerk", Clerk, (journal,)))
    assert stage.ask(everybody, CountChildren()).active == os.cpu_count()


@pytest.mark.parametrize("partitions", [0, True, 1.5])
def test_a_way_to_no_partitions_is_refused(stage: Stage, partitions: Any) -> None:
    with pytest.raises(ValueError, match="at least one partition"):
        Partitions(stage.system, "/clerks", partitions)


# -- gathering ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_what_is_gathered_keeps_its_order(order: Sequence[int]) -> None:
    parts: list[Completion[int]] = [Completion() for _ in order]
    whole = gather(parts)
    for number in order:
        assert not whole.done()
        parts[number].resolve(number)
    assert whole.get(timeout=0) == [0, 1, 2]


@pytest.mark.parametrize("fail", [lambda parts: parts[1].fail(Oops("one"))])
def test_one_error_is_the_error_of_all(fail: Callable[[Any], object]) -> None:
    parts: list[Completion[int]] = [Completion(), Completion()]
    whole = gather(parts)
    fail(parts)
    with pytest.raises(Oops, match="one"):
        whole.get(timeout=0)
    assert gather([]).get(timeout=0) == []
