"""What an administrator can ask of a supervisor: properties 29 to 39."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.actors import (
    ActorDead,
    AlreadyPresent,
    AlreadyStarted,
    BadSpec,
    ChildCounts,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    ChildSpec,
    ChildStartError,
    CountChildren,
    DeleteChild,
    Error,
    Message,
    Ref,
    RestartChild,
    StartChild,
    SupervisorError,
    TerminateChild,
    WhichChildren,
)

from .children import (
    Crash,
    DynamicTroupe,
    End,
    FailsLater,
    FailsToStart,
    Ignores,
    Note,
    StartsWhenTold,
    Troupe,
    spec,
    specs,
    troupe,
)
from .stage import Journal, Stage

IDLE, RUNNING, RESTARTING, UNKNOWN = "idle", "running", "restarting", "unknown"


def in_state(stage: Stage, state: str) -> Ref[Any]:
    """Return a supervisor whose child "a" is in `state`."""
    journal = stage.journal
    children = [] if state == UNKNOWN else [spec(journal, "a", FailsLater, 1_000_000)]
    supervisor = stage.spawn(troupe(intensity=1_000_000), children, name="troupe")
    if state == IDLE:
        stage.ask(supervisor, TerminateChild("a"))
    if state == RESTARTING:
        stage.find("/troupe/a").tell(Crash())
        journal.counts(("failed", "a"), 3)
    return supervisor


@pytest.mark.parametrize(
    ("state", "error"),
    [(RUNNING, AlreadyStarted), (IDLE, AlreadyPresent)],
)
def test_a_child_is_not_added_twice(stage: Stage, journal: Journal, state: str, error: type[SupervisorError]) -> None:
    """Properties 29 and 30."""
    supervisor = in_state(stage, state)
    with pytest.raises(error) as refused:
        stage.ask(supervisor, StartChild(spec(journal, "a")))
    if isinstance(refused.value, AlreadyStarted):
        assert refused.value.ref == stage.find("/troupe/a")
    assert stage.ask(supervisor, CountChildren()).specs == 1


@pytest.mark.parametrize(("restart", "kept"), [("permanent", 1), ("transient", 1), ("temporary", 0)])
def test_a_terminated_child_keeps_its_spec_unless_it_is_temporary(
    stage: Stage, journal: Journal, restart: str, kept: int
) -> None:
    """Property 31."""
    supervisor = stage.spawn(Troupe, specs(journal, "a", restart=restart))
    stage.ask(supervisor, TerminateChild("a"))
    assert journal.notes == [("start", "a"), ("stop", "a")]
    assert stage.ask(supervisor, CountChildren()) == ChildCounts(kept, 0, 0, kept)


def test_a_child_may_be_terminated_twice(stage: Stage, journal: Journal) -> None:
    """Property 32."""
    supervisor = stage.spawn(Troupe, specs(journal, "a"))
    stage.ask(supervisor, TerminateChild("a"))
    stage.ask(supervisor, TerminateChild("a"))
    assert journal.notes == [("start", "a"), ("stop", "a")]


@pytest.mark.parametrize("request_of", [RestartChild, DeleteChild])
@pytest.mark.parametrize(
    ("state", "error"), [(RUNNING, ChildRunning), (RESTARTING, ChildRestarting), (UNKNOWN, ChildNotFound)]
)
def test_only_a_terminated_child_is_restarted_or_deleted(
    stage: Stage, request_of: type[Message[Any, Any]], state: str, error: type[SupervisorError]
) -> None:
    """Properties 33 and 34."""
    supervisor = in_state(stage, state)
    with pytest.raises(error, match="'a'"):
        stage.ask(supervisor, request_of("a"))  # type: ignore[call-arg]
    assert supervisor.is_alive()


def test_a_terminated_child_can_be_restarted_and_deleted(stage: Stage, journal: Journal) -> None:
    """Properties 33 and 34."""
    supervisor = in_state(stage, IDLE)
    stage.ask(supervisor, DeleteChild("a"))
    assert stage.ask(supervisor, WhichChildren()) == []
    first = stage.ask(supervisor, StartChild(spec(journal, "b")))
    stage.ask(supervisor, TerminateChild("b"))
    second = stage.ask(supervisor, RestartChild("b"))
    assert (first.path, first.is_alive()) == (second.path, False)
    assert second == stage.find("/troupe/b")


def test_a_child_to_be_terminated_must_be_known(stage: Stage) -> None:
    with pytest.raises(ChildNotFound, match="/troupe has no child 'a'"):
        stage.ask(in_state(stage, UNKNOWN), TerminateChild("a"))


def test_a_child_whose_restart_is_under_way_can_be_terminated(stage: Stage, journal: Journal) -> None:
    supervisor = in_state(stage, RESTARTING)
    stage.ask(supervisor, TerminateChild("a"))
    (child,) = stage.ask(supervisor, WhichChildren())
    assert (child.ref, child.restarting) == (None, False)
    stage.ask(supervisor, DeleteChild("a"))


def test_a_child_that_cannot_be_added_leaves_no_spec(stage: Stage, journal: Journal) -> None:
    """Property 35."""
    supervisor = stage.spawn(Troupe)
    with pytest.raises(ChildStartError, match="child 'a' did not start: Oops: start") as failed:
        stage.ask(supervisor, StartChild(spec(journal, "a", FailsToStart)))
    assert failed.value.reason == Error("Oops: start")
    assert stage.ask(supervisor, WhichChildren()) == []


def test_a_child_that_cannot_be_restarted_keeps_its_spec(stage: Stage, journal: Journal) -> None:
    """Property 35."""
    supervisor = in_state(stage, IDLE)
    with pytest.raises(ChildStartError, match="attempt 1"):
        stage.ask(supervisor, RestartChild("a"))
    (child,) = stage.ask(supervisor, WhichChildren())
    assert (child.id, child.ref, child.restarting) == ("a", None, False)


def test_a_dynamic_supervisor_forgets_a_child_that_was_terminated(stage: Stage, journal: Journal) -> None:
    """Property 36, as Elixir's dynamic supervisor has it: there is nothing to restart or to delete."""
    supervisor = stage.spawn(DynamicTroupe)
    stage.ask(supervisor, StartChild(spec(journal, "a")))
    stage.ask(supervisor, TerminateChild("a"))
    for request in (RestartChild("a"), DeleteChild("a"), TerminateChild("a")):
        with pytest.raises(ChildNotFound):
            stage.ask(supervisor, request)


