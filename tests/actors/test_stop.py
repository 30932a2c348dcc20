"""How supervisors stop their children: properties 17 to 28."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.actors import (
    ActorDead,
    ActorStopped,
    Backoff,
    ChildSpec,
    ChildStopFailed,
    CountChildren,
    Deferred,
    Down,
    Error,
    ExitReason,
    Killed,
    Normal,
    Shutdown,
    StartChild,
    StartFailed,
    on,
)

from .children import (
    Child,
    Crash,
    DynamicTroupe,
    End,
    FailsLater,
    FailsToStop,
    NeverStarts,
    NeverStops,
    Run,
    StopsAfter,
    Troupe,
    spec,
    specs,
    troupe,
)
from .stage import Journal, Stage, in_simulation

BRIEF = 0.05
"""Seconds within which a child that never stops is to stop."""


def ends(stage: Stage) -> Journal:
    """Return a journal of (path, reason) of every end."""
    journal = Journal()
    stage.on_end(lambda event: journal(event.ref.path, event.reason))
    return journal


def test_a_worker_may_have_all_the_time_in_the_world(stage: Stage, journal: Journal) -> None:
    """Property 17."""
    seconds = 86_400.0 if stage.kind == "simulated" else BRIEF
    supervisor = stage.spawn(Troupe, [spec(journal, "a", StopsAfter, seconds, shutdown="infinity")], name="troupe")
    seen = ends(stage)
    supervisor.stop(timeout=2 * 86_400.0)
    assert seen.notes == [("/troupe/a", Shutdown()), ("/troupe", Shutdown())]


def test_a_child_that_stops_too_slowly_is_killed_and_the_others_are_not(stage: Stage, journal: Journal) -> None:
    """Property 18."""
    children = [*specs(journal, "a"), spec(journal, "b", NeverStops, shutdown=BRIEF), *specs(journal, "c")]
    supervisor = stage.spawn(Troupe, children, name="troupe")
    seen, reports = ends(stage), stage.record(ChildStopFailed)
    supervisor.stop()
    assert seen.notes == [
        ("/troupe/c", Shutdown()),
        ("/troupe/b", Killed()),
        ("/troupe/a", Shutdown()),
        ("/troupe", Shutdown()),
    ]
    assert [(report.child_id, report.reason) for report in reports.notes] == [("b", Killed())]


@in_simulation
def test_a_child_is_killed_when_its_time_is_up_and_not_before(stage: Stage, journal: Journal) -> None:
    """Property 18, by the clock."""
    supervisor = stage.spawn(Troupe, [spec(journal, "a", NeverStops), spec(journal, "b", NeverStops, shutdown=7.0)])
    before = stage.system.clock.now()
    supervisor.stop()
    assert stage.system.clock.now() - before == 5.0 + 7.0


def test_a_child_for_brutal_kill_is_killed_at_once(stage: Stage, journal: Journal) -> None:
    """Property 19: its `on_stop` does not run."""
    supervisor = stage.spawn(Troupe, [spec(journal, "a", shutdown="brutal_kill")], name="troupe")
    seen, reports = ends(stage), stage.record(ChildStopFailed)
    supervisor.stop()
    assert seen.notes == [("/troupe/a", Killed()), ("/troupe", Shutdown())]
    assert journal.notes == [("start", "a")]
    assert reports.notes == []


@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_children_stop_in_reverse_order(stage: Stage, journal: Journal, strategy: str) -> None:
    """Property 20."""
    supervisor = stage.spawn(troupe(strategy=strategy), specs(journal, "b", "c", "a"))
    journal.clear()
    supervisor.stop()
    assert journal.notes == [("stop", "a"), ("stop", "c"), ("stop", "b")]


def test_dynamic_children_stop_all_at_once(stage: Stage, journal: Journal) -> None:
    """Property 21: each is told to stop before the first has ended."""
    supervisor = stage.spawn(DynamicTroupe)
    for name in "abc":
        stage.ask(supervisor, StartChild(spec(journal, name, NeverStops, shutdown=BRIEF)))
    stage.on_end(lambda event: journal("ended"))
    supervisor.stop()
    told = [journal.notes.index(("stopping", name)) for name in "abc"]
    assert max(told) < journal.notes.index("ended")


@in_simulation
def test_dynamic_children_take_as_long_to_stop_as_the_slowest(stage: Stage, journal: Journal) -> None:
    """Property 21, by the clock."""
    supervisor = stage.spawn(DynamicTroupe)
    for seconds in (1.0, 3.0, 2.0):
        stage.ask(supervisor, StartChild(spec(journal, str(seconds), StopsAfter, seconds)))
    before = stage.system.clock.now()
    supervisor.stop()
    assert stage.system.clock.now() - before == 3.0


def test_only_the_late_ones_of_dynamic_children_are_killed(stage: Stage, journal: Journal) -> None:
    """Property 22."""
    supervisor = stage.spawn(DynamicTroupe, name="troupe")
    for child in (spec(journal, "late", NeverStops, shutdown=BRIEF), *specs(journal, "a", "b")):
        stage.ask(supervisor, StartChild(child))
    seen = ends(stage)
    supervisor.stop()
    assert sorted(seen.notes[:3], key=str) == [
        ("/troupe/a", Shutdown()),
        ("/troupe/b", Shutdown()),
        ("/troupe/late", Killed()),
    ]


class EndsAnother(Child):
    """Stops when a sibling has ended for `reason`."""

    def __init__(self, journal: Journal, name: str, sibling: str, reason: ExitReason | None) -> None:
        super().__init__(journal, name)
        self.sibling = sibling
        self.reason = reason

    def on_stop(self) -> Deferred:
        sibling = self.system.find(f"{self.path.rpartition('/')[0]}/{self.sibling}")
        assert sibling is not None
        self.monitor(sibling)
        sibling.tell(End(self.reason) if self.reason else Crash())
        return Deferred.LATER

    @on(Down)
    def down(self, _: Down) -> None:
        self.stopped()


@pytest.mark.parametrize("restart", ["permanent", "transient", "temporary"])
@pytest.mark.parametrize("reason", [Normal(), Shutdown("detail"), None], ids=["normal", "shutdown", "error"])
@pytest.mark.parametrize("strategy", ["one_for_one", "one_for_all", "rest_for_one"])
def test_a_child_that_ends_by_itself_during_the_stop_keeps_its_reason(
    stage: Stage, journal: Journal, restart: str, reason: ExitReason | None, strategy: str
) -> None:
    """Property 23: nothing is restarted, and the supervisor ends with shutdown."""
    children = [spec(journal, "a", restart=restart), spec(journal, "b", EndsAnother, "a", reason)]
    supervisor = stage.spawn(troupe(strategy=strategy), children, name="troupe")
    seen = ends(stage)
    supervisor.stop()
    assert seen.notes == [
        ("/troupe/a", reason or Error("Oops: as told")),
        ("/troupe/b", Shutdown()),
        ("/troupe", Shutdown()),
    ]
    assert journal.notes.count(("start", "a")) == 1


def test_a_child_that_unlinked_itself_cannot_hang_the_stop(stage: Stage, journal: Journal) -> None:
    """Property 24."""
    supervisor = stage.spawn(Troupe, specs(journal, "a"), name="troupe")
    stage.ask(stage.find("/troupe/a"), Run(lambda child: child.unlink(supervisor)))
    supervisor.stop()
    assert journal.notes == [("start", "a"), ("stop", "a")]


def test_a_child_that_crashes_while_it_stops_is_reported_and_the_stop_goes_on(stage: Stage, journal: Journal) -> None:
    """Property 25."""
    supervisor = stage.spawn(Troupe, [*specs(journal, "a"), spec(journal, "b", FailsToStop)], name="troupe")
    seen, reports = ends(stage), stage.record(ChildStopFailed)
    supervisor.stop()
    crash = Error("Oops: stop")
    assert seen.notes == [("/troupe/b", crash), ("/troupe/a", Shutdown()), ("/troupe", Shutdown())]
    assert [(report.child_id, report.reason) for report in reports.notes] == [("b", crash)]


@pytest.mark.parametrize("kind", ["one_for_one", "one_for_all", "rest_for_one", "dynamic"])
def test_a_stop_during_a_restart_loop_returns_promptly(stage: Stage, journal: Journal, kind: str) -> None:
    """Property 26."""
    dynamic = kind == "dynamic"
    flags: dict[str, Any] = {"intensity": 1_000_000} if dynamic else {"intensity": 1_000_000, "strategy": kind}
    looping = spec(journal, "b", FailsLater, 1_000_000)
    supervisor = stage.spawn(troupe(DynamicTroupe if dynamic else Troupe, **flags), [*specs(journal, "a"), looping])
    stage.find("/$1/b").tell(Crash())
    journal.counts(("failed", "b"), 5)
    assert stage.ask(supervisor, CountChildren()).specs == 2
    supervisor.stop()
    assert supervisor.reason == Shutdown()
    assert journal.notes.count(("stop", "a")) == journal.notes.count(("start", "a"))


def test_a_stop_while_a_restart_waits_returns_promptly(stage: Stage, journal: Journal) -> None:
    """Property 26, with backoff."""
    supervisor = stage.spawn(Troupe, [spec(journal, "a", backoff=Backoff(first=3600.0, maximum=3600.0))])
    child = stage.find("/$1/a")
    child.tell(Crash())
    assert stage.ended(child) == Error("Oops: as told")
    supervisor.stop()
    assert journal.notes == [("start", "a")]


def test_a_stop_during_a_start_that_never_ends_kills_that_start(stage: Stage, journal: Journal) -> None:
    """Property 26, for the first start: the starter is told."""
    children = [*specs(journal, "a"), spec(journal, "b", NeverStarts, shutdown=BRIEF)]
    started = stage.system.start(Troupe, children, name="troupe")
    journal.has(("starting", "b"))
    stage.find("/troupe").stop()
    with pytest.raises(StartFailed, match="shutdown"):
        started.get(timeout=10)
    assert journal.notes == [("start", "a"), ("starting", "b"), ("stop", "b"), ("stop", "a")]


def test_a_stop_may_be_asked_for_any_number_of_times(stage: Stage, journal: Journal) -> None:
    """Property 27: also at the same time."""
    supervisor = stage.spawn(Troupe, specs(journal, "a", "b"))
    stops = [supervisor.stop(block=False) for _ in range(5)]
    assert all(stop.get(timeout=10) is not None for stop in stops)
    assert supervisor.stop() is False
    assert journal.notes[2:] == [("stop", "b"), ("stop", "a")]


def test_a_supervisor_finishes_its_subtree_before_its_sibling_is_stopped(stage: Stage, journal: Journal) -> None:
    """Property 28."""
    seconds = 3600.0 if stage.kind == "simulated" else BRIEF
    slow = [spec(journal, "deep", StopsAfter, seconds, shutdown="infinity")]
    children = [*specs(journal, "a"), ChildSpec("inner", Troupe, (slow,)), *specs(journal, "z")]
    supervisor = stage.spawn(Troupe, children, name="troupe")
    seen = ends(stage)
    supervisor.stop(timeout=2 * 3600.0)
    assert [path for path, _ in seen.notes] == [
        "/troupe/z",
        "/troupe/inner/deep",
        "/troupe/inner",
        "/troupe/a",
        "/troupe",
    ]


def test_what_is_asked_of_a_stopping_supervisor_fails_when_it_has_stopped(stage: Stage, journal: Journal) -> None:
    supervisor = stage.spawn(Troupe, [spec(journal, "a", NeverStops, shutdown=BRIEF)])
    stopped = supervisor.stop(block=False)
    journal.has(("stopping", "a"))
    late = supervisor.ask(StartChild(spec(journal, "late")), block=False)
    stopped.get(timeout=10)
    with pytest.raises(ActorDead, match="shutdown"):
        late.get(timeout=10)
    assert ("start", "late") not in journal.notes


def test_nothing_is_left_of_a_tree_that_was_stopped(stage: Stage, journal: Journal) -> None:
    before = stage.system.paths()
    seen = stage.record(ActorStopped)
    supervisor = stage.spawn(Troupe, [*specs(journal, "a"), ChildSpec("inner", Troupe, (specs(journal, "b"),))])
    supervisor.stop()
    assert stage.system.paths() == before
    assert len(seen.notes) == 4
