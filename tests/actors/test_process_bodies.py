"""What the body of an actor in a child process can do: refs, asks, timers, proxies, children and bonds work there."""

from __future__ import annotations

import gc
import os
import threading
from contextlib import suppress
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    ActorDead,
    Bound,
    ChildSpec,
    Completion,
    DeadLetter,
    Error,
    MailboxFull,
    Ref,
    Shutdown,
    Supervisor,
    Timeout,
)
from understudy.actors.deadlock import Deadlock
from understudy.actors.process.line import NotInChildProcess

from ..support.waiting import wait_until
from .children import Child, Crash, Run
from .stage import Journal, Stage
from .test_process_actors import on_real_hosts, on_shared_threads
from .workers import Add, Ask, AskLater, Call, Do, Echo, Got, Oops, Patient, Refused, Say, Slow, Social, Watch


def got(stage: Stage, actor: Ref[Any]) -> list[Any]:
    found = stage.ask(actor, Do(lambda this: this.got))
    assert isinstance(found, list)
    return found


@on_real_hosts
def test_a_body_tells_and_asks_others_by_refs_that_it_was_given(stage: Stage, journal: Journal) -> None:
    echo = stage.spawn(Echo, journal)
    actor = stage.spawn(Social, echo)
    stage.ask(actor, Do(lambda this: this.others[0].tell(Say("told"))))
    journal.has("told")
    assert stage.ask(actor, Ask(echo, Say("asked"))) == "said asked"
    assert stage.ask(actor, AskLater(echo, Say("later"))) == "said later"
    assert journal.notes == ["told", "asked", "later"]


@on_shared_threads
def test_a_ref_that_went_to_a_body_and_back_is_the_same(stage: Stage, journal: Journal) -> None:
    echo = stage.spawn(Echo)
    actor = stage.spawn(Social, echo)
    back = stage.ask(actor, Do(lambda this: (echo, this.ref, this.parent)))
    assert back == (echo, actor, stage.system.guardian)
    assert stage.ask(
        actor,
        Do(
            lambda this: (
                this.others[0] == echo,
                {echo: 1}[this.others[0]],
                str(this.ref),
                repr(this.ref),
                this.ref.uid,
            )
        ),
    ) == (True, 1, str(actor), f"<ChildRef {actor}>", actor.uid)
    assert stage.ask(actor, Do(lambda _: (echo.is_alive(), echo.reason, echo.waiting, echo.actor_class))) == (
        True,
        None,
        0,
        Echo,
    )


@on_shared_threads
def test_a_body_finds_others_by_their_paths(stage: Stage, journal: Journal) -> None:
    echo, actor = stage.spawn(Echo, name="echo"), stage.spawn(Social)
    assert stage.ask(actor, Do(lambda this: this.system.get("/echo"))) == echo
    assert stage.ask(actor, Do(lambda this: this.system.find("/nobody"))) is None
    with pytest.raises(ActorDead, match="nobody holds /nobody in the system 'shared'"):
        stage.ask(actor, Do(lambda this: this.system.get("/nobody")))


@on_shared_threads
def test_what_an_asked_actor_raises_is_raised_in_the_body(stage: Stage, journal: Journal) -> None:
    echo, actor = stage.spawn(Echo), stage.spawn(Social)

    def refuse(_: Any) -> None:
        raise Refused("not today")

    def asked(this: Any) -> str:
        try:
            echo.ask(Call(refuse), timeout=10)
        except Refused as error:
            return f"refused: {error}"
        return "answered"

    assert stage.ask(actor, Do(asked)) == "refused: not today"
    echo.stop()

    def asked_the_dead(this: Any) -> str:
        try:
            echo.ask(Say("anybody?"), timeout=10)
        except ActorDead as error:
            return str(error)
        return "answered"

    assert "ended before it answered" in stage.ask(actor, Do(asked_the_dead))