def test_a_dynamic_supervisor_forgets_a_child_that_ended_for_good(stage: Stage, journal: Journal) -> None:
    """Property 36."""
    supervisor = stage.spawn(DynamicTroupe)
    child = stage.ask(supervisor, StartChild(spec(journal, "a", restart="transient")))
    stage.ask(supervisor, StartChild(spec(journal, "b", restart="transient")))
    child.stop()
    journal.has(("stop", "a"))
    stage.ask(supervisor, TerminateChild("b"))
    assert stage.ask(supervisor, WhichChildren()) == []


def test_which_children_and_count_children_agree_in_every_state(stage: Stage, journal: Journal) -> None:
    """Property 37."""
    children = [
        spec(journal, "running"),
        spec(journal, "ignored", Ignores),
        spec(journal, "finished", restart="transient"),
        spec(journal, "terminated"),
        spec(journal, "restarting", FailsLater, 1_000_000),
        ChildSpec("supervisor", Troupe),
    ]
    supervisor = stage.spawn(troupe(intensity=1_000_000), children, name="troupe")
    stage.ask(supervisor, TerminateChild("terminated"))
    finished = stage.find("/troupe/finished")
    finished.stop()
    stage.find("/troupe/restarting").tell(Crash())
    journal.counts(("failed", "restarting"), 3)
    infos = {child.id: child for child in stage.ask(supervisor, WhichChildren())}
    assert list(infos) == [child.id for child in children]
    running = [child.id for child in infos.values() if child.ref is not None]
    assert set(running) - {"restarting"} == {"running", "supervisor"}
    assert [child.id for child in infos.values() if child.restarting] == ["restarting"]
    counts = stage.ask(supervisor, CountChildren())
    assert (counts.specs, counts.supervisors, counts.workers) == (6, 1, 5)
    assert counts.active in (2, 3)  # its next attempt may be under way


@pytest.mark.parametrize(
    "request_of",
    [
        lambda journal: StartChild(spec(journal, "a")),
        lambda journal: TerminateChild("a"),
        lambda journal: RestartChild("a"),
        lambda journal: DeleteChild("a"),
        lambda journal: WhichChildren(),
        lambda journal: CountChildren(),
    ],
    ids=["start", "terminate", "restart", "delete", "which", "count"],
)
def test_what_is_asked_of_a_dead_supervisor_fails_at_once(stage: Stage, journal: Journal, request_of: Any) -> None:
    """Property 38."""
    supervisor = stage.spawn(Troupe)
    supervisor.stop()
    with pytest.raises(ActorDead, match="shutdown"):
        stage.ask(supervisor, request_of(journal))


