"""Children whose end ends their supervisor: properties 65 to 70."""

from __future__ import annotations

import pytest

from understudy.actors import (
    BadSpec,
    ChildSpec,
    CountChildren,
    Error,
    ExitReason,
    Normal,
    Shutdown,
    StartChild,
    StartFailed,
    TerminateChild,
)

from .children import Child, Crash, End, Troupe, spec, specs, troupe
from .stage import Journal, Stage

ANY = troupe(auto_shutdown="any_significant", intensity=5)
ALL = troupe(auto_shutdown="all_significant", intensity=5)


def key(journal: Journal, name: str, restart: str = "transient") -> ChildSpec:
    return spec(journal, name, restart=restart, significant=True)


@pytest.mark.parametrize(
    ("restart", "reason"),
    [
        ("transient", Normal()),
        ("transient", Shutdown("done")),
        ("temporary", Normal()),
        ("temporary", Shutdown("done")),
        ("temporary", Error("bug")),
    ],
    ids=str,
)
def test_the_end_for_good_of_any_significant_child_ends_the_supervisor(
    stage: Stage, journal: Journal, restart: str, reason: ExitReason
) -> None:
    """Property 65."""
    children = [*specs(journal, "a"), key(journal, "k", restart), key(journal, "other")]
    supervisor = stage.spawn(ANY, children, name="troupe")
    stage.find("/troupe/k").tell(End(reason))
    assert stage.ended(supervisor) == Shutdown()
    assert journal.notes[3:] == [("stop", "other"), ("stop", "a")]


@pytest.mark.parametrize("kind", [ANY, ALL], ids=["any", "all"])
def test_a_significant_child_that_crashes_is_restarted_instead(
    stage: Stage, journal: Journal, kind: type[Troupe]
) -> None:
    """Property 66."""
    supervisor = stage.spawn(kind, [key(journal, "k")], name="troupe")
    stage.find("/troupe/k").tell(Crash())
    journal.counts(("start", "k"), 2)
    assert stage.ask(supervisor, CountChildren()).active == 1


def test_all_significant_waits_for_the_last_of_them(stage: Stage, journal: Journal) -> None:
    """Property 67."""
    children = [key(journal, "k1"), *specs(journal, "a"), key(journal, "k2", "temporary"), key(journal, "k3")]
    supervisor = stage.spawn(ALL, children, name="troupe")
    for name in ("k1", "k2"):
        child = stage.find(f"/troupe/{name}")
        child.tell(End(Normal()))
        stage.ended(child)
        assert stage.ask(supervisor, CountChildren()).active
    stage.find("/troupe/k3").tell(End(Normal()))
    assert stage.ended(supervisor) == Shutdown()


def test_a_significant_child_that_is_about_to_be_restarted_is_still_there(stage: Stage, journal: Journal) -> None:
    """Property 67: of two that end at the same time, one is restarted."""
    supervisor = stage.spawn(ALL, [key(journal, "k1"), key(journal, "k2")], name="troupe")
    slow = spec(journal, "slow")
    stage.find("/troupe/k1").tell(End(Normal()))
    stage.find("/troupe/k2").tell(End(Error("bug")))
    journal.counts(("start", "k2"), 2)
    assert stage.ask(supervisor, StartChild(slow)) is not None
    assert stage.ask(supervisor, CountChildren()).active == 2


@pytest.mark.parametrize("kind", [ANY, ALL], ids=["any", "all"])
def test_a_significant_child_that_is_terminated_does_not_end_the_supervisor(
    stage: Stage, journal: Journal, kind: type[Troupe]
) -> None:
    """Property 68."""
    supervisor = stage.spawn(kind, [key(journal, "k1"), key(journal, "k2", "temporary")])
    stage.ask(supervisor, TerminateChild("k1"))
    stage.ask(supervisor, TerminateChild("k2"))
    assert stage.ask(supervisor, CountChildren()).active == 0


@pytest.mark.parametrize("mode", ["any_significant", "all_significant"])
def test_a_significant_child_that_a_siblings_restart_stops_does_not_end_the_supervisor(
    stage: Stage, journal: Journal, mode: str
) -> None:
    """Property 68."""
    kind = troupe(strategy="one_for_all", auto_shutdown=mode)
    supervisor = stage.spawn(kind, [key(journal, "k", "temporary"), *specs(journal, "a")], name="troupe")
    stage.find("/troupe/a").tell(Crash())
    journal.counts(("start", "a"), 2)
    assert stage.ask(supervisor, CountChildren()).specs == 1


@pytest.mark.parametrize("significant", [True, False])
def test_an_automatic_shutdown_climbs_as_far_as_supervisors_are_significant(
    stage: Stage, journal: Journal, significant: bool
) -> None:
    """Property 69."""
    inner = ChildSpec("inner", ANY, ([key(journal, "k")],), restart="transient", significant=significant)
    outer = stage.spawn(ANY, [inner, *specs(journal, "a")], name="outer")
    child = stage.find("/outer/inner")
    stage.find("/outer/inner/k").tell(End(Normal()))
    assert stage.ended(child) == Shutdown()
    if significant:
        assert stage.ended(outer) == Shutdown()
    else:
        assert stage.ask(outer, CountChildren()).active == 1


def test_combinations_that_make_no_sense_are_refused(stage: Stage, journal: Journal) -> None:
    """Property 70."""
    with pytest.raises(BadSpec, match="'a': a permanent child cannot be significant"):
        ChildSpec("a", Child, significant=True)
    with pytest.raises(StartFailed, match="'k' is significant, but auto_shutdown is \"never\""):
        stage.spawn(Troupe, [key(journal, "k")])
    supervisor = stage.spawn(Troupe)
    with pytest.raises(BadSpec, match="'k' is significant"):
        stage.ask(supervisor, StartChild(key(journal, "k")))
