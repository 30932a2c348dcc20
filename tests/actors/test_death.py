"""Death, what is owed at it, and what comes after it: properties 74 to 78."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    ActorDead,
    ChildSpec,
    Completion,
    DeadLetter,
    Error,
    Killed,
    Message,
    Shutdown,
    Timeout,
    on,
)

from .children import Child, Crash, FailsToStart, Note, Run, Troupe, Watcher, specs, troupe
from .stage import Journal, Stage, on_a_thread_each


@dataclass(frozen=True, slots=True)
class Numbered(Message[Any, int]):
    number: int


class Counting(Child):
    """Counts what it handles, and ends at a number by one means or another."""

    def __init__(self, journal: Journal, handled: list[int], last: int, end: str) -> None:
        super().__init__(journal)
        self.handled = handled
        self.last = last
        self.end_by = end

    @on(Numbered)
    def count(self, message: Numbered) -> int:
        self.handled.append(message.number)
        if message.number == self.last:
            if self.end_by == "crash":
                raise RuntimeError("enough")
            if self.end_by == "exit":
                self.exit(self.ref, Shutdown())
            elif self.end_by == "stop":
                self.stop()
            else:
                self.ref.kill()
        return message.number


@pytest.mark.parametrize("end", ["crash", "exit", "stop", "kill"])
@pytest.mark.parametrize("ask", [False, True], ids=["tell", "ask"])
def test_nothing_is_handled_after_death_and_everything_is_answered_or_a_dead_letter(
    stage: Stage, journal: Journal, end: str, ask: bool
) -> None:
    """Property 74: conservation, each message exactly once."""
    handled: list[int] = []
    dead: list[int] = []
    stage.system.events.subscribe(DeadLetter, lambda letter: dead.append(letter.message.number))
    actor = stage.spawn(Counting, journal, handled, 50, end)
    numbers = range(100)
    answers: list[Completion[int]] = []
    for number in numbers:
        if ask:
            answers.append(actor.ask(Numbered(number), block=False))
        else:
            actor.tell(Numbered(number))
    stage.ended(actor)
    for number in numbers:
        actor.tell(Numbered(100 + number))
    assert handled == list(range(51))
    if ask:
        errors = [answer.error() for answer in answers]
        assert errors[:50] == [None] * 50
        assert {type(error) for error in errors[51:]} == {ActorDead}
        assert dead == list(range(100, 200))
    else:
        assert sorted(dead) == list(range(51, 200))  # who ends and who sends bounce side by side
    assert stage.system.dead_letters == len(dead)


def test_an_ask_that_makes_the_actor_crash_gets_the_error_when_the_actor_has_ended(
    stage: Stage, journal: Journal
) -> None:
    actor = stage.spawn(Child, journal)
    with pytest.raises(ZeroDivisionError):
        stage.ask(actor, Crash(ZeroDivisionError("1/0")))
    assert actor.reason == Error("ZeroDivisionError: 1/0")


def test_what_was_sent_to_an_actor_that_fails_to_start_is_bounced(stage: Stage, journal: Journal) -> None:
    """Property 74."""
    dead = stage.record(DeadLetter)

    class Parent(Child):
        def on_start(self) -> None:
            child = self.spawn(FailsToStart, self.journal)
            child.tell(Note("told"))
            self.answer = child.ask(Note("asked"), block=False)

    parent = stage.spawn(Parent, journal)
    dead.until(lambda letters: letters)
    assert [letter.message for letter in dead.notes] == [Note("told")]
    stage.ended(parent)  # its child's crash is its own, where it does not take it


def test_signals_overtake_a_backlog_and_messages_keep_their_order(stage: Stage, journal: Journal) -> None:
    """Property 75."""
    dead: list[object] = []
    stage.system.events.subscribe(DeadLetter, lambda letter: dead.append(letter.message))
    actor = stage.spawn(Child, journal)
    backlog = 1_000

    def pile_up(this: Any) -> None:
        for number in range(backlog):
            this.ref.tell(Note(number))
        this.ref.stop(block=False)

    stage.ask(actor, Run(pile_up))
    assert stage.ended(actor) == Shutdown()
    numbers = [note for note in journal.notes if isinstance(note, int)]
    assert numbers == []
    assert dead == [Note(number) for number in range(backlog)]


def test_messages_of_each_sender_arrive_in_order(stage: Stage, journal: Journal) -> None:
    """Property 75."""
    receiver = stage.spawn(Child, journal)
    senders = [stage.spawn(Child, journal) for _ in range(4)]
    for name, sender in enumerate(senders):
        sender.tell(Run(lambda actor, name=name: [receiver.tell(Note((name, count))) for count in range(100)]))
    journal.until(lambda notes: len([note for note in notes if isinstance(note[0], int)]) == 400)
    for name in range(4):
        assert [note[1] for note in journal.notes if note[0] == name] == list(range(100))


# -- ask ---------------------------------------------------------------------------------------------------------------


class Promises(Child):
    """Answers later, or never."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self.promises: list[Completion[int]] = []

    @on(Numbered)
    def promise(self, message: Numbered) -> Completion[int]:
        self.promises.append(Completion())
        self.journal("promised", message.number)
        return self.promises[-1]

    @on(Note)
    def note(self, message: Note) -> None:
        for promise in self.promises:
            promise.resolve(message.note)  # type: ignore[arg-type]