@on_shared_threads
def test_an_ask_of_a_body_times_out(stage: Stage) -> None:
    mute, actor = stage.spawn(Slow), stage.spawn(Social)

    def ask(this: Any) -> str:
        try:
            mute.ask(Call(str), timeout=0.05)
        except Timeout:
            return "timed out"
        return "answered"

    assert stage.ask(actor, Do(ask)) == "timed out"
    assert stage.ask(actor, Add(1)) == 1


@on_shared_threads
def test_a_full_mailbox_is_the_bodys_error(stage: Stage, journal: Journal) -> None:
    class Blocked(Echo):
        mailbox = Bound(1, "reject")

    blocked, actor = stage.spawn(Blocked, journal), stage.spawn(Social)
    gate = threading.Event()
    entered = threading.Event()
    blocked.tell(Call(lambda _: (entered.set(), gate.wait(10))))
    assert entered.wait(10)

    def flood(this: Any) -> str:
        for number in range(5):
            try:
                blocked.tell(Say(f"{number}"))
            except Exception as error:  # noqa: BLE001 - its class is what the test asks for
                return type(error).__name__
        return "all told"

    try:
        assert stage.ask(actor, Do(flood)) == MailboxFull.__name__
    finally:
        gate.set()


@on_shared_threads
def test_a_body_that_asks_itself_is_told_of_the_deadlock(stage: Stage) -> None:
    actor = stage.spawn(Social, name="narcissus")
    with pytest.raises(Deadlock, match="/narcissus -> /narcissus"):
        stage.ask(actor, Do(lambda this: this.ref.ask(Add(1))))


@on_shared_threads
def test_an_answer_is_piped_to_the_body_as_a_message(stage: Stage, journal: Journal) -> None:
    echo, actor = stage.spawn(Echo), stage.spawn(Social)

    def pipe(this: Any) -> None:
        echo.ask(Say("one"), block=False).pipe_to(this.ref, Got, lambda error: Got(repr(error)))
        echo.ask(Call(lambda _: 1 / 0), block=False).pipe_to(this.ref, Got, lambda error: Got(type(error).__name__))

    stage.ask(actor, Do(pipe))
    assert wait_until(lambda: (found := got(stage, actor)) and len(found) == 2 and found)[0] == "said one"
    assert got(stage, actor) == ["said one", "ZeroDivisionError"]


@on_shared_threads
def test_an_answer_that_cannot_be_sent_fails_the_bodys_ask(stage: Stage, journal: Journal) -> None:
    echo, actor = stage.spawn(Echo), stage.spawn(Social)
    lock = threading.Lock()

    class Keeper(Echo):
        def call(self, message: Call) -> Any:
            return lock

    keeper = stage.spawn(Keeper)
    stage.ask(
        actor,
        Do(
            lambda this: keeper.ask(Call(str), block=False).pipe_to(
                this.ref, Got, lambda error: Got(type(error).__name__)
            )
        ),
    )
    assert wait_until(lambda: got(stage, actor)) == ["TypeError"]
    assert stage.ask(actor, Ask(echo, Say("on"))) == "said on"


@on_shared_threads
def test_a_body_answers_later(stage: Stage) -> None:
    actor = stage.spawn(Social)

    def promise(this: Any) -> Completion[str]:
        this.promised = Completion()
        return this.promised

    answer = actor.ask(Do(promise), block=False)
    assert stage.ask(actor, Add(1)) == 1
    assert not answer.done()
    stage.ask(actor, Do(lambda this: this.promised.resolve("at last")))
    assert answer.get(timeout=10) == "at last"
    with pytest.raises(Oops, match="never"):
        stage.ask(actor, Do(lambda _: Completion.failed(Oops("never"))))
    assert stage.ask(actor, Do(lambda _: Completion.of(3))) == 3


@on_shared_threads
def test_a_body_hands_on_what_it_was_asked(stage: Stage, journal: Journal) -> None:
    echo, actor = stage.spawn(Echo), stage.spawn(Social)
    assert stage.ask(actor, Do(lambda this: this.forward(echo, Say("yours")))) == "said yours"


