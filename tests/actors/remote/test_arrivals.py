"""What comes twice is taken once."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.actors.remote import arrivals
from understudy.actors.remote.arrivals import Arrivals, Arrived
from understudy.actors.remote.envelope import Lane
from understudy.actors.remote.inbox import Inbox
from understudy.actors.remote.messages import Collected
from understudy.testing import Simulation, simulate

from .world import Counter, Note, World


def test_an_envelope_is_new_once_and_only_in_order() -> None:
    mail = Arrivals()
    assert mail.note("a", "", 1) == (Arrived.NOW, 0)
    assert mail.note("a", "", 4) == (Arrived.NOW, 2)
    assert mail.note("a", "", 4) == mail.note("a", "", 2) == (Arrived.BEFORE, 0)
    assert mail.note("b", "", 2) == mail.note("a", "topic", 2) == (Arrived.NOW, 0)


def test_of_very_many_senders_those_are_forgotten_who_were_silent_for_longest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "REMEMBERED", 3)
    mail = Arrivals()
    for sender in ("a", "b", "c"):
        mail.note(sender, "", 5)
    mail.note("a", "", 5)
    mail.note("d", "", 5)
    assert [mail.note(sender, "", 5)[0] for sender in ("a", "c", "d")] == [Arrived.BEFORE] * 3
    assert mail.note("b", "", 5)[0] is Arrived.NOW


def test_mail_that_comes_once_more_after_its_inbox_was_replaced_is_not_taken_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[bytes] = []
    original = Inbox._open

    def note(self: Any, data: bytes) -> None:
        if self._lane is Lane.USER:
            opened.append(data)
        original(self, data)

    monkeypatch.setattr(Inbox, "_open", note)

    def body(simulation: Simulation) -> None:
        world = World(simulation)
        one, other = world.pair()
        other.spawn(Counter, name="notes")
        one.system.resolve(other.name_of("/notes")).tell(Note(1))
        world.run(1.0)
        other.system.get("/remoting/inbox-u").kill()
        world.run(1.0)
        other.system.get("/remoting/inbox-u").tell(Collected(0, list(opened)))
        world.run(1.0)
        assert other.actor("/notes").notes == [1]
        assert other.remoting.counts.duplicates == 1

    simulate(body, settle=None)
