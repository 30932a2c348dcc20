"""Bounded mailboxes: what happens to a message that finds one full."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from understudy.actors import (
    ActorDead,
    Bound,
    DeadLetter,
    Down,
    Error,
    MailboxFull,
    Message,
    Overflow,
    Ref,
    WouldBlock,
    on,
)

from .children import Child, End, Note, Run
from .stage import Journal, Stage, on_threads

CAPACITY = 3


@dataclass(frozen=True, slots=True)
class Hold(Message[Any, None]):
    """Stay in the turn, while others send."""

    entered: threading.Event
    leave: threading.Event


class Holding(Child):
    @on(Hold)
    def hold(self, message: Hold) -> None:
        message.entered.set()
        message.leave.wait(10)


def bounded(overflow: str) -> type[Holding]:
    return type("Bounded", (Holding,), {"mailbox": Bound(CAPACITY, overflow)})


def while_busy(stage: Stage, receiver: Ref[Any], act: Any) -> None:
    """Call `act` in the middle of one of the receiver's turns: what it sends has to wait."""
    if stage.kind == "simulated":
        act()  # nobody has a turn before somebody waits
        return
    entered, leave = threading.Event(), threading.Event()
    receiver.tell(Hold(entered, leave))
    assert entered.wait(10)
    try:
        act()
    finally:
        leave.set()


def numbers(journal: Journal) -> list[int]:
    return [note for note in journal.notes if isinstance(note, int)]


def settle(stage: Stage, receiver: Ref[Any], last: int) -> None:
    """Wait until the receiver has handled number `last`, and what was behind it."""
    stage.journal.has(last)
    stage.ask(receiver, Run(lambda _: None))


def fill(receiver: Ref[Any], count: int = CAPACITY + 2) -> None:
    for number in range(count):
        receiver.tell(Note(number))


def test_reject_tells_the_sender(stage: Stage, journal: Journal) -> None:
    receiver = stage.spawn(bounded("reject"), journal)

    def act() -> None:
        with pytest.raises(MailboxFull, match="holds 3 messages already"):
            fill(receiver)
        with pytest.raises(MailboxFull):
            receiver.ask(Run(lambda _: None), block=False)

    while_busy(stage, receiver, act)
    settle(stage, receiver, 2)
    assert numbers(journal) == [0, 1, 2]


@pytest.mark.parametrize(
    ("overflow", "kept", "why"),
    [
        (Overflow.DROP_NEW, [0, 1, 2], "dropped"),
        (Overflow.DROP_OLD, [2, 3, 4], "dropped"),
        (Overflow.DEAD_LETTER, [0, 1, 2], "full"),
    ],
)
def test_what_is_dropped_becomes_a_dead_letter_and_is_counted(
    stage: Stage, journal: Journal, overflow: Overflow, kept: list[int], why: str
) -> None:
    letters = stage.record(DeadLetter)
    receiver = stage.spawn(bounded(overflow), journal)
    while_busy(stage, receiver, lambda: fill(receiver))
    settle(stage, receiver, kept[-1])
    assert numbers(journal) == kept
    lost = [number for number in range(5) if number not in kept]
    assert [(letter.message.note, letter.why) for letter in letters.notes] == [(number, why) for number in lost]


@pytest.mark.parametrize("overflow", ["drop_new", "drop_old", "dead_letter"])
def test_an_ask_that_is_dropped_fails_with_mailbox_full(stage: Stage, journal: Journal, overflow: str) -> None:
    receiver = stage.spawn(bounded(overflow), journal)
    answers: list[Any] = []
    while_busy(
        stage,
        receiver,
        lambda: answers.extend(receiver.ask(Run(lambda _: "done"), block=False) for _ in range(CAPACITY + 1)),
    )
    outcomes = []
    for answer in answers:
        try:
            outcomes.append(answer.get(timeout=10))
        except MailboxFull as error:
            outcomes.append(type(error))
    lost = 0 if overflow == "drop_old" else CAPACITY
    assert outcomes == ["done" if place != lost else MailboxFull for place in range(CAPACITY + 1)]