def test_an_ask_gets_a_reply_or_an_error_or_a_timeout_and_only_one_of_them(stage: Stage, journal: Journal) -> None:
    """Property 76."""
    seen: Counter[str] = Counter()
    actor = stage.spawn(Promises, journal)
    answer = actor.ask(Numbered(1), block=False)
    answer.add_done_callback(lambda done: seen.update(["answered"]))
    journal.has(("promised", 1))
    actor.tell(Note(7))
    assert answer.get(timeout=10) == 7
    actor.stop()
    assert answer.get() == 7
    assert seen == {"answered": 1}


def test_a_late_reply_is_dropped_and_counted(stage: Stage, journal: Journal) -> None:
    """Property 76."""
    actor = stage.spawn(Child, journal)
    answers: list[Completion[Any]] = []

    def ask(_: Any) -> None:
        answers.append(actor.ask(Run(lambda _: answers[0].fail(Timeout("given up"))), block=False))

    stage.ask(actor, Run(ask))
    with pytest.raises(Timeout, match="given up"):
        answers[0].get(timeout=10)
    stage.ask(actor, Run(lambda _: None))
    assert stage.system.late_replies == 1


def test_an_ask_that_was_given_up_is_not_handled_any_more(stage: Stage, journal: Journal) -> None:
    """Property 76: nobody waits for what it would do."""
    actor = stage.spawn(Child, journal)

    def pile_up(_: Any) -> None:
        given_up = actor.ask(Note("late"), block=False)
        given_up.fail(Timeout("given up"))

    stage.ask(actor, Run(pile_up))
    stage.ask(actor, Run(lambda _: None))
    assert "late" not in journal.notes
    assert stage.system.late_asks == 1


def test_a_blocking_ask_gives_up_after_its_timeout(stage: Stage, journal: Journal) -> None:
    """Property 76."""
    actor = stage.spawn(Promises, journal)
    with pytest.raises(Timeout, match=r"no answer within 0\.01 s"):
        actor.ask(Numbered(1), timeout=0.01)


@pytest.mark.parametrize("end", ["kill", "crash", "stop"])
def test_an_answer_that_was_promised_fails_when_the_actor_ends(stage: Stage, journal: Journal, end: str) -> None:
    """Property 76."""
    actor = stage.spawn(Promises, journal)
    answer = actor.ask(Numbered(1), block=False)
    journal.has(("promised", 1))
    {"kill": actor.kill, "crash": lambda: actor.tell(Crash()), "stop": lambda: actor.stop(block=False)}[end]()
    with pytest.raises(ActorDead, match="ended before it answered"):
        answer.get(timeout=10)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_an_ask_to_the_dead_fails_at_once_with_its_reason(stage: Stage, journal: Journal, end: str) -> None:
    """Property 76."""
    actor = stage.spawn(Child, journal, name="a")
    actor.kill() if end == "kill" else actor.stop()
    stage.ended(actor)
    with pytest.raises(ActorDead, match=f"/a ended before it answered: {'killed' if end == 'kill' else 'shutdown'}"):
        actor.ask(Note("anybody there?"))


# -- incarnations ------------------------------------------------------------------------------------------------------