@pytest.mark.parametrize("kind", ["kill", "stop"])
def test_what_was_asked_of_a_supervisor_that_ends_fails_then(stage: Stage, journal: Journal, kind: str) -> None:
    """Property 38, for a request whose answer is under way."""
    supervisor = stage.spawn(Troupe)
    late = supervisor.ask(StartChild(spec(journal, "a", StartsWhenTold)), block=False)
    journal.has(("starting", "a"))
    if kind == "kill":
        supervisor.kill()
    else:
        supervisor.stop(block=False)
    with pytest.raises(ActorDead):
        late.get(timeout=10)


def test_what_a_child_says_at_its_start_is_passed_on(stage: Stage, journal: Journal) -> None:
    """Property 39."""
    supervisor = stage.spawn(Troupe, name="troupe")
    added = supervisor.ask(StartChild(spec(journal, "a", StartsWhenTold)), block=False)
    journal.has(("starting", "a"))
    stage.find("/troupe/a").tell(Note("port 5672"))
    assert added.get(timeout=10) == stage.find("/troupe/a")
    assert [child.info for child in stage.ask(supervisor, WhichChildren())] == ["port 5672"]


def test_requests_are_carried_out_in_the_order_in_which_they_came(stage: Stage, journal: Journal) -> None:
    supervisor = stage.spawn(Troupe, name="troupe")
    slow = supervisor.ask(StartChild(spec(journal, "slow", StartsWhenTold)), block=False)
    journal.has(("starting", "slow"))
    behind = [
        supervisor.ask(request, block=False)
        for request in (StartChild(spec(journal, "a")), TerminateChild("a"), RestartChild("a"), TerminateChild("slow"))
    ]
    assert not any(answer.done() for answer in behind)
    stage.find("/troupe/slow").tell(Note("go on"))
    for answer in (slow, *behind):
        answer.get(timeout=10)
    assert journal.notes[1:] == [("start", "slow"), ("start", "a"), ("stop", "a"), ("start", "a"), ("stop", "slow")]


@pytest.mark.parametrize("bad", ["child", None, 7])
def test_a_request_that_makes_no_sense_is_refused_and_harms_nobody(stage: Stage, journal: Journal, bad: Any) -> None:
    supervisor = stage.spawn(Troupe, specs(journal, "a"))
    with pytest.raises(BadSpec, match="described by a ChildSpec"):
        stage.ask(supervisor, StartChild(bad))
    with pytest.raises(BadSpec, match="'b' is to start after 'x'"):
        stage.ask(supervisor, StartChild(spec(journal, "b", after=("x",))))
    with pytest.raises(ChildNotFound, match=r"no child \[\]"):
        stage.ask(supervisor, TerminateChild([]))  # type: ignore[arg-type]
    assert stage.ask(supervisor, CountChildren()).active == 1


def test_a_child_that_ended_while_its_termination_was_asked_for_is_not_restarted(
    stage: Stage, journal: Journal
) -> None:
    supervisor = stage.spawn(Troupe, specs(journal, "a"), name="troupe")
    stage.find("/troupe/a").tell(Crash())
    stage.ask(supervisor, TerminateChild("a"))
    (child,) = stage.ask(supervisor, WhichChildren())
    assert child.ref is None
    assert stage.system.find("/troupe/a") is None


@pytest.mark.parametrize("stage", ["shared", "simulated"], indirect=True)
def test_many_ends_behind_one_slow_start_are_dealt_with_one_after_the_other(stage: Stage, journal: Journal) -> None:
    supervisor = stage.spawn(Troupe, specs(journal, *map(str, range(500)), restart="temporary"), name="troupe")
    slow = supervisor.ask(StartChild(spec(journal, "slow", StartsWhenTold)), block=False)
    journal.has(("starting", "slow"))
    for child in stage.ask(supervisor, WhichChildren()):
        if child.ref is not None and child.id != "slow":
            child.ref.tell(End(Error("all at once")))
    stage.find("/troupe/slow").tell(Note("go on"))
    slow.get(timeout=10)
    stage.ask(supervisor, TerminateChild("slow"))
    assert stage.ask(supervisor, CountChildren()).active == 0
