"""How supervisors start their children: properties 1 to 16."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    ActorStarted,
    ActorStopped,
    AlreadyStarted,
    Backoff,
    BadIntensity,
    BadSpec,
    ChildCounts,
    ChildSpec,
    CountChildren,
    Error,
    FailedStart,
    IgnoreStart,
    Restart,
    Shutdown,
    StartChild,
    StartFailed,
    Strategy,
    Supervisor,
    UnknownStrategy,
    WhichChildren,
)

from .children import (
    Child,
    DynamicTroupe,
    FailsInInit,
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


def test_an_empty_supervisor_starts_and_stops_with_shutdown(stage: Stage) -> None:
    """Property 1."""
    supervisor = stage.spawn(Troupe)
    assert stage.ask(supervisor, WhichChildren()) == []
    supervisor.stop()
    assert supervisor.reason == Shutdown()


def test_a_supervisor_whose_start_is_ignored_leaves_nothing_behind(stage: Stage) -> None:
    """Property 2."""

    class Unneeded(Supervisor):
        def children(self) -> list[ChildSpec]:
            raise IgnoreStart

    before = stage.system.paths()
    with pytest.raises(StartFailed, match="chose not to run") as failed:
        stage.spawn(Unneeded)
    assert failed.value.reason is None
    assert stage.system.paths() == before


@pytest.mark.parametrize("bad", [[object()], ["child"], [ChildSpec("a", Child), None]])
def test_what_is_no_spec_fails_the_start_and_is_named(stage: Stage, bad: list[Any]) -> None:
    """Property 3."""
    with pytest.raises(StartFailed, match=r"described by a ChildSpec, not") as failed:
        stage.spawn(Troupe, bad)
    assert repr(bad[-1]) in str(failed.value)


@pytest.mark.parametrize("actor", [FailsInInit, FailsToStart])
def test_a_start_that_raises_fails_for_its_starter_and_for_nobody_else(
    stage: Stage, journal: Journal, actor: type[Actor]
) -> None:
    """Property 4."""
    bystander = stage.spawn(Child, journal, "bystander")
    with pytest.raises(StartFailed, match="Oops") as failed:
        stage.spawn(actor, journal)
    assert isinstance(failed.value.reason, Error)
    assert type(failed.value.__cause__).__name__ == "Oops"
    assert bystander.is_alive()


def test_children_start_in_the_order_of_the_list(stage: Stage, journal: Journal) -> None:
    """Property 5: ids are not sorted."""
    stage.spawn(Troupe, specs(journal, "c", "a", "b"))
    assert journal.notes == [("start", "c"), ("start", "a"), ("start", "b")]


def test_children_start_after_those_that_they_name(stage: Stage, journal: Journal) -> None:
    stage.spawn(Troupe, [spec(journal, "a", after=("c",)), spec(journal, "b"), spec(journal, "c")])
    assert journal.notes == [("start", "c"), ("start", "a"), ("start", "b")]


def test_a_child_starts_when_the_one_before_it_has_started(stage: Stage, journal: Journal) -> None:
    """Property 6."""
    started = stage.system.start(Troupe, [spec(journal, "a", StartsWhenTold), spec(journal, "b")], name="troupe")
    journal.has(("starting", "a"))
    supervisor = stage.find("/troupe")
    assert [child.ref is not None for child in stage.ask(supervisor, WhichChildren())] == [True, False]
    stage.find("/troupe/a").tell(Note("go on"))
    assert started.get(timeout=10) == supervisor
    assert journal.notes == [("starting", "a"), ("start", "a"), ("start", "b")]


def test_a_failing_child_stops_those_before_it_in_reverse_and_is_named(stage: Stage, journal: Journal) -> None:
    """Property 7: the starter gets the error, and none of the children is left."""
    ends = stage.record(ActorStopped)
    children = [*specs(journal, "a", "b"), spec(journal, "c", FailsToStart), *specs(journal, "d")]
    with pytest.raises(StartFailed, match="child 'c' did not start: Oops: start") as failed:
        stage.spawn(Troupe, children, name="troupe")
    assert failed.value.reason == Shutdown(FailedStart("c", Error("Oops: start")))
    assert journal.notes == [("start", "a"), ("start", "b"), ("stop", "b"), ("stop", "a")]
    assert [event.ref.path for event in ends.notes] == ["/troupe/c", "/troupe/b", "/troupe/a", "/troupe"]


def test_a_supervisor_tells_which_grandchild_failed_to_start(stage: Stage, journal: Journal) -> None:
    inner = ChildSpec("inner", Troupe, ([spec(journal, "deep", FailsToStart)],))
    with pytest.raises(StartFailed, match=r"child 'inner' did not start: shutdown .child 'deep' did not start: Oops"):
        stage.spawn(Troupe, [inner])


@pytest.mark.parametrize("restart", ["permanent", "transient"])
def test_the_spec_of_a_child_that_ignores_its_start_is_kept(stage: Stage, journal: Journal, restart: str) -> None:
    """Property 8."""
    supervisor = stage.spawn(Troupe, [spec(journal, "a", Ignores, restart=restart), *specs(journal, "b")])
    assert [child.ref for child in stage.ask(supervisor, WhichChildren())] == [None, stage.system.find("/$1/b")]
    assert stage.ask(supervisor, CountChildren()) == ChildCounts(specs=2, active=1, supervisors=0, workers=2)


def test_the_spec_of_a_temporary_child_that_ignores_its_start_is_dropped(stage: Stage, journal: Journal) -> None:
    """Property 9: both those from `children()` and those that are started later."""
    supervisor = stage.spawn(Troupe, [spec(journal, "a", Ignores, restart="temporary")])
    assert stage.ask(supervisor, StartChild(spec(journal, "b", Ignores, restart="temporary"))) is None
    assert stage.ask(supervisor, CountChildren()) == ChildCounts(specs=0, active=0, supervisors=0, workers=0)


def test_a_dynamic_supervisor_does_not_keep_a_child_that_ignores_its_start(stage: Stage, journal: Journal) -> None:
    """Property 10."""
    supervisor = stage.spawn(DynamicTroupe)
    assert stage.ask(supervisor, StartChild(spec(journal, "a", Ignores))) is None
    assert stage.ask(supervisor, WhichChildren()) == []
    supervisor.stop()
    assert supervisor.reason == Shutdown()


def test_defaults_are_those_of_the_kind_of_child(journal: Journal) -> None:
    """Property 11."""
    worker, supervisor = ChildSpec("w", Child), ChildSpec("s", Troupe)
    assert (worker.restart, worker.shutdown, worker.significant) == (Restart.PERMANENT, 5.0, False)
    assert (supervisor.restart, supervisor.shutdown) == (Restart.PERMANENT, "infinity")
    assert not worker.is_supervisor
    assert supervisor.is_supervisor
    assert (Supervisor.strategy, Supervisor.intensity, Supervisor.period) == (Strategy.ONE_FOR_ONE, 3, 5.0)


BAD_SPECS: dict[str, tuple[Callable[[], ChildSpec], str]] = {
    "no id": (lambda: ChildSpec(None, Child), "needs an id"),
    "empty id": (lambda: ChildSpec("", Child), "needs an id"),
    "list": (lambda: ChildSpec(([],), Child), "needs an id that can be hashed"),  # type: ignore[arg-type]
    "no class": (lambda: ChildSpec("a", Child(Journal())), "must be an Actor class"),  # type: ignore[arg-type]
    "no actor": (lambda: ChildSpec("a", dict), "must be an Actor class"),  # type: ignore[arg-type]
    "restart": (lambda: ChildSpec("a", Child, restart="always"), "permanent, transient, temporary, not 'always'"),
    "negative shutdown": (lambda: ChildSpec("a", Child, shutdown=-1), "seconds .0 or more., .* not -1"),
    "shutdown": (lambda: ChildSpec("a", Child, shutdown="kill"), "not 'kill'"),  # type: ignore[arg-type]
    "shutdown true": (lambda: ChildSpec("a", Child, shutdown=True), "not True"),
    "after": (lambda: ChildSpec("a", Child, after="b"), "a tuple of ids, not 'b'"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("case", BAD_SPECS)
def test_a_bad_spec_is_refused_where_it_is_made(case: str) -> None:
    """Property 12."""
    make, why = BAD_SPECS[case]
    with pytest.raises(BadSpec, match=why):
        make()


def test_duplicate_ids_are_refused(stage: Stage, journal: Journal) -> None:
    """Property 13."""
    with pytest.raises(StartFailed, match="two children have the id 'a'"):
        stage.spawn(Troupe, specs(journal, "a", "b", "a"))
    with pytest.raises(StartFailed, match="one that reads the same"):
        stage.spawn(Troupe, [ChildSpec("1", Child, (journal,)), ChildSpec(1, Child, (journal,))])
    assert journal.notes == []


@pytest.mark.parametrize(
    ("specs_of", "why"),
    [
        ({"a": ("b",), "b": ("a",)}, "wait for each other: 'a' -> 'b' -> 'a'"),
        ({"a": ("x",)}, "'a' is to start after 'x', which does not exist"),
    ],
)
def test_an_order_that_cannot_be_kept_is_refused(
    stage: Stage, journal: Journal, specs_of: dict[str, tuple[str, ...]], why: str
) -> None:
    with pytest.raises(StartFailed, match=why):
        stage.spawn(Troupe, [spec(journal, name, after=after) for name, after in specs_of.items()])


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("args", "journal", "args is a tuple of arguments, not 'journal'"),
        ("kwargs", ("a", 1), "kwargs is a dict of named arguments, not"),
        ("significant", "yes", "significant is True or False, not 'yes'"),
        ("backoff", 1.5, "backoff is a Backoff or None, not 1.5"),
        ("after", "a", "after is a tuple of ids, not 'a'"),
        ("in_place", 1, "in_place is True or False, not 1"),
    ],
)
def test_a_field_of_the_wrong_kind_is_refused_where_the_spec_is_made(field: str, value: object, why: str) -> None:
    """Property 12."""
    with pytest.raises(BadSpec, match=f"child 'x': {why}"):
        ChildSpec("x", Child, **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("first", -1.0, "first is a number, 0 or more, not -1.0"),
        ("factor", 0.5, "factor is a number, 1 or more, not 0.5"),
        ("maximum", float("nan"), "maximum is a number, 0 or more, not nan"),
        ("jitter", 1.5, "jitter is a number, 0 to 1, not 1.5"),
        ("reset_after", "1h", "reset_after is a number, 0 or more, not '1h'"),
    ],
)
def test_a_backoff_that_makes_no_sense_is_refused_where_it_is_made(field: str, value: object, why: str) -> None:
    with pytest.raises(BadSpec, match=f"a backoff's {why}"):
        Backoff(**{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("flags", "error", "why"),
    [
        (
            {"strategy": "one_for_two"},
            UnknownStrategy,
            "one of one_for_one, one_for_all, rest_for_one, not",
        ),
        ({"intensity": -1}, BadIntensity, "intensity is a number of restarts, 0 or more, not -1"),
        ({"intensity": 1.5}, BadIntensity, "not 1.5"),
        ({"intensity": True}, BadIntensity, "not True"),
        ({"period": 0}, BadIntensity, "period is seconds, more than 0, not 0"),
        ({"period": float("nan")}, BadIntensity, "not nan"),
        ({"auto_shutdown": "always"}, BadSpec, "auto_shutdown is one of never, any_significant, all_significant"),
        ({"max_children": -1}, BadSpec, "max_children is a number, 0 or more, or None, not -1"),
    ],
    ids=str,
)
def test_bad_flags_are_refused(stage: Stage, flags: dict[str, Any], error: type[BadSpec], why: str) -> None:
    """Property 14: where the class is defined, and where an instance says something else, when it starts."""
    with pytest.raises(error, match=f"Troupe: .*{why}"):
        troupe(**flags)

    class Changes(Troupe):
        def __init__(self) -> None:
            super().__init__()
            vars(self).update(flags)

    with pytest.raises(StartFailed, match=why) as failed:
        stage.spawn(Changes)
    assert isinstance(failed.value.__cause__, error)


def test_a_flag_that_each_instance_says_for_itself_is_asked_for_when_it_starts(stage: Stage, journal: Journal) -> None:
    class Sized(Troupe):
        @property
        def intensity(self) -> int:  # type: ignore[override]
            return len(self.specs) - 1

    sized = stage.spawn(Sized, specs(journal, "a", "b", "c"))
    assert sized.actor_class is Sized
    with pytest.raises(StartFailed, match="intensity is a number of restarts, 0 or more, not -1"):
        stage.spawn(Sized)


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_dynamic_supervisor_takes_no_strategy_that_ties_children_together(strategy: str) -> None:
    """Property 15 in the shape that it has here: a dynamic supervisor has no template, and takes specs as they come."""
    with pytest.raises(UnknownStrategy, match=f"Troupe: a dynamic supervisor's .* one_for_one, not '{strategy}'"):
        troupe(DynamicTroupe, strategy=strategy)


def test_a_name_that_is_taken_answers_with_its_holder_and_stores_nothing(stage: Stage, journal: Journal) -> None:
    """Property 16."""

    class SpawnsOne(Troupe):
        def on_start(self) -> Any:
            self.spawn(Child, journal, "own", name="taken")
            return super().on_start()

    supervisor = stage.spawn(SpawnsOne, name="troupe")
    with pytest.raises(AlreadyStarted) as refused:
        stage.ask(supervisor, StartChild(spec(journal, "taken")))
    assert refused.value.ref == stage.find("/troupe/taken")
    assert stage.ask(supervisor, WhichChildren()) == []


def test_ids_that_are_no_names_make_paths_all_the_same(stage: Stage, journal: Journal) -> None:
    stage.spawn(Troupe, [ChildSpec("queues/a#1%", Child, (journal,)), ChildSpec(7, Child, (journal,))], name="troupe")
    assert stage.system.paths()[-2:] == ["/troupe/queues%2Fa%231%25", "/troupe/7"]


def test_the_starter_is_told_after_the_children_have_started(stage: Stage, journal: Journal) -> None:
    starts = stage.record(ActorStarted)
    stage.spawn(Troupe, specs(journal, "a", "b"), name="troupe")
    paths = [event.ref.path for event in starts.notes if event.ref != stage.system.guardian]
    assert paths == ["/troupe/a", "/troupe/b", "/troupe"]
