"""Handing a message on: the one who gets it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from understudy.actors import Actor, ActorCrashed, ActorDead, Backoff, Bound, MailboxFull, Message, Ref, on

from .children import Child, Crash, Note, Oops, Run, Troupe, spec
from .stage import PATIENCE, Journal, Stage


@dataclass(frozen=True, slots=True)
class Question(Message[Any, str]):
    text: str


class Expert(Actor):
    @on(Question)
    def question(self, message: Question) -> str:
        if message.text == "bad":
            raise Oops("no such question")
        return f"{message.text}, says {self.path}"


class Desk(Actor):
    """Hands all questions on."""

    expected = (MailboxFull,)

    def __init__(self, expert: Ref[Any]) -> None:
        self._expert = expert

    @on(Question)
    def question(self, message: Question) -> str:
        self.forward(self._expert, message)
        return "this is nobody's answer"

    @on(Run)
    def run(self, message: Run) -> Any:
        return message.act(self)


def test_whoever_a_question_is_handed_to_answers_it(stage: Stage) -> None:
    expert = stage.spawn(Expert, name="expert")
    desk = stage.spawn(Desk, expert)
    assert stage.ask(desk, Question("why")) == "why, says /expert"


def test_an_error_of_the_one_who_got_it_is_the_askers_and_ends_nobody_else(stage: Stage) -> None:
    expert = stage.spawn(Expert, name="expert")
    desk = stage.spawn(Desk, expert)
    with pytest.raises(Oops, match="no such question"):
        stage.ask(desk, Question("bad"))
    stage.ended(expert)
    assert desk.is_alive()
    with pytest.raises(ActorDead, match="/expert"):
        stage.ask(desk, Question("why"))


def test_what_was_told_is_told_on(stage: Stage, journal: Journal) -> None:
    child = stage.spawn(Child, journal)
    desk = stage.spawn(Desk, child)
    desk.tell(Run(lambda this: this.forward(child, Note("told on"))))
    journal.has("told on")


def test_a_question_that_is_not_taken_is_answered_by_the_one_who_handed_it_on(stage: Stage, journal: Journal) -> None:
    class Small(Child):
        mailbox = Bound(1)

    waits = spec(journal, "small", Small, in_place=True, backoff=Backoff(3600.0, maximum=3600.0))
    stage.spawn(Troupe, [waits], name="troupe")
    small = stage.find("/troupe/small")
    crashes = stage.record(ActorCrashed)
    small.tell(Crash())
    crashes.until(lambda notes: len(notes) == 1)
    small.tell(Note("fills it"))
    desk = stage.spawn(Desk, small)
    with pytest.raises(MailboxFull, match="holds 1 messages already"):
        stage.ask(desk, Question("why"))
    assert desk.is_alive()


def test_an_actor_knows_its_parent(stage: Stage, journal: Journal) -> None:
    parent = stage.spawn(Child, journal, name="parent")
    child = stage.ask(parent, Run(lambda this: this.spawn(Child, journal)))
    assert stage.ask(child, Run(lambda this: this.parent)) == parent
    assert stage.ask(parent, Run(lambda this: this.parent)) == stage.system.guardian


def test_a_crash_after_handing_on_leaves_the_answer_to_the_other(stage: Stage) -> None:
    expert = stage.spawn(Expert, name="expert")

    class Clumsy(Desk):
        @on(Question)
        def question(self, message: Question) -> str:
            self.forward(self._expert, message)
            raise Oops("clumsy")

    desk = stage.spawn(Clumsy, expert)
    answer = desk.ask(Question("why"), block=False)
    assert answer.get(timeout=PATIENCE) == "why, says /expert"
    assert stage.ended(desk) is not None


def test_crash_is_no_question(stage: Stage, journal: Journal) -> None:
    child = stage.spawn(Child, journal)
    child.tell(Crash())
    assert stage.ended(child).culprit == Crash()
