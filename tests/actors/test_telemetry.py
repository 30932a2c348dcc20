"""Events of the kernel: their names, what they tell, and the table in the documentation."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from understudy.actors import (
    ActorCrashed,
    ActorStarted,
    ActorStopped,
    Backoff,
    Bound,
    ChildRestarted,
    DeadLetter,
    Error,
    MailboxFull,
    MailboxOverflowed,
    Shutdown,
    SupervisorGaveUp,
    events,
    telemetry,
)
from understudy.actors.projection import EVENTS
from understudy.actors.remote import NodeJoined, NodeLeft

from .children import Child, Crash, Note, spec, troupe
from .stage import Journal, Stage

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "events-and-errors.md"
ROW = re.compile(r"^\| `([\w.]+)` \| `(\w+)` \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)


def test_the_table_in_the_documentation_and_the_code_agree() -> None:
    table = PAGE.read_text().partition("## Events of the kernel")[2].partition("\n## ")[0]
    documented = {name: (event, re.findall(r"`(\w+)`", told)) for name, event, told in ROW.findall(table)}
    assert documented == {
        event.telemetry: (event.__name__, [field.name for field in fields(event)])
        for event in (*EVENTS.values(), NodeJoined, NodeLeft)
    }
    assert list(EVENTS) == [event.telemetry for event in EVENTS.values()]


def test_every_event_has_a_name() -> None:
    classes = [each for each in vars(events).values() if isinstance(each, type) and hasattr(each, "telemetry")]
    assert set(classes) == set(EVENTS.values())


def test_whoever_subscribes_to_all_is_told_of_each(stage: Stage, journal: Journal) -> None:
    told: list[Any] = []
    unsubscribe = stage.system.events.subscribe_all(told.append)
    child = stage.spawn(Child, journal, name="child")
    child.stop()
    unsubscribe()
    unsubscribe()
    stage.spawn(Child, journal, name="other")
    told = [each for each in told if each.ref == child]
    assert told == [ActorStarted(child), ActorStopped(child, Shutdown())]
    assert [telemetry(each) for each in told] == [
        ("actor.start", {"ref": "/child"}),
        ("actor.stop", {"ref": "/child", "reason": "shutdown"}),
    ]


def test_an_event_is_told_in_plain_values(stage: Stage, journal: Journal) -> None:
    supervisor = stage.spawn(troupe(), [spec(journal, "a")], name="troupe")
    child = stage.find("/troupe/a")
    reason = Error("Oops: as told")
    plain = {"supervisor": "/troupe", "child_id": "a", "ref": "/troupe/a", "reason": "Oops: as told"}
    assert telemetry(ChildRestarted(supervisor, "a", child, reason)) == ("supervisor.restart", plain)
    letter = {"ref": "/troupe/a", "message": "Note(note=1)", "why": "dead"}
    assert telemetry(DeadLetter(child, Note(1), "dead")) == ("dead_letter", letter)
    assert telemetry(ActorCrashed(child, reason))[1]["reason"] == "Oops: as told"


def test_a_supervisor_that_gives_up_says_over_what(stage: Stage, journal: Journal) -> None:
    given_up = stage.record(SupervisorGaveUp)
    supervisor = stage.spawn(troupe(intensity=1), [spec(journal, "a")], name="troupe")
    stage.find("/troupe/a").tell(Crash())
    journal.counts(("start", "a"), 2)
    stage.find("/troupe/a").tell(Crash())
    stage.ended(supervisor)
    assert given_up.notes == [SupervisorGaveUp(supervisor, "a", 1, Error("Oops: as told"))]


@pytest.mark.parametrize("policy", ["reject", "drop_new", "drop_old", "dead_letter"])
def test_each_message_that_finds_a_mailbox_full_is_told(stage: Stage, journal: Journal, policy: str) -> None:
    class Small(Child):
        mailbox = Bound(2, policy)

    waits = spec(journal, "small", Small, in_place=True, backoff=Backoff(3600.0, maximum=3600.0))
    stage.spawn(troupe(), [waits], name="troupe")
    small = stage.find("/troupe/small")
    crashes, overflows = stage.record(ActorCrashed), stage.record(MailboxOverflowed)
    small.tell(Crash())
    crashes.until(lambda notes: len(notes) == 1)
    refused = 0
    for number in range(4):
        try:
            small.tell(Note(number))
        except MailboxFull:
            refused += 1
    assert overflows.notes == [MailboxOverflowed(small, policy, 2)] * 2
    assert refused == (2 if policy == "reject" else 0)