@on_threads
def test_block_makes_the_sender_wait_for_room(stage: Stage, journal: Journal) -> None:
    receiver = stage.spawn(bounded("block"), journal)
    sending = threading.Thread(target=fill, args=(receiver, 50))

    def act() -> None:
        sending.start()
        fill_until_full(receiver)

    while_busy(stage, receiver, act)
    sending.join(10)
    assert not sending.is_alive()
    settle(stage, receiver, 49)
    assert numbers(journal) == list(range(50))


def fill_until_full(receiver: Ref[Any]) -> None:
    """Wait until another thread has filled the mailbox."""
    while len(receiver._cell.mailbox) < CAPACITY:
        threading.Event().wait(0.001)


def test_block_runs_the_simulation_where_there_is_one(stage: Stage, journal: Journal) -> None:
    receiver = stage.spawn(bounded("block"), journal)
    fill(receiver, 50)
    stage.ask(receiver, Run(lambda _: None))
    assert numbers(journal) == list(range(50))


@pytest.mark.parametrize("stage", ["shared"], indirect=True)
def test_block_refuses_to_wait_inside_a_turn_on_a_shared_dispatcher(stage: Stage, journal: Journal) -> None:
    receiver = stage.spawn(bounded("block"), journal, name="receiver")
    sender = stage.spawn(Child, journal, name="sender")
    with pytest.raises(WouldBlock, match="/sender would block the dispatcher it shares"):
        stage.ask(sender, Run(lambda _: fill(receiver)))
    assert receiver.is_alive()


@on_threads
def test_a_sender_that_waits_for_room_goes_on_when_the_receiver_dies(stage: Stage, journal: Journal) -> None:
    letters = stage.record(DeadLetter)
    receiver = stage.spawn(bounded("block"), journal)
    sending = threading.Thread(target=fill, args=(receiver, CAPACITY + 1))

    def act() -> None:
        sending.start()
        fill_until_full(receiver)
        receiver.kill()

    while_busy(stage, receiver, act)
    sending.join(10)
    assert not sending.is_alive()
    assert len(letters.notes) == CAPACITY + 1


def test_an_actors_messages_to_itself_pass_its_bound(stage: Stage, journal: Journal) -> None:
    receiver = stage.spawn(bounded("reject"), journal)
    stage.ask(receiver, Run(lambda actor: fill(actor.ref, 50)))
    settle(stage, receiver, 49)
    assert numbers(journal) == list(range(50))


class WatchfulDropper(Holding):
    mailbox: ClassVar[Bound | None] = Bound(CAPACITY, "drop_old")

    @on(Down)
    def down(self, event: Down) -> None:
        self.journal("down")


def test_what_the_kernel_tells_passes_the_bound_and_is_never_dropped(stage: Stage, journal: Journal) -> None:
    receiver = stage.spawn(WatchfulDropper, journal, "receiver")
    target = stage.spawn(Child, journal, "target")
    stage.ask(receiver, Run(lambda actor: [actor.monitor(target) for _ in range(CAPACITY)]))

    def act() -> None:
        target.kill()
        fill(receiver)

    while_busy(stage, receiver, act)
    settle(stage, receiver, 4)
    assert [note for note in journal.notes if note == "down" or isinstance(note, int)] == ["down"] * 3 + [4]


def test_a_message_to_a_full_mailbox_of_the_dead_is_a_dead_letter(stage: Stage, journal: Journal) -> None:
    letters = stage.record(DeadLetter)
    receiver = stage.spawn(bounded("reject"), journal)
    while_busy(stage, receiver, lambda: (fill(receiver, CAPACITY), receiver.kill(), receiver.tell(Note("late"))))
    assert [letter.why for letter in letters.notes] == ["dead"] * (CAPACITY + 1)


def test_a_bound_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one message: capacity=0"):
        Bound(0)
    with pytest.raises(ValueError, match=r"overflow is one of block, reject, .* not 'explode'"):
        Bound(1, "explode")


def test_a_handler_of_dead_letters_that_is_dead_itself_makes_no_circle(stage: Stage, journal: Journal) -> None:
    undertaker = stage.spawn(Child, journal)
    undertaker.stop()
    stage.system.events.subscribe(DeadLetter, undertaker.tell)
    undertaker.tell(Note("first"))
    assert stage.system.dead_letters == 2


# -- batches -----------------------------------------------------------------------------------------------------------


