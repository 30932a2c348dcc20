"""Actors on an asyncio loop: in the midst of a program's own tasks, with coroutines for handlers."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    ActorDead,
    ChildEnd,
    ChildSpec,
    Completion,
    Decision,
    Deferred,
    Error,
    IgnoreStart,
    Killed,
    Message,
    Poison,
    Replace,
    Shutdown,
    StartFailed,
    Supervisor,
    System,
    WouldBlock,
    on,
)
from understudy.actors.hosts.asyncio import AsyncioHost

from .children import Child, Note, Run
from .stage import Journal, Stage

on_asyncio = pytest.mark.parametrize("stage", ["asyncio"], indirect=True)
on_loops = pytest.mark.parametrize("stage", ["asyncio", "simulated"], indirect=True)
elsewhere = pytest.mark.parametrize("stage", ["shared", "pinned", "gevent", "eventlet"], indirect=True)


@dataclass(frozen=True, slots=True)
class Await(Message[Any, Any]):
    """Await this, and answer with it."""

    what: Callable[[Any], Awaitable[Any]]


class Refused(Exception):
    """What an answer may be."""


class Waits(Child):
    """Has handlers that are coroutines."""

    expected = (Refused,)

    @on(Await)
    async def wait(self, message: Await) -> Any:
        return await message.what(self)


class Reentrant(Waits):
    reentrant = True


class WaitsToStart(Child):
    def __init__(self, journal: Journal, go_on: Completion[None]) -> None:
        super().__init__(journal)
        self.go_on = go_on

    async def on_start(self) -> None:
        self.journal("starting")
        await self.go_on
        self.journal("started")


class WaitsToStop(Waits):
    def __init__(self, journal: Journal, go_on: Completion[None]) -> None:
        super().__init__(journal)
        self.go_on = go_on

    async def on_stop(self) -> None:
        self.journal("stopping")
        await self.go_on
        self.journal("stopped")


def awaits(journal: Journal, name: str, go_on: Completion[Any]) -> Await:
    """Make an actor note that it began to wait, that it went on, or that it was cancelled."""

    async def wait(_: Any) -> Any:
        journal("begins", name)
        try:
            value = await go_on
        except asyncio.CancelledError:
            journal("cancelled", name)
            raise
        journal("ends", name)
        return value

    return Await(wait)


async def returned(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


async def raised(error: BaseException) -> Any:
    await asyncio.sleep(0)
    raise error


# -- in the program's loop ---------------------------------------------------------------------------------------------


def test_actors_live_in_the_loop_that_runs_and_are_awaited_there(journal: Journal) -> None:
    async def main() -> None:
        async with System("here", AsyncioHost()) as system:
            actor = await system.start(Child, journal, "one")
            thread = await actor.ask(Run(lambda _: threading.get_ident()), block=False)
            assert thread == threading.get_ident()
            assert await actor.stop(block=False)
            assert actor.reason == Shutdown()
        assert system.paths() == []

    asyncio.run(main())
    assert journal.notes == [("start", "one"), ("stop", "one")]


def test_the_programs_tasks_go_on_while_actors_are_busy() -> None:
    class Spins(Actor):
        turns = 0

        @on(Note)
        def spin(self, message: Note) -> None:
            self.turns += 1
            self.ref.tell(message)

    async def main() -> None:
        async with System("busy", AsyncioHost()) as system:
            actor: Any = await system.start(Spins)
            for _ in range(200):
                actor.tell(Note("again"))
            for _ in range(50):
                await asyncio.sleep(0)

    asyncio.run(main())


@pytest.mark.parametrize("wait", ["get", "ask", "stop", "spawn", "system stop"])
@pytest.mark.parametrize("where", ["a task", "a turn", "a coroutine"])
def test_a_wait_that_would_block_the_loop_is_refused_before_anything_is_sent(
    journal: Journal, wait: str, where: str
) -> None:
    async def main() -> None:
        async with System("blocks", AsyncioHost()) as system:
            other = await system.start(Child, journal, "other")
            actor = await system.start(Waits, journal, "actor")
            ways: dict[str, Callable[[], object]] = {
                "get": lambda: Completion().get(),
                "ask": lambda: other.ask(Note("sent")),
                "stop": other.stop,
                "spawn": lambda: system.spawn(Child, journal, "spawned"),
                "system stop": system.stop,
            }

            async def blocks(_: Any) -> None:
                ways[wait]()

            places: dict[str, Callable[[], Awaitable[Any]]] = {
                "a task": lambda: blocks(None),
                "a turn": lambda: actor.ask(Run(lambda _: ways[wait]()), block=False),
                "a coroutine": lambda: actor.ask(Await(blocks), block=False),
            }
            with pytest.raises(WouldBlock, match="would block the event loop that it runs on: await"):
                await places[where]()
            assert await other.ask(Run(lambda this: this.name), block=False) == "other"
        assert "sent" not in journal.notes
        assert ("start", "spawned") not in journal.notes

    asyncio.run(main())


def test_a_thread_may_block_again_when_its_loop_is_over(journal: Journal) -> None:
    async def main() -> None:
        System("left", AsyncioHost())

    asyncio.run(main())
    completion: Completion[int] = Completion()
    thread = threading.Thread(target=completion.resolve, args=(1,))
    thread.start()
    assert completion.get(timeout=10) == 1
    thread.join()


def test_a_thread_whose_loop_is_over_waits_as_the_completion_has_it() -> None:
    async def main() -> None:
        System("left", AsyncioHost())

    asyncio.run(main())
    completion: Completion[int] = Completion()
    completion.waiter = lambda waited_for, _: waited_for.resolve(2)
    assert completion.get(timeout=10) == 2


def test_a_pinned_actor_may_block_and_the_loop_goes_on(journal: Journal) -> None:
    class Blocks(Child):
        pinned = True

    async def main() -> None:
        async with System("pinned", AsyncioHost()) as system:
            gate = threading.Event()
            actor = await system.start(Blocks, journal)
            answer = actor.ask(Run(lambda _: gate.wait(10)), block=False)
            await asyncio.sleep(0)
            gate.set()
            assert await answer

    asyncio.run(main())


def test_what_does_not_stop_in_time_is_killed_without_a_wait(caplog: pytest.LogCaptureFixture) -> None:
    class Stays(Actor):
        def on_stop(self) -> Deferred:
            return Deferred.LATER

    async def main() -> bool:
        system = System("stays", AsyncioHost())
        await system.start(Stays, name="stays")
        return await system.stop(timeout=0.01, block=False)

    assert asyncio.run(main()) is False
    assert "killed: /stays" in caplog.text


# -- coroutines --------------------------------------------------------------------------------------------------------


@on_loops
def test_a_coroutine_answers_when_it_is_over(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Waits, journal)
    assert stage.ask(actor, Await(lambda _: returned(3))) == 3
    assert stage.ask(actor, Await(lambda _: returned(Completion.of(4)))) == 4


@on_loops
def test_an_actor_takes_nothing_while_its_coroutine_is_carried_out(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Waits, journal)
    other = stage.spawn(Waits, journal)
    go_on: Completion[None] = Completion()
    actor.tell(awaits(journal, "first", go_on))
    actor.tell(Note("second"))
    actor.tell(awaits(journal, "third", go_on))
    journal.has(("begins", "first"))
    assert stage.ask(other, Await(lambda _: returned("others go on"))) == "others go on"
    assert "second" not in journal.notes
    go_on.resolve(None)
    journal.has(("ends", "third"))
    wanted = [("begins", "first"), ("ends", "first"), "second", ("begins", "third"), ("ends", "third")]
    assert [note for note in journal.notes if note in wanted] == wanted


@on_loops
def test_a_reentrant_actor_has_several_coroutines_under_way(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Reentrant, journal)
    slow, fast = Completion[str](), Completion[str]()
    answers = [actor.ask(awaits(journal, name, go_on), block=False) for name, go_on in (("slow", slow), ("fast", fast))]
    journal.has(("begins", "slow"), ("begins", "fast"))
    fast.resolve("tortoise")
    assert answers[1].get(timeout=10) == "tortoise"
    slow.resolve("hare")
    assert answers[0].get(timeout=10) == "hare"


@on_loops
def test_an_error_of_a_coroutine_is_a_crash_and_goes_to_the_asker(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Waits, journal)
    with pytest.raises(ZeroDivisionError):
        stage.ask(actor, Await(lambda _: raised(ZeroDivisionError("no"))))
    assert stage.ended(actor) == Error("ZeroDivisionError: no")
    actor = stage.spawn(Waits, journal)
    actor.tell(Await(lambda _: raised(SystemExit(3))))
    assert stage.ended(actor) == Error("SystemExit: 3")


@on_loops
def test_an_expected_error_of_a_coroutine_is_an_answer(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Waits, journal)
    actor.tell(Await(lambda _: raised(Refused("told"))))
    with pytest.raises(Refused, match="asked"):
        stage.ask(actor, Await(lambda _: raised(Refused("asked"))))
    assert actor.is_alive()


@on_loops
@pytest.mark.parametrize("actor_class", [Waits, Reentrant])
def test_a_kill_cancels_what_an_actor_awaits(stage: Stage, journal: Journal, actor_class: type[Waits]) -> None:
    actor = stage.spawn(actor_class, journal)
    answer = actor.ask(awaits(journal, "for ever", Completion()), block=False)
    journal.has(("begins", "for ever"))
    actor.kill()
    with pytest.raises(ActorDead):
        answer.get(timeout=10)
    assert stage.ended(actor) == Killed()
    journal.has(("cancelled", "for ever"))


@on_loops
def test_a_supervisor_that_lost_its_patience_cancels(stage: Stage, journal: Journal) -> None:
    class Impatient(Supervisor):
        def children(self) -> list[ChildSpec]:
            return [ChildSpec("waits", Waits, (journal,), shutdown=0.01)]

    supervisor = stage.spawn(Impatient, name="top")
    stage.find("/top/waits").tell(awaits(journal, "for ever", Completion()))
    journal.has(("begins", "for ever"))
    supervisor.stop(timeout=10)
    journal.has(("cancelled", "for ever"))


@on_loops
def test_a_stop_waits_for_the_coroutine_that_is_under_way(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Waits, journal)
    go_on: Completion[None] = Completion()
    actor.tell(awaits(journal, "first", go_on))
    journal.has(("begins", "first"))
    stopped = actor.stop(block=False)
    go_on.resolve(None)
    assert stopped.get(timeout=10)
    assert journal.notes[-2:] == [("ends", "first"), ("stop", "child")]


@on_loops
def test_a_reentrant_actor_that_stops_cancels_what_is_under_way(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Reentrant, journal)
    answer = actor.ask(awaits(journal, "for ever", Completion()), block=False)
    journal.has(("begins", "for ever"))
    assert actor.stop(timeout=10)
    with pytest.raises(ActorDead):
        answer.get(timeout=10)
    journal.has(("cancelled", "for ever"))


@on_loops
def test_a_start_that_is_awaited_comes_before_any_message(stage: Stage, journal: Journal) -> None:
    go_on: Completion[None] = Completion()
    starting = stage.system.start(WaitsToStart, journal, go_on, name="starts")
    journal.has("starting")
    stage.find("/starts").tell(Note("message"))
    assert not starting.done()
    go_on.resolve(None)
    starting.get(timeout=10)
    assert journal.has("message") == ["starting", "started", "message"]


@on_loops
@pytest.mark.parametrize(("error", "reason"), [(ValueError("no"), Error("ValueError: no")), (IgnoreStart(), None)])
def test_a_start_that_is_awaited_may_fail(stage: Stage, journal: Journal, error: Exception, reason: Any) -> None:
    with pytest.raises(StartFailed) as failed:
        stage.spawn(WaitsToStart, journal, Completion.failed(error))
    assert failed.value.reason == reason


@on_loops
def test_a_stop_that_is_awaited_is_waited_for(stage: Stage, journal: Journal) -> None:
    go_on: Completion[None] = Completion()
    actor = stage.spawn(WaitsToStop, journal, go_on)
    stopped = actor.stop(block=False)
    journal.has("stopping")
    assert not stopped.done()
    go_on.resolve(None)
    assert stopped.get(timeout=10)
    assert journal.notes[-1] == "stopped"


@on_loops
def test_a_stop_that_is_awaited_may_fail(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(WaitsToStop, journal, Completion.failed(ValueError("no")))
    actor.stop(timeout=10)
    assert actor.reason == Error("ValueError: no")


@on_loops
def test_an_actors_coroutine_passes_its_own_bound_and_a_task_of_its_does_not(stage: Stage, journal: Journal) -> None:
    from understudy.actors import Bound, MailboxFull

    class Bounded(Waits):
        mailbox = Bound(1)

    async def tell_itself(this: Any) -> str:
        for number in range(3):
            this.ref.tell(Note(number))

        async def from_outside() -> None:
            this.ref.tell(Note("outside"))

        with suppress(MailboxFull):
            await asyncio.create_task(from_outside())
            return "passed"
        return "refused"

    actor = stage.spawn(Bounded, journal)
    assert stage.ask(actor, Await(tell_itself)) == "refused"
    journal.has(0, 1, 2)


@on_loops
@pytest.mark.parametrize("end", ["returns", "crashes", "is killed"])
def test_a_coroutine_may_hand_a_question_on(stage: Stage, journal: Journal, end: str) -> None:
    promise: Completion[str] = Completion()
    other = stage.spawn(Child, journal)
    actor = stage.spawn(Waits, journal)

    async def hand_on(this: Any) -> str:
        await asyncio.sleep(0)
        this.forward(other, Run(lambda _: promise))
        await asyncio.sleep(0)
        if end == "crashes":
            raise ValueError("no")
        if end == "is killed":
            this.ref.kill()
        return "too late"

    answer = actor.ask(Await(hand_on), block=False)
    if end != "returns":
        stage.ended(actor)
    assert stage.ask(other, Run(lambda this: this.name)) == "child"
    promise.resolve("from another")
    assert answer.get(timeout=10) == "from another"


@on_loops
def test_what_a_coroutine_crashed_on_can_be_given_another_chance(stage: Stage, journal: Journal) -> None:
    class Patient(Supervisor):
        def children(self) -> list[ChildSpec]:
            return [ChildSpec("waits", Waits, (journal,), in_place=True)]

        def decide(self, end: ChildEnd) -> Decision:
            return Replace(("waits",), poison=Poison.RETRY if end.attempts < 2 else Poison.DROP)

    async def fail(this: Any) -> None:
        this.journal("tried")
        await asyncio.sleep(0)
        raise ValueError("no")

    stage.spawn(Patient, name="top")
    waits = stage.find("/top/waits")
    waits.tell(Await(fail))
    journal.counts(("start", "child"), 3)
    assert stage.ask(waits, Run(lambda this: this.name)) == "child"
    assert journal.notes.count("tried") == 2


@on_loops
def test_a_timeout_of_asyncios_works_in_a_handler(stage: Stage, journal: Journal) -> None:
    async def impatient(_: Any) -> str:
        try:
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        except TimeoutError:
            return "too late"
        return "in time"

    assert stage.ask(stage.spawn(Waits, journal), Await(impatient)) == "too late"


@on_loops
def test_a_proxy_awaits_methods(stage: Stage) -> None:
    class Adds(Actor):
        async def add(self, a: int, b: int) -> int:
            return await returned(a + b)

    assert stage.spawn(Adds).proxy().add(1, 2).get(timeout=10) == 3


@elsewhere
def test_a_handler_that_is_async_needs_a_loop_and_says_so(stage: Stage, journal: Journal) -> None:
    with pytest.raises(StartFailed, match=r"Waits\.wait is `async def`, which takes an event loop: give the system an"):
        stage.spawn(Waits, journal)


@elsewhere
def test_a_coroutine_that_nobody_carries_out_is_a_crash(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    answer = actor.ask(Run(lambda _: returned(1)), block=False)
    assert "returned a coroutine, and its host runs none" in str(stage.ended(actor))
    with pytest.raises(ActorDead):
        answer.get(timeout=10)


def test_a_batch_is_not_taken_by_a_coroutine() -> None:
    with pytest.raises(TypeError, match="on_batch cannot be `async def`"):
        type("Batches", (Actor,), {"on_batch": returned})


@on_asyncio
def test_a_slow_step_of_a_coroutine_is_reported_with_its_stack(
    stage: Stage, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    from understudy.actors import SlowTurn

    reports = stage.record(SlowTurn)
    over = threading.Event()

    async def compute(_: Any) -> None:
        over.wait(10)

    with caplog.at_level(logging.ERROR):
        actor = stage.spawn(Waits, journal)
        actor.tell(Await(compute))
        report = reports.until(len)[0]
    over.set()
    assert report.ref == actor
    assert "in compute" in report.stack
