"""A system seen from outside, and its actors restarted and stopped by path."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from understudy.actors import (
    ActorCrashed,
    ActorDead,
    ActorView,
    Backoff,
    Bound,
    Budget,
    ChildNotFound,
    ChildRestarting,
    ChildSpec,
    CountChildren,
    Error,
    NotSupervised,
    Ref,
    Snapshot,
    Supervisor,
    System,
    TerminateChild,
    restart_actor,
    stop_actor,
)
from understudy.actors.observing.chronicle import KEPT
from understudy.actors.supervision.decisions import Replace

from .children import Child, Crash, Note, Oops, Run, StartsWhenTold, Troupe, spec, specs, troupe
from .stage import PATIENCE, Journal, Stage, in_simulation, on_a_thread_each

MODULE = "tests.actors.children"


def cast(stage: Stage, *children: ChildSpec, **flags: Any) -> Ref[Any]:
    return stage.spawn(troupe(**flags), children, name="troupe")


def crash(stage: Stage, path: str) -> None:
    """Have the actor at `path` crash, and wait until its supervisor has seen to it."""
    events = stage.record(ActorCrashed)
    stage.find(path).tell(Crash())
    events.until(lambda notes: len(notes) == 1)
    stage.ask(stage.find(path.rpartition("/")[0]), CountChildren())


def view(stage: Stage, path: str) -> ActorView:
    found = stage.system.observe().find(path)
    assert found is not None
    return found


def test_all_actors_are_seen_in_the_order_of_the_tree(stage: Stage, journal: Journal) -> None:
    inner = ChildSpec("inner", troupe(), (specs(journal, "x", "y"),))
    cast(stage, spec(journal, "a"), inner, spec(journal, "b"))
    stage.spawn(Child, journal, name="other")
    snapshot = stage.system.observe()
    paths = ["/troupe", "/troupe/a", "/troupe/inner", "/troupe/inner/x", "/troupe/inner/y", "/troupe/b", "/other"]
    assert [each.path for each in snapshot] == paths
    assert len(snapshot) == 7
    assert snapshot.find("/troupe/a") == ActorView(
        "/troupe/a", stage.find("/troupe/a").uid, f"{MODULE}.Child", "running"
    )
    assert snapshot.find("/nobody") is None
    assert [each.name for each in snapshot.below("/troupe/inner")] == ["inner", "x", "y"]


def test_a_supervisors_restarts_are_seen_against_its_budget(stage: Stage, journal: Journal) -> None:
    cast(stage, spec(journal, "a"), intensity=7, period=60.0, strategy="one_for_all")
    for starts in (2, 3):
        crash(stage, "/troupe/a")
        journal.counts(("start", "a"), starts)
    stage.ask(stage.find("/troupe"), CountChildren())
    assert view(stage, "/troupe").budget == Budget("one_for_all", 7, 60.0, 2)
    assert (view(stage, "/troupe/a").restarts, view(stage, "/troupe/a").budget) == (2, None)


@in_simulation
def test_a_budget_is_that_of_now(stage: Stage, journal: Journal) -> None:
    cast(stage, spec(journal, "a"), period=5.0)
    crash(stage, "/troupe/a")
    used = []
    for _ in range(2):
        budget = view(stage, "/troupe").budget
        assert budget is not None
        used.append(budget.used)
        stage.simulated.run(seconds=6.0)
    assert used == [1, 0]


def test_the_last_crash_is_seen_with_its_traceback(stage: Stage, journal: Journal) -> None:
    cast(stage, spec(journal, "a"))
    before = stage.system.clock.time()
    stage.find("/troupe/a").tell(Crash(Oops("first")))
    journal.counts(("start", "a"), 2)
    stage.find("/troupe/a").tell(Crash(ValueError("second")))
    journal.counts(("start", "a"), 3)
    seen = view(stage, "/troupe/a").crash
    assert seen is not None
    assert seen.reason == "ValueError: second"
    assert before <= seen.at <= stage.system.clock.time()
    assert "children.py" in seen.traceback
    assert "raise message.error or Oops" in seen.traceback
    assert seen.traceback.endswith("ValueError: second\n")


def test_a_crash_with_a_cause_is_seen_with_both(stage: Stage, journal: Journal) -> None:
    cast(stage, spec(journal, "a"))

    def fail(_: Any) -> None:
        try:
            {}["first"]
        except KeyError as error:
            error.add_note("a note")
            raise Oops("second") from error

    stage.find("/troupe/a").tell(Run(fail))
    journal.counts(("start", "a"), 2)
    seen = view(stage, "/troupe/a").crash
    assert seen is not None
    for line in ("KeyError: 'first'", "a note", "direct cause", "Oops: second", '{}["first"]'):
        assert line in seen.traceback


def test_what_does_not_run_is_seen_too(stage: Stage, journal: Journal) -> None:
    waits = spec(journal, "waits", backoff=Backoff(3600.0, maximum=3600.0))
    pauses = replace(waits, id="pauses", in_place=True)
    supervisor = cast(stage, waits, pauses, spec(journal, "ends"))
    crash(stage, "/troupe/waits")
    crash(stage, "/troupe/pauses")
    stage.ask(supervisor, TerminateChild("ends"))
    states = {each.name: each.state for each in stage.system.observe()}
    assert states == {"troupe": "running", "waits": "restarting", "pauses": "suspended", "ends": "stopped"}
    crashed = view(stage, "/troupe/waits").crash
    assert crashed is not None
    assert crashed.reason == "Oops: as told"


def test_a_system_is_seen_while_it_starts(stage: Stage, journal: Journal) -> None:
    started = stage.system.start(Troupe, [spec(journal, "a"), spec(journal, "b", StartsWhenTold)], name="troupe")
    journal.has(("starting", "b"))
    states = [(each.path, each.state) for each in stage.system.observe()]
    expected = [("/troupe", "starting"), ("/troupe/a", "running"), ("/troupe/b", "starting")]
    assert [each for each in states if "$" not in each[0]] == expected
    stage.find("/troupe/b").tell(Note("go on"))
    started.get(timeout=PATIENCE)


@in_simulation
def test_mailboxes_are_seen_with_how_long_the_first_message_has_waited(stage: Stage, journal: Journal) -> None:
    class Small(Child):
        mailbox = Bound(2, "drop_new")

    cast(stage, spec(journal, "a", Small, in_place=True, backoff=Backoff(3600.0, maximum=3600.0)))
    crash(stage, "/troupe/a")
    child = stage.find("/troupe/a")
    for number in range(5):
        child.tell(Note(number))
    assert view(stage, "/troupe/a").waiting_for == 0.0
    stage.simulated.run(seconds=30.0)
    seen = view(stage, "/troupe/a")
    assert (seen.waiting, seen.waiting_for, seen.capacity, seen.dropped) == (2, 30.0, 2, 3)
    child.kill()
    stage.simulated.run(seconds=1.0)
    again = view(stage, "/troupe/a")
    assert (again.waiting, again.waiting_for) == (0, 0.0)


def test_an_actor_is_seen_while_it_works_and_where_it_is(stage: Stage, journal: Journal) -> None:
    child = stage.spawn(Child, journal, name="child")

    def look_from_inside(_: Any) -> ActorView:
        return view(stage, "/child")

    seen = stage.ask(child, Run(look_from_inside))
    assert seen.working
    assert seen.stack is None or "look_from_inside" in seen.stack
    stage.ask(child, Run(lambda _: None))


@on_a_thread_each
def test_an_actor_that_hangs_is_seen_with_its_stack(stage: Stage, journal: Journal) -> None:
    child = stage.spawn(Child, journal, name="child")
    entered, leave = threading.Event(), threading.Event()

    def hang_here(_: Any) -> None:
        entered.set()
        leave.wait(PATIENCE)

    child.tell(Run(hang_here))
    child.tell(Note("behind it"))
    assert entered.wait(PATIENCE)
    seen = view(stage, "/child")
    leave.set()
    assert (seen.state, seen.working, seen.waiting) == ("running", True, 1)
    assert seen.stack is not None
    assert "leave.wait(PATIENCE)" in seen.stack


def test_a_snapshot_reads_as_a_tree(stage: Stage, journal: Journal) -> None:
    inner = ChildSpec("inner", troupe(strategy="rest_for_one"), (specs(journal, "x"),))
    cast(stage, spec(journal, "a"), inner, spec(journal, "b"))
    crash(stage, "/troupe/a")
    journal.counts(("start", "a"), 2)
    stage.ask(stage.find("/troupe"), CountChildren())
    assert str(stage.system.observe()).splitlines() == [
        "troupe    running, one_for_one 1/3 in 5 s",
        "├─ a      running, restarted 1 time, last crash: Oops: as told",
        "├─ inner  running, rest_for_one 0/3 in 5 s",
        "│  └─ x   running",
        "└─ b      running",
    ]
    assert str(Snapshot("empty", 0.0, ())) == ""


def test_as_many_crashes_are_remembered_and_no_more(stage: Stage, journal: Journal) -> None:
    crowd = [spec(journal, f"c{number}", restart="temporary") for number in range(KEPT + 5)]
    stage.spawn(Troupe, crowd, name="troupe")
    for number in range(KEPT + 5):
        event = ActorCrashed(stage.find(f"/troupe/c{number}"), Error.of(Oops(str(number))))
        stage.system.events.publish(event)
    remembered = [stage.system.chronicle.crash(f"/troupe/c{number}") is not None for number in range(KEPT + 5)]
    assert remembered == [False] * 5 + [True] * KEPT


# -- by path -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kill", [False, True])
@pytest.mark.parametrize("restart", ["permanent", "transient"])
def test_an_actor_is_restarted_by_its_path_in_order_or_at_once(
    stage: Stage, journal: Journal, kill: bool, restart: str
) -> None:
    cast(stage, spec(journal, "a", restart=restart), spec(journal, "b"))
    first, other = stage.find("/troupe/a"), stage.find("/troupe/b")
    second = restart_actor(stage.system, "/troupe/a", kill=kill).get(timeout=PATIENCE)
    assert second not in (first, None)
    assert (first.is_alive(), other.is_alive()) == (False, True)
    assert (("stop", "a") in journal.notes) is not kill
    stage.ask(stage.find("/troupe"), CountChildren())
    budget = view(stage, "/troupe").budget
    assert budget is not None
    assert budget.used == 1


def test_a_restart_by_path_takes_along_whom_the_strategy_says(stage: Stage, journal: Journal) -> None:
    cast(stage, *specs(journal, "a", "b", "c"), strategy="rest_for_one")
    restart_actor(stage.system, "/troupe/b").get(timeout=PATIENCE)
    journal.counts(("start", "c"), 2)
    assert journal.notes[3:] == [("stop", "b"), ("stop", "c"), ("start", "b"), ("start", "c")]


def test_a_whole_supervisor_is_restarted_by_its_path(stage: Stage, journal: Journal) -> None:
    cast(stage, ChildSpec("inner", troupe(), (specs(journal, "x", "y"),)))
    restart_actor(stage.system, "/troupe/inner").get(timeout=PATIENCE)
    starts, stops = [("start", "x"), ("start", "y")], [("stop", "y"), ("stop", "x")]
    assert journal.notes == [*starts, *stops, *starts]


def test_a_restart_that_exceeds_the_intensity_is_answered_by_the_one_who_comes_after_all(
    stage: Stage, journal: Journal
) -> None:
    cast(stage, ChildSpec("inner", troupe(intensity=0), (specs(journal, "x"),)))
    first = stage.find("/troupe/inner/x")
    second = restart_actor(stage.system, "/troupe/inner/x").get(timeout=PATIENCE)
    assert second == stage.find("/troupe/inner/x")
    assert second != first


def test_an_actor_that_was_stopped_by_its_path_stays_so_until_it_is_restarted(stage: Stage, journal: Journal) -> None:
    cast(stage, *specs(journal, "a", "b"))
    stop_actor(stage.system, "/troupe/a").get(timeout=PATIENCE)
    assert (view(stage, "/troupe/a").state, view(stage, "/troupe/b").state) == ("stopped", "running")
    stop_actor(stage.system, "/troupe/a").get(timeout=PATIENCE)
    second = restart_actor(stage.system, "/troupe/a").get(timeout=PATIENCE)
    assert second == stage.find("/troupe/a")
    budget = view(stage, "/troupe").budget
    assert budget is not None
    assert budget.used == 0


def test_an_actor_without_a_supervisor_can_be_stopped_and_not_restarted(stage: Stage, journal: Journal) -> None:
    alone = stage.spawn(Child, journal, name="alone")
    with pytest.raises(NotSupervised, match="/alone has no supervisor: nobody would start it again"):
        restart_actor(stage.system, "/alone").get(timeout=PATIENCE)
    stop_actor(stage.system, "/alone").get(timeout=PATIENCE)
    assert not alone.is_alive()


def test_a_path_at_which_nobody_is_gets_its_own_error(stage: Stage, journal: Journal) -> None:
    cast(stage, spec(journal, "t", restart="temporary"))
    for act in (restart_actor, stop_actor):
        for path in ("/nobody", "/nobody/else", ""):
            if (act, path) != (stop_actor, ""):
                with pytest.raises((ActorDead, NotSupervised)):
                    act(stage.system, path).get(timeout=PATIENCE)
        with pytest.raises(ChildNotFound, match="/troupe has no child 'x'"):
            act(stage.system, "/troupe/x").get(timeout=PATIENCE)
    with pytest.raises(NotSupervised, match="/troupe/t is temporary"):
        restart_actor(stage.system, "/troupe/t").get(timeout=PATIENCE)


def test_an_actor_that_is_about_to_be_restarted_is_left_alone(stage: Stage, journal: Journal) -> None:
    cast(stage, spec(journal, "a", backoff=Backoff(3600.0, maximum=3600.0)))
    crash(stage, "/troupe/a")
    with pytest.raises(ChildRestarting):
        restart_actor(stage.system, "/troupe/a").get(timeout=PATIENCE)


def test_a_supervisor_that_ends_answers_nobody_for_ever(stage: Stage, journal: Journal) -> None:
    class Ends(Supervisor):
        def decide(self, end: Any) -> Replace:
            raise Oops("no idea")

        def children(self) -> list[ChildSpec]:
            return [spec(journal, "a")]

    supervisor = stage.spawn(Ends, name="troupe")
    promise = restart_actor(stage.system, "/troupe/a")
    stage.ended(supervisor)
    with pytest.raises(ActorDead):
        promise.get(timeout=PATIENCE)


def test_a_system_without_actors_is_empty(stage: Stage) -> None:
    assert [each for each in stage.system.observe() if "$" not in each.path] == []
    assert isinstance(stage.system, System)