def test_a_restarted_actor_is_another_and_its_mail_is_not_inherited(stage: Stage, journal: Journal) -> None:
    """Property 77, OTP's restart: monitors fire, the old ref is dead, the poison message is not handled again."""
    dead = stage.record(DeadLetter)
    stage.spawn(Troupe, specs(journal, "a"), name="troupe")
    watcher = stage.spawn(Watcher, journal)
    old = stage.find("/troupe/a")
    stage.ask(watcher, Run(lambda actor: actor.monitor(old)))

    def pile_up_and_crash(this: Any) -> None:
        this.ref.tell(Note("behind the poison"))
        raise RuntimeError("poison")

    old.tell(Run(pile_up_and_crash))
    journal.has(("down", old, Error("RuntimeError: poison")))
    journal.counts(("start", "a"), 2)
    new = stage.find("/troupe/a")
    assert (old.path, old == new, old.is_alive(), new.is_alive()) == (new.path, False, False, True)
    assert old.uid < new.uid
    stage.ask(new, Run(lambda _: None))
    assert [letter.message for letter in dead.notes] == [Note("behind the poison")]
    assert journal.notes.count(("start", "a")) == 2


def test_timers_of_a_dead_incarnation_never_fire_into_the_new_one(stage: Stage, journal: Journal) -> None:
    """Property 78."""
    supervisor = stage.spawn(troupe(intensity=5), specs(journal, "a"), name="troupe")
    first = stage.find("/troupe/a")

    def set_timers(actor: Any) -> None:
        actor.after(0.02, Note("after"))
        actor.every(0.01, Note("every"))

    stage.ask(first, Run(set_timers))
    first.tell(Crash())
    journal.counts(("start", "a"), 2)
    noted = journal.notes
    second = stage.find("/troupe/a")
    stage.ask(second, Run(lambda actor: actor.after(0.05, Note("own"))))
    journal.has("own")
    assert journal.notes[len(noted) :] == ["own"]
    assert supervisor.is_alive()


# -- kill --------------------------------------------------------------------------------------------------------------


class Stuck(Child):
    """Does not come out of a handler."""

    def __init__(self, journal: Journal, name: str, gate: threading.Event) -> None:
        super().__init__(journal, name)
        self.gate = gate

    @on(Numbered)
    def hang(self, message: Numbered) -> int:
        self.journal("hanging")
        self.gate.wait(10)
        self.journal("released")
        raise RuntimeError("nobody listens any more")


@on_a_thread_each
def test_a_killed_actor_is_dead_at_once_even_where_its_handler_hangs(stage: Stage, journal: Journal) -> None:
    gate = threading.Event()
    dead = stage.record(DeadLetter)
    watcher = stage.spawn(Watcher, journal)
    actor = stage.spawn(Stuck, journal, "stuck", gate, name="stuck")
    stage.ask(watcher, Run(lambda this: this.monitor(actor)))
    hanging = actor.ask(Numbered(1), block=False)
    waiting = actor.ask(Numbered(2), block=False)
    journal.has("hanging")
    actor.kill()
    assert stage.system.find("/stuck") is None
    journal.has(("down", actor, Killed()))
    for answer in (hanging, waiting):
        with pytest.raises(ActorDead, match="killed"):
            answer.get(timeout=10)
    actor.tell(Note("too late"))
    assert [letter.message for letter in dead.notes] == [Note("too late")]
    gate.set()
    journal.has("released")
    assert actor.reason == Killed()


@on_a_thread_each
def test_a_supervisor_replaces_a_child_that_hangs_and_was_killed(stage: Stage, journal: Journal) -> None:
    gate = threading.Event()
    stage.spawn(Troupe, [ChildSpec("stuck", Stuck, (journal, "stuck", gate))], name="troupe")
    actor = stage.find("/troupe/stuck")
    actor.tell(Numbered(1))
    journal.has("hanging")
    actor.kill()
    journal.counts(("start", "stuck"), 2)
    assert stage.find("/troupe/stuck") != actor
    gate.set()
    journal.has("released")


def test_a_killed_actor_spawns_nobody_any_more(stage: Stage, journal: Journal) -> None:
    def die_and_spawn(actor: Actor) -> None:
        actor.ref.kill()
        try:
            actor.spawn(Child, journal)
        except ActorDead as error:
            journal(str(error))

    actor = stage.spawn(Child, journal, name="parent")
    actor.tell(Run(die_and_spawn))
    journal.has("/parent has ended (killed): it has no more children")


def test_the_children_of_an_actor_that_ends_are_told_to_stop(stage: Stage, journal: Journal) -> None:
    for end in ("stop", "kill", "crash"):
        parent = stage.spawn(Child, journal, "parent")
        stage.ask(parent, Run(lambda actor, end=end: actor.spawn(Child, actor.journal, end)))
        {"stop": parent.stop, "kill": parent.kill, "crash": lambda: parent.tell(Crash())}[end]()  # noqa: B023
        journal.has(("stop", end))