@on_shared_threads
def test_timers_of_a_body_tell_it_once_or_again_until_they_are_cancelled(stage: Stage) -> None:
    actor = stage.spawn(Social)

    def set_them(this: Any) -> None:
        this.after(0.01, Got("once"))
        this.after(0.01, Got("never")).cancel()
        this.ticking = this.every(0.01, Got("tick"))

    stage.ask(actor, Do(set_them))
    wait_until(lambda: got(stage, actor).count("tick") >= 3)
    stage.ask(actor, Do(lambda this: this.ticking.cancel()))
    found = got(stage, actor)
    assert found.count("once") == 1
    assert "never" not in found
    stage.ask(actor, Do(lambda this: this.after(0.05, Got("end")) and None))
    wait_until(lambda: "end" in got(stage, actor))
    assert got(stage, actor).count("tick") == found.count("tick")
    with pytest.raises(ValueError, match="an interval is seconds"):
        stage.ask(actor, Do(lambda this: this.every(0, Got("never"))))


@on_shared_threads
def test_a_body_is_told_of_the_end_of_what_it_watches(stage: Stage, journal: Journal) -> None:
    echo, other, actor = stage.spawn(Echo), stage.spawn(Echo), stage.spawn(Social)
    stage.ask(actor, Watch(echo))
    stage.ask(actor, Do(lambda this: this.demonitor(this.monitor(other))))
    other.stop()
    echo.stop()
    assert wait_until(lambda: got(stage, actor)) == [("down", str(echo), str(Shutdown()))]


@on_shared_threads
def test_a_body_is_linked_to_others(stage: Stage, journal: Journal) -> None:
    peer, actor = stage.spawn(Child, journal), stage.spawn(Social)
    stage.ask(actor, Do(lambda this: this.link(peer)))
    actor.tell(Do(lambda this: 1 / 0))
    assert stage.ended(peer) == stage.ended(actor)
    other, bystander = stage.spawn(Social), stage.spawn(Child, journal)
    stage.ask(other, Do(lambda this: (this.link(bystander), this.unlink(bystander))))
    stage.ask(other, Do(lambda this: this.exit(peer)))
    bystander.tell(Crash())
    stage.ended(bystander)
    assert stage.ask(other, Add(1)) == 1


@on_shared_threads
def test_a_body_has_children_in_the_actors_own_process(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Social, name="parent")

    class Born(Child):
        def __init__(self) -> None:
            super().__init__(Journal(), "born")

    child = stage.ask(actor, Do(lambda this: this.spawn(Born, name="born")))
    assert child.path == "/parent/born"
    assert stage.ask(child, Run(lambda this: this.parent)) == actor
    child.tell(Crash())
    assert isinstance(stage.ended(actor), Error)


@on_shared_threads
def test_a_body_stops_and_kills_others(stage: Stage, journal: Journal) -> None:
    first, second, actor = stage.spawn(Echo), stage.spawn(Echo), stage.spawn(Social)
    assert stage.ask(actor, Do(lambda _: first.stop(timeout=10))) is True
    assert stage.ask(actor, Do(lambda _: first.stop(block=False).get(timeout=10))) is False
    stage.ask(actor, Do(lambda _: second.kill()))
    assert (first.is_alive(), second.is_alive()) == (False, False)


class Shop(Actor):
    """Something for proxies."""

    def __init__(self) -> None:
        self.sold = 0

    def sell(self, number: int) -> int:
        self.sold += number
        return self.sold


@on_shared_threads
def test_proxies_work_in_a_body_and_of_a_body(stage: Stage) -> None:
    shop, actor = stage.spawn(Shop), stage.spawn(Social)
    assert stage.ask(actor, Do(lambda _: shop.proxy().sell(2).get(timeout=10))) == 2
    assert stage.ask(actor, Do(lambda _: shop.proxy().sold.get(timeout=10))) == 2
    proxy = actor.proxy()
    assert proxy.add_to_total(3).get(timeout=10) == 3
    assert proxy.total.get(timeout=10) == 3
    proxy.total = 5
    assert proxy.total.get(timeout=10) == 5
    stage.ask(actor, Do(lambda this: this.ref.proxy().add_to_total.defer(1)))
    assert proxy.total.get(timeout=10) == 6
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = proxy.nothing


