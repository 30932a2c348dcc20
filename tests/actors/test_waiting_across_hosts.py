"""Each kind of host waits for what an actor on each other kind promises, across threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from understudy.actors import ActorDead, Completion, Message, Timeout, on

from .children import Child, Note, Oops, Run
from .stage import HOSTS, PATIENCE, Journal, Stage, stage_on

REAL = [kind for kind in HOSTS if kind != "simulated"]
"""A simulation is a world of its own: what is waited for in it has to happen in it."""


@dataclass(frozen=True, slots=True)
class WaitFor(Message[Any, None]):
    """Note that you wait, wait in your host's way, and note what came of it."""

    answer: Completion[Any]
    timeout: float = PATIENCE


def told(journal: Journal, get: Callable[[], Any]) -> None:
    journal("waits")
    try:
        journal(("got", get()))
    except (Oops, ActorDead, Timeout) as error:
        journal(("failed", type(error)))


class Blocks(Child):
    """Waits where it stands: its host lets the others go on."""

    @on(WaitFor)
    def wait(self, message: WaitFor) -> None:
        told(self.journal, lambda: message.answer.get(timeout=message.timeout))


class Pipes(Child):
    """Has itself told, since it must not wait."""

    @on(WaitFor)
    def wait(self, message: WaitFor) -> None:
        self.journal("waits")
        message.answer.pipe_to(
            self.ref, lambda value: Note(("got", value)), lambda error: Note(("failed", type(error)))
        )
        self.after(message.timeout, Run(lambda _: message.answer.fail(Timeout("too late"))))


class Awaits(Child):
    """Awaits, on its loop."""

    @on(WaitFor)
    async def wait(self, message: WaitFor) -> None:
        self.journal("waits")
        try:
            async with asyncio.timeout(message.timeout):
                self.journal(("got", await message.answer))
        except TimeoutError:
            self.journal(("failed", Timeout))
        except (Oops, ActorDead) as error:
            self.journal(("failed", type(error)))


WAITERS = {"shared": Pipes, "pinned": Blocks, "gevent": Blocks, "eventlet": Blocks, "asyncio": Awaits}
ENDS: dict[str, Callable[[Stage, Any, Completion[Any]], object]] = {
    "answers": lambda stage, actor, promise: actor.tell(Run(lambda _: promise.resolve("hello"))),
    "fails": lambda stage, actor, promise: actor.tell(Run(lambda _: promise.fail(Oops("no")))),
    "stops": lambda stage, actor, promise: actor.stop(block=False),
    "is killed": lambda stage, actor, promise: actor.kill(),
}
OUTCOMES = {"answers": ("got", "hello"), "fails": ("failed", Oops), "stops": ("failed", ActorDead)}
OUTCOMES["is killed"] = OUTCOMES["stops"]


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[Stage]:
    with stage_on(request.param, Journal()) as made:
        yield made


@pytest.mark.parametrize("stage", REAL, indirect=True)
@pytest.mark.parametrize("answering", REAL, indirect=True)
@pytest.mark.parametrize("end", ENDS)
def test_an_actor_on_any_host_waits_for_one_on_any_other(
    stage: Stage, answering: Stage, journal: Journal, end: str
) -> None:
    promise: Completion[str] = Completion()
    answerer = answering.spawn(Child, Journal())
    waiter = stage.spawn(WAITERS[stage.kind], journal)
    waiter.tell(WaitFor(answerer.ask(Run(lambda _: promise), block=False)))
    journal.has("waits")
    ENDS[end](answering, answerer, promise)
    journal.has(OUTCOMES[end])


@pytest.mark.parametrize("answering", REAL, indirect=True)
@pytest.mark.parametrize("end", ENDS)
def test_a_thread_waits_for_an_actor_on_any_host(answering: Stage, end: str) -> None:
    journal, promise = Journal(), Completion[str]()
    answerer = answering.spawn(Child, Journal())
    answer = answerer.ask(Run(lambda _: promise), block=False)
    ENDS[end](answering, answerer, promise)
    told(journal, lambda: answer.get(timeout=PATIENCE))
    assert journal.notes == ["waits", OUTCOMES[end]]


@pytest.mark.parametrize("answering", REAL, indirect=True)
@pytest.mark.parametrize("end", ENDS)
def test_a_task_of_another_loop_waits_for_an_actor_on_any_host(answering: Stage, end: str) -> None:
    promise: Completion[str] = Completion()
    answerer = answering.spawn(Child, Journal())

    async def main() -> Any:
        waiting = asyncio.ensure_future(wait(answerer.ask(Run(lambda _: promise), block=False)))
        await asyncio.sleep(0)
        ENDS[end](answering, answerer, promise)
        return await asyncio.wait_for(waiting, PATIENCE)

    async def wait(answer: Completion[Any]) -> Any:
        try:
            return "got", await answer
        except (Oops, ActorDead) as error:
            return "failed", type(error)

    assert asyncio.run(main()) == OUTCOMES[end]


@pytest.mark.parametrize("stage", REAL, indirect=True)
@pytest.mark.parametrize("answering", REAL, indirect=True)
def test_who_waits_in_vain_gives_up_in_time(stage: Stage, answering: Stage, journal: Journal) -> None:
    answerer = answering.spawn(Child, Journal())
    waiter = stage.spawn(WAITERS[stage.kind], journal)
    waiter.tell(WaitFor(answerer.ask(Run(lambda _: Completion()), block=False), timeout=0.01))
    journal.has(("failed", Timeout))
    assert stage.ask(waiter, Run(lambda this: this.name)) == "child"


@pytest.mark.parametrize("stage", REAL, indirect=True)
@pytest.mark.parametrize("answering", REAL, indirect=True)
def test_many_wait_at_a_time_and_all_are_woken(stage: Stage, answering: Stage, journal: Journal) -> None:
    promise: Completion[str] = Completion()
    answerer = answering.spawn(Child, Journal())
    for _ in range(20):
        waiter = stage.spawn(WAITERS[stage.kind], journal)
        waiter.tell(WaitFor(answerer.ask(Run(lambda _: promise), block=False)))
    journal.counts("waits", 20)
    answerer.tell(Run(lambda _: promise.resolve("all")))
    journal.counts(("got", "all"), 20)
