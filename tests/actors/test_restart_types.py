"""Which children are restarted, and for which reasons: properties 40 to 50."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    ChildSpec,
    CountChildren,
    Error,
    ExitReason,
    Killed,
    NoConnection,
    NoProc,
    Normal,
    Shutdown,
    StartChild,
    WhichChildren,
)
from understudy.actors.supervision.decisions import restarts

from .children import Crash, End, Troupe, spec, specs, troupe
from .stage import Journal, Stage

REASONS: list[ExitReason] = [Normal(), Shutdown(), Shutdown("detail"), Error("bug"), Killed(), NoProc(), NoConnection()]
ABNORMAL = REASONS[3:]


def test_normal_and_shutdown_are_the_ends_that_are_not_abnormal() -> None:
    assert [reason for reason in REASONS if reason.abnormal] == ABNORMAL


@pytest.mark.parametrize("reason", REASONS, ids=str)
@pytest.mark.parametrize(
    ("restart", "restarted_for"),
    [("permanent", REASONS), ("transient", ABNORMAL), ("temporary", [])],
    ids=["permanent", "transient", "temporary"],
)
def test_a_child_is_restarted_by_its_type_and_its_reason(
    stage: Stage, journal: Journal, restart: str, restarted_for: list[ExitReason], reason: ExitReason
) -> None:
    """Properties 40 to 48."""
    supervisor = stage.spawn(Troupe, specs(journal, "a", restart=restart), name="troupe")
    child = stage.find("/troupe/a")
    child.tell(End(reason))
    assert stage.ended(child) == reason
    if reason in restarted_for:
        journal.counts(("start", "a"), 2)
    infos = {info.id: info.ref for info in stage.ask(supervisor, WhichChildren())}
    if restart == "temporary":
        assert infos == {}
    elif reason in restarted_for:
        assert infos == {"a": stage.find("/troupe/a")}
        assert infos["a"] != child
    else:
        assert infos == {"a": None}
    assert restarts(spec(journal, "a", restart=restart), reason) is (reason in restarted_for)


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_temporary_child_that_a_siblings_restart_stops_is_gone_for_good(
    stage: Stage, journal: Journal, strategy: str
) -> None:
    """Property 49: the supervisor survives."""
    children = [spec(journal, "a"), spec(journal, "t", restart="temporary"), spec(journal, "b")]
    supervisor = stage.spawn(troupe(strategy=strategy), children, name="troupe")
    stage.find("/troupe/a").tell(Crash())
    journal.counts(("start", "b"), 2)
    assert [info.id for info in stage.ask(supervisor, WhichChildren())] == ["a", "b"]
    assert journal.notes.count(("start", "t")) == 1


class Treasure:
    """Something that takes memory."""


class Forgetful(Actor):
    """Does not keep what it was given."""

    def __init__(self, treasure: Any) -> None:
        pass


def test_what_a_temporary_child_was_started_with_is_not_kept(stage: Stage) -> None:
    """Property 50."""
    supervisor = stage.spawn(Troupe)
    treasure = Treasure()
    left = weakref.ref(treasure)
    request = StartChild(ChildSpec("a", Forgetful, (treasure,), restart="temporary"))
    stage.ask(supervisor, request)
    del treasure, request
    stage.ask(supervisor, CountChildren())  # its turn is over
    gc.collect()
    assert left() is None