class Batching(Child):
    expected = (LookupError,)

    def on_batch(self, messages: Any) -> None:
        self.journal("batch", len(messages))
        for message in messages:
            self.receive(message)


def pile(stage: Stage, actor: Ref[Any], *messages: Any) -> None:
    """Put messages one behind the other, and wait until the actor has ended or handled them."""

    def put(this: Any) -> None:
        for message in messages:
            this.ref.tell(message)

    stage.ask(actor, Run(put))


def test_messages_that_were_told_in_a_row_come_in_one_batch(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Batching, journal)
    pile(stage, actor, *map(Note, "abc"))
    stage.ask(actor, Run(lambda _: None))
    assert journal.notes[1:] == [("batch", 3), "a", "b", "c"]


def test_what_is_asked_and_what_the_kernel_tells_is_part_of_no_batch(stage: Stage, journal: Journal) -> None:
    class Watching(Batching):
        @on(Down)
        def down(self, event: Down) -> None:
            self.journal("down")

    target = stage.spawn(Child, journal, "target")
    actor = stage.spawn(Watching, journal)

    def put(this: Any) -> None:
        this.monitor(target)
        this.ref.tell(Note("a"))
        target.kill()
        this.ref.tell(Note("b"))
        this.ref.tell(Note("c"))

    stage.ask(actor, Run(put))
    stage.ask(actor, Run(lambda _: None))
    assert journal.notes[2:] == [("batch", 1), "a", "down", ("batch", 2), "b", "c"]


@pytest.mark.parametrize("place", [0, 1, 4])
def test_a_crash_in_a_batch_bounces_exactly_what_it_had_not_reached(stage: Stage, journal: Journal, place: int) -> None:
    letters = stage.record(DeadLetter)
    actor = stage.spawn(Batching, journal)
    messages: list[Any] = [Note(number) for number in range(5)]
    messages[place] = Run(lambda _: 1 / 0)
    pile(stage, actor, *messages)
    reason = stage.ended(actor)
    assert reason == Error("ZeroDivisionError: division by zero")
    assert f"at message {place + 1} of 5 in a batch" in reason.traceback
    assert numbers(journal) == list(range(place))
    assert [letter.message for letter in letters.notes] == messages[place + 1 :]


def test_an_expected_error_in_a_batch_costs_the_one_message(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Batching, journal)
    pile(stage, actor, Note(1), Run(lambda _: {}["missing"]), Note(2), Note(3))
    stage.ask(actor, Run(lambda _: None))
    assert numbers(journal) == [1, 2, 3]
    assert actor.is_alive()


def test_a_batch_that_refuses_to_begin_is_refused_as_a_whole(stage: Stage, journal: Journal) -> None:
    class Refusing(Batching):
        def on_batch(self, messages: Any) -> None:
            raise LookupError("not today")

    actor = stage.spawn(Refusing, journal)
    pile(stage, actor, Note(1), Note(2))
    stage.ask(actor, Run(lambda _: None))
    assert numbers(journal) == []


def test_a_batch_can_be_taken_as_a_sequence(stage: Stage, journal: Journal) -> None:
    class Slicing(Child):
        def on_batch(self, messages: Any) -> None:
            self.journal(len(messages), messages[0].note, [each.note for each in messages[1:]])
            messages.position = len(messages)

    actor = stage.spawn(Slicing, journal)
    pile(stage, actor, *map(Note, "abc"))
    stage.ask(actor, Run(lambda _: None))
    assert journal.notes[1:] == [(3, "a", ["b", "c"])]


def test_an_exit_between_two_batches_bounces_the_second(stage: Stage, journal: Journal) -> None:
    letters = stage.record(DeadLetter)
    actor = stage.spawn(Batching, journal)

    def put(this: Any) -> None:
        this.ref.tell(Note("a"))
        answer = this.ref.ask(Run(lambda actor: actor.exit(actor.ref)), block=False)
        this.ref.tell(Note("b"))
        journal(answer)

    stage.ask(actor, Run(put))
    stage.ended(actor)
    assert [letter.message for letter in letters.notes] == [Note("b")]
    assert "a" in journal.notes
    with pytest.raises(ActorDead):
        actor.ask(End(Error("late")))