@on_shared_threads
def test_two_bodies_talk_to_each_other(stage: Stage) -> None:
    first, second = stage.spawn(Social), stage.spawn(Social)
    assert stage.ask(first, Ask(second, Add(3))) == 3
    assert stage.ask(first, Ask(second, Do(lambda this: this.ref))) == second
    assert stage.ask(first, AskLater(second, Ask(first, Add(2)))) == 2


@on_shared_threads
def test_a_start_and_a_stop_of_a_body_may_be_finished_later(stage: Stage) -> None:
    actor = stage.spawn(Patient)
    pid = stage.ask(actor, Do(lambda _: os.getpid()))
    assert stage.ask(actor, Add(1)) == 1
    assert actor.stop(timeout=10)
    assert actor.reason == Shutdown()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@on_shared_threads
def test_an_answer_to_an_earlier_life_is_not_the_next_ones(stage: Stage, journal: Journal) -> None:
    class Top(Supervisor):
        def children(self) -> list[ChildSpec]:
            return [ChildSpec("social", Social, in_place=True)]

    slow = stage.spawn(Slow)
    stage.spawn(Top, name="top")
    actor = stage.find("/top/social")
    pipe = Do(lambda this: slow.ask(Call(str), block=False).pipe_to(this.ref, Got, Got))
    stage.ask(actor, pipe)
    actor.tell(Do(lambda _: 1 / 0))
    stage.ask(actor, pipe)
    stage.ask(slow, Say("both have asked"))
    first, second = slow._cell.actor.promised
    first.resolve("too late")
    second.resolve("in time")
    assert wait_until(lambda: got(stage, actor)) == ["in time"]


@on_shared_threads
def test_refs_that_a_body_dropped_are_forgotten(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Social)
    known = actor._cell.actor._known
    for _ in range(5):
        echo = stage.spawn(Echo)
        stage.ask(actor, Ask(echo, Say("hello")))
    stage.ask(actor, Do(lambda _: gc.collect()))
    stage.ask(actor, Add(0))
    assert len(known) <= 3  # its own, its parent, and the last


@on_shared_threads
def test_what_a_body_cannot_have_is_refused_by_name(stage: Stage, journal: Journal) -> None:
    echo = stage.spawn(Echo)

    def from_another_thread(_: Any) -> str:
        said: list[str] = []

        def tell() -> None:
            try:
                echo.tell(Say("psst"))
            except NotInChildProcess as error:
                said.append(str(error))

        thread = threading.Thread(target=tell)
        thread.start()
        thread.join()
        return said[0]

    for reach, why in (
        (lambda this: this.io, "watches no file descriptors: read them in an actor without a process"),
        (lambda this: this.system.events, "its system has no 'events'"),
    ):
        actor = stage.spawn(Social, name="odd")
        with pytest.raises(NotInChildProcess, match=why):
            stage.ask(actor, Do(reach))
        stage.ended(actor)
    assert "only the one that runs its handlers" in stage.ask(stage.spawn(Social), Do(from_another_thread))


@on_shared_threads
def test_an_answer_that_comes_after_the_end_is_no_dead_letter(stage: Stage, journal: Journal) -> None:
    letters = stage.record(DeadLetter)
    slow, actor = stage.spawn(Slow), stage.spawn(Social)
    stage.ask(actor, Do(lambda _: slow.ask(Call(str), block=False) and None))
    stage.ask(slow, Say("asked"))
    [promised] = slow._cell.actor.promised
    actor.kill()
    stage.ended(actor)
    promised.resolve("too late")
    assert letters.notes == []


@on_shared_threads
def test_whoever_asked_a_body_that_is_killed_is_told_of_its_end(stage: Stage) -> None:
    echo = stage.spawn(Echo)
    for _ in range(5):
        actor = stage.spawn(Social)
        answers = [actor.ask(Ask(echo, Say("?")), block=False) for _ in range(5)]
        wait_until(lambda first=answers[0]: first.done())
        actor.kill()
        for answer in answers:
            with suppress(ActorDead):
                assert answer.get(timeout=10) == "said ?"
