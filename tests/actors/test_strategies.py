"""What is restarted together, and how often: properties 51 to 64."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    ActorStopped,
    Backoff,
    ChildCounts,
    ChildEnd,
    ChildExited,
    ChildInfo,
    ChildRestarted,
    ChildSpec,
    CountChildren,
    Decision,
    Error,
    GiveUp,
    Leave,
    Normal,
    Ref,
    Replace,
    RestartChild,
    Shutdown,
    StartChild,
    TerminateChild,
    TooManyChildren,
    WhichChildren,
)
from understudy.actors.supervision.decisions import count_restart

from .children import (
    Child,
    Crash,
    DynamicTroupe,
    End,
    FailsLater,
    Note,
    StartsWhenTold,
    Troupe,
    spec,
    specs,
    troupe,
)
from .stage import Journal, Stage, in_simulation

NAMES = "abcd"


def refs(stage: Stage, supervisor: Ref[Any]) -> dict[Any, Ref[Any] | None]:
    infos: list[ChildInfo] = stage.ask(supervisor, WhichChildren())
    return {info.id: info.ref for info in infos}


def crash(stage: Stage, path: str) -> None:
    """Crash whoever is there, and wait until it has ended."""
    child = stage.find(path)
    child.tell(Crash())
    stage.ended(child)


@pytest.mark.parametrize("victim", NAMES)
@pytest.mark.parametrize(
    ("strategy", "replaced_by"),
    [
        ("one_for_one", dict(zip(NAMES, NAMES, strict=True))),
        ("one_for_all", dict.fromkeys(NAMES, NAMES)),
        ("rest_for_one", {name: NAMES[NAMES.index(name) :] for name in NAMES}),
    ],
    ids=["one_for_one", "one_for_all", "rest_for_one"],
)
def test_the_strategy_says_who_is_replaced_and_in_which_order(
    stage: Stage, journal: Journal, strategy: str, replaced_by: dict[str, str], victim: str
) -> None:
    """Properties 51 to 54: the others keep their identity, stops are in reverse and starts in order."""
    supervisor = stage.spawn(troupe(strategy=strategy), specs(journal, *NAMES), name="troupe")
    before = refs(stage, supervisor)
    journal.clear()
    stage.find(f"/troupe/{victim}").tell(Crash())
    replaced = replaced_by[victim]
    notes = journal.has(("start", replaced[-1]))
    stops = [("stop", name) for name in reversed(replaced) if name != victim]
    assert notes == stops + [("start", name) for name in replaced]
    after = refs(stage, supervisor)
    assert list(after) == list(NAMES)
    for name in NAMES:
        old = before[name]
        assert old is not None
        assert (after[name] != old) is (name in replaced)
        assert old.is_alive() is (name not in replaced)


def test_one_for_all_starts_those_that_had_finished_too(stage: Stage, journal: Journal) -> None:
    """Property 52."""
    children = [spec(journal, "a", restart="transient"), *specs(journal, "b")]
    supervisor = stage.spawn(troupe(strategy="one_for_all"), children, name="troupe")
    stage.find("/troupe/a").stop()
    stage.find("/troupe/b").tell(Crash())
    journal.counts(("start", "b"), 2)
    assert None not in refs(stage, supervisor).values()


def test_a_child_that_fails_during_one_for_alls_restart_has_the_whole_group_retried(
    stage: Stage, journal: Journal
) -> None:
    """Property 55: those that were restarted are stopped with shutdown."""
    children = [*specs(journal, "a"), spec(journal, "b", FailsLater, 1), *specs(journal, "c")]
    stage.spawn(troupe(strategy="one_for_all"), children, name="troupe")
    journal.clear()
    ends = stage.record(ActorStopped)
    journal("start", "b")  # what FailsLater counts
    stage.find("/troupe/c").tell(Crash())
    assert journal.has(("start", "c"))[1:] == [
        ("stop", "b"),
        ("stop", "a"),
        ("start", "a"),
        ("failed", "b"),
        ("stop", "a"),
        ("start", "a"),
        ("start", "b"),
        ("start", "c"),
    ]
    assert [event.reason for event in ends.notes if event.ref.path == "/troupe/a"] == [Shutdown(), Shutdown()]


def test_a_child_that_fails_during_rest_for_ones_restart_leaves_those_before_it_alone(
    stage: Stage, journal: Journal
) -> None:
    """Property 56."""
    children = [*specs(journal, "a", "b"), spec(journal, "c", FailsLater, 2), *specs(journal, "d")]
    stage.spawn(troupe(strategy="rest_for_one", intensity=5), children, name="troupe")
    stage.find("/troupe/b").tell(Crash())
    assert journal.counts(("start", "d"), 2)[4:] == [
        ("stop", "d"),
        ("stop", "c"),
        ("start", "b"),
        ("failed", "c"),
        ("failed", "c"),
        ("start", "c"),
        ("start", "d"),
    ]


@pytest.mark.parametrize("kind", ["one_for_one", "one_for_all", "rest_for_one", "dynamic"])
def test_starts_that_fail_during_a_restart_count_and_end_the_supervisor(
    stage: Stage, journal: Journal, kind: str
) -> None:
    """Property 57."""
    base = DynamicTroupe if kind == "dynamic" else Troupe
    flags: dict[str, Any] = {"intensity": 4} if kind == "dynamic" else {"intensity": 4, "strategy": kind}
    supervisor = stage.spawn(troupe(base, **flags), [spec(journal, "a", FailsLater, 1_000_000)], name="troupe")
    stage.find("/troupe/a").tell(Crash())
    assert stage.ended(supervisor) == Shutdown("reached_max_restart_intensity")
    assert journal.notes == [("start", "a")] + [("failed", "a")] * 4


@pytest.mark.parametrize("intensity", [0, 1, 3])
def test_as_many_restarts_as_the_intensity_survive_and_one_more_does_not(
    stage: Stage, journal: Journal, intensity: int
) -> None:
    """Properties 58 and 59."""
    supervisor = stage.spawn(troupe(intensity=intensity, period=3600.0), specs(journal, "a"), name="troupe")
    for restarts in range(1, intensity + 1):
        crash(stage, "/troupe/a")
        journal.counts(("start", "a"), 1 + restarts)
        assert supervisor.is_alive()
    stage.ask(supervisor, CountChildren())
    crash(stage, "/troupe/a")
    assert stage.ended(supervisor) == Shutdown("reached_max_restart_intensity")
    assert journal.notes.count(("start", "a")) == 1 + intensity


@in_simulation
def test_restarts_that_are_further_apart_than_the_period_go_on_for_ever(stage: Stage, journal: Journal) -> None:
    """Property 58: the window slides, and its bound belongs to it."""
    supervisor = stage.spawn(troupe(intensity=2, period=5.0), specs(journal, "a"), name="troupe")
    for _ in range(50):
        crash(stage, "/troupe/a")
        stage.simulated.run(seconds=2.75)
        assert supervisor.is_alive()
    for _ in range(3):
        assert supervisor.is_alive()
        crash(stage, "/troupe/a")
        stage.simulated.run(seconds=2.5)
    assert supervisor.reason == Shutdown("reached_max_restart_intensity")


def test_a_restart_that_is_exactly_a_period_old_still_counts() -> None:
    """Property 58."""
    history, allowed = count_restart((1.0, 5.0), now=6.0, intensity=2, period=5.0)
    assert (history, allowed) == ((1.0, 5.0, 6.0), False)
    history, allowed = count_restart((0.9, 5.0), now=6.0, intensity=2, period=5.0)
    assert (history, allowed) == ((5.0, 6.0), True)


def test_the_restart_of_a_group_counts_once(stage: Stage, journal: Journal) -> None:
    """Property 60."""
    names = list(map(str, range(10)))
    supervisor = stage.spawn(troupe(strategy="one_for_all", intensity=1), specs(journal, *names), name="troupe")
    crash(stage, "/troupe/4")
    journal.counts(("start", "9"), 2)
    assert stage.ask(supervisor, CountChildren()).active == 10


def test_a_transient_supervisor_that_gave_up_is_not_restarted(stage: Stage, journal: Journal) -> None:
    """Property 61: giving up is an orderly end."""
    inner = ChildSpec("inner", troupe(intensity=0), (specs(journal, "a"),), restart="transient")
    outer = stage.spawn(Troupe, [inner], name="outer")
    child = stage.find("/outer/inner")
    stage.find("/outer/inner/a").tell(Crash())
    assert stage.ended(child) == Shutdown("reached_max_restart_intensity")
    assert refs(stage, outer) == {"inner": None}


def test_a_supervisor_that_gave_up_is_restarted_with_its_static_children_alone(stage: Stage, journal: Journal) -> None:
    """Property 62."""
    inner = ChildSpec("inner", troupe(DynamicTroupe, intensity=0), (specs(journal, "static"),))
    stage.spawn(Troupe, [inner], name="outer")
    first = stage.find("/outer/inner")
    dynamic = stage.ask(first, StartChild(spec(journal, "dynamic")))
    stage.find("/outer/inner/static").tell(Crash())
    journal.counts(("start", "static"), 2)
    assert stage.ended(dynamic) == Shutdown()
    second = stage.find("/outer/inner")
    assert second != first
    assert list(refs(stage, second)) == ["static"]


def test_a_restart_that_is_exceeded_climbs_the_tree_until_it_ends_at_the_top(stage: Stage, journal: Journal) -> None:
    """Property 62: restarts multiply through the levels."""
    leaf = ChildSpec("leaf", troupe(intensity=1), (specs(journal, "a"),))
    middle = ChildSpec("middle", troupe(intensity=1), ([leaf],))
    top = stage.spawn(troupe(intensity=1), [middle], name="top")
    for starts in range(1, 9):
        journal.counts(("start", "a"), starts)
        crash(stage, "/top/middle/leaf/a")
    assert stage.ended(top) == Shutdown("reached_max_restart_intensity")
    assert journal.notes.count(("start", "a")) == 8


@in_simulation
@pytest.mark.parametrize("base", [Troupe, DynamicTroupe], ids=["static", "dynamic"])
def test_a_child_costs_the_same_among_many(stage: Stage, journal: Journal, base: type[Troupe]) -> None:
    """Property 63, counted in calls of functions; seconds belong to the benchmarks."""

    def calls_for_each_of(many: int) -> float:
        calls = 0

        def count(_frame: object, event: str, _arg: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            children = [ChildSpec(number, Actor) for number in range(many)]
            stage.spawn(base, children).stop()
        finally:
            sys.setprofile(None)
        return calls / many

    assert calls_for_each_of(2_000) < 1.1 * calls_for_each_of(200)


@pytest.mark.parametrize("base", [Troupe, DynamicTroupe], ids=["static", "dynamic"])
def test_many_children_start_and_stop(stage: Stage, journal: Journal, base: type[Troupe]) -> None:
    """Property 63."""
    many = 100 if stage.kind == "pinned" else 2_000
    supervisor = stage.spawn(base, [ChildSpec(number, Child, (journal,)) for number in range(many)], name="troupe")
    assert stage.ask(supervisor, CountChildren()) == ChildCounts(many, many, 0, many)
    supervisor.stop()
    assert journal.notes.count(("stop", "child")) == many


def test_children_that_are_about_to_be_restarted_count_as_children(stage: Stage, journal: Journal) -> None:
    """Property 64."""
    waiting = spec(journal, "a", backoff=Backoff(first=3600.0, maximum=3600.0))
    supervisor = stage.spawn(troupe(DynamicTroupe, max_children=2), [waiting, *specs(journal, "b")], name="troupe")
    crash(stage, "/troupe/a")
    assert [info.restarting for info in stage.ask(supervisor, WhichChildren())] == [True, False]
    with pytest.raises(TooManyChildren, match="/troupe has 2 children already"):
        stage.ask(supervisor, StartChild(spec(journal, "c")))
    stage.ask(supervisor, TerminateChild("b"))
    assert stage.ask(supervisor, StartChild(spec(journal, "c"))) is not None


@in_simulation
def test_backoff_grows_with_each_failure_and_starts_over_after_a_good_run(stage: Stage, journal: Journal) -> None:
    backoff = Backoff(first=1.0, factor=2.0, maximum=8.0, jitter=0.0, reset_after=60.0)
    child = spec(journal, "a", FailsLater, 3, backoff=backoff)
    stage.spawn(troupe(intensity=100, period=0.1), [child], name="troupe")
    clock = stage.system.clock
    moments: list[float] = []
    stage.simulated.run(seconds=100.0)
    stage.system.events.subscribe(ChildRestarted, lambda _: moments.append(clock.now()))
    crashed = clock.now()
    crash(stage, "/troupe/a")
    stage.simulated.run(seconds=59.0)
    assert moments == [crashed + 1.0 + 2.0 + 4.0 + 8.0]
    crashed = clock.now()
    crash(stage, "/troupe/a")  # it ran for less than a minute: its delay is still the longest
    stage.simulated.run(seconds=100.0)
    assert moments[1:] == [crashed + 8.0]
    crashed = clock.now()
    crash(stage, "/troupe/a")
    stage.simulated.run(seconds=2.0)
    assert moments[2:] == [crashed + 1.0]


def test_backoff_stays_within_its_jitter_and_maximum() -> None:
    backoff = Backoff(first=0.1, factor=2.0, maximum=30.0, jitter=0.5)
    assert backoff.delay(1, 0.0) == 0.1
    assert backoff.delay(1, 1.0) == pytest.approx(0.05)
    assert backoff.delay(10_000, 0.0) == 30.0


class Restarts(Troupe):
    """Decides by what a table says of each child."""

    table: dict[Any, Decision]

    def decide(self, end: ChildEnd) -> Decision:
        return self.table.get(end.spec.id, Replace((end.spec.id,)))


def test_a_strategy_of_ones_own_is_one_pure_function(stage: Stage, journal: Journal) -> None:
    table = {"a": Replace(("a", "c")), "b": Leave(forget=True), "c": GiveUp()}
    supervisor = stage.spawn(troupe(Restarts, table=table), specs(journal, "a", "b", "c"), name="troupe")
    journal.clear()
    crash(stage, "/troupe/a")
    assert journal.has(("start", "c")) == [("stop", "c"), ("start", "a"), ("start", "c")]
    crash(stage, "/troupe/b")
    assert list(refs(stage, supervisor)) == ["a", "c"]
    stage.find("/troupe/c").tell(End(Normal()))
    assert stage.ended(supervisor) == Shutdown()


def test_a_strategy_sees_the_siblings_in_start_order(stage: Stage, journal: Journal) -> None:
    seen: list[list[Any]] = []

    class Curious(Troupe):
        def decide(self, end: ChildEnd) -> Decision:
            seen.append([end.spec.id, len(end.siblings), *(spec.id for spec in end.siblings), end.siblings[-1].id])
            return super().decide(end)

    stage.spawn(Curious, specs(journal, "b", "a"), name="troupe")
    crash(stage, "/troupe/b")
    journal.counts(("start", "b"), 2)
    assert seen == [["b", 2, "b", "a", "a"]]


def test_a_strategy_that_crashes_ends_the_supervisor_and_its_children(stage: Stage, journal: Journal) -> None:
    class Broken(Troupe):
        def decide(self, end: ChildEnd) -> Decision:
            raise RuntimeError("no idea")

    supervisor = stage.spawn(Broken, specs(journal, "a", "b"), name="troupe")
    crash(stage, "/troupe/a")
    assert stage.ended(supervisor) == Error("RuntimeError: no idea")
    journal.has(("stop", "b"))


def test_a_strategy_that_decides_nothing_says_what_it_should(stage: Stage, journal: Journal) -> None:
    class Undecided(Troupe):
        def decide(self, end: ChildEnd) -> Any:
            return None

    supervisor = stage.spawn(Undecided, specs(journal, "a"), name="troupe")
    crash(stage, "/troupe/a")
    assert stage.ended(supervisor) == Error("TypeError: decide() returns a Replace, a Leave or a GiveUp, not None")


def test_a_group_with_a_member_that_is_gone_goes_on_where_it_failed(stage: Stage, journal: Journal) -> None:
    table = {"a": Replace(("x", "a", "b", "c"))}
    children = [*specs(journal, "a"), spec(journal, "b", FailsLater, 1), *specs(journal, "c")]
    stage.spawn(troupe(Restarts, table=table), children, name="troupe")
    journal.clear()
    journal("start", "b")  # what FailsLater counts
    crash(stage, "/troupe/a")
    starts = [note for note in journal.has(("start", "c")) if note[0] != "stop"][1:]
    assert starts == [("start", "a"), ("failed", "b"), ("start", "b"), ("start", "c")]


def test_a_child_that_somebody_restarted_during_a_backoff_is_left_alone(stage: Stage, journal: Journal) -> None:
    backoff = Backoff(first=0.05, jitter=0.0)
    children = [spec(journal, "a", backoff=backoff), spec(journal, "b")]
    supervisor = stage.spawn(troupe(strategy="one_for_all"), children, name="troupe")
    crash(stage, "/troupe/a")
    journal.has(("stop", "b"))
    early = stage.ask(supervisor, RestartChild("b"))
    journal.counts(("start", "a"), 2)
    assert refs(stage, supervisor)["b"] == early
    assert journal.notes.count(("start", "b")) == 2


def test_ends_that_come_during_a_restart_are_dealt_with_after_it(stage: Stage, journal: Journal) -> None:
    children = [*specs(journal, "a"), spec(journal, "b", StartsWhenTold)]
    started = stage.system.start(troupe(strategy="rest_for_one", intensity=5), children, name="troupe")

    def release() -> None:
        stage.find("/troupe/b").tell(Note("go on"))

    journal.has(("starting", "b"))
    release()
    supervisor = started.get(timeout=10)
    crash(stage, "/troupe/a")
    journal.counts(("starting", "b"), 2)
    crash(stage, "/troupe/a")  # while b is being restarted
    release()
    journal.counts(("starting", "b"), 3)
    release()
    stage.ask(supervisor, StartChild(spec(journal, "last")))
    assert None not in refs(stage, supervisor).values()
    assert journal.notes.count(("start", "a")) == 3


def test_each_restart_is_told_with_its_reason(stage: Stage, journal: Journal) -> None:
    supervisor = stage.spawn(Troupe, specs(journal, "a"), name="troupe")
    restarts = stage.record(ChildRestarted)
    crash(stage, "/troupe/a")
    restarts.until(lambda notes: len(notes) == 1)
    assert restarts.notes == [
        ChildRestarted(supervisor, "a", stage.find("/troupe/a"), Error("Oops: as told")),
    ]


def test_an_end_of_somebody_elses_child_changes_nothing(stage: Stage, journal: Journal) -> None:
    supervisor = stage.spawn(Troupe, specs(journal, "a"), name="troupe")
    stranger = stage.spawn(Child, journal, "stranger")
    supervisor.tell(ChildExited(stranger, Error("not yours")))
    assert stage.ask(supervisor, CountChildren()).active == 1
