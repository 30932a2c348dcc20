"""Actors whose body runs in a child process: the same ref, the same supervision, a kill that is one."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import wait_until
from understudy.actors import (
    Actor,
    ActorDead,
    Bound,
    ChildSpec,
    Error,
    Killed,
    ProcessActor,
    Shutdown,
    StartFailed,
    Supervisor,
)
from understudy.actors.process.stand_in import ProcessDied

from .children import Child, Run
from .stage import Journal, Stage
from .workers import Add, Do, FailsToStart, Ignores, Leaves, Oops, Refused, Unsendable, Worker

on_real_hosts = pytest.mark.parametrize("stage", ["shared", "pinned", "gevent", "eventlet", "asyncio"], indirect=True)
on_shared_threads = pytest.mark.parametrize("stage", ["shared"], indirect=True)


def fails(error: Callable[[], BaseException]) -> Do:
    def fail(_: Any) -> None:
        raise error()

    return Do(fail)


def pid_of(stage: Stage, actor: Any) -> int:
    pid = stage.ask(actor, Do(lambda _: os.getpid()))
    assert isinstance(pid, int)
    return pid


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@on_real_hosts
def test_the_body_is_in_another_process_and_keeps_its_state(stage: Stage) -> None:
    actor = stage.spawn(Worker, 10)
    assert pid_of(stage, actor) != os.getpid()
    assert [stage.ask(actor, Add(number)) for number in (1, 2, 3)] == [11, 13, 16]
    actor.tell(Add(4))
    assert stage.ask(actor, Add(0)) == 20


@on_real_hosts
def test_a_kill_ends_a_process_that_hangs_and_its_supervisor_replaces_it(stage: Stage) -> None:
    class Top(Supervisor):
        def children(self) -> list[ChildSpec]:
            return [ChildSpec("worker", Worker, (7,))]

    stage.spawn(Top, name="top")
    actor = stage.find("/top/worker")
    pid = pid_of(stage, actor)
    answer = actor.ask(Do(lambda _: time.sleep(100)), block=False)
    actor.kill()
    with pytest.raises(ActorDead):
        answer.get(timeout=10)
    assert stage.ended(actor) == Killed()
    assert not lives(pid)
    replaced = wait_until(lambda: stage.system.find("/top/worker"))
    assert stage.ask(replaced, Add(0)) == 7


@on_shared_threads
def test_a_process_that_dies_is_the_actors_crash(stage: Stage) -> None:
    actor = stage.spawn(Worker)
    answer = actor.ask(Do(lambda _: os.kill(os.getpid(), signal.SIGKILL)), block=False)
    with pytest.raises(ProcessDied, match="was killed by SIGKILL"):
        answer.get(timeout=10)
    assert isinstance(stage.ended(actor), Error)
    actor = stage.spawn(Worker, name="exits")
    with pytest.raises(ProcessDied, match="the process of /exits ended with status 3"):
        stage.ask(actor, Do(lambda _: os._exit(3)))


@on_shared_threads
def test_an_error_is_a_crash_and_goes_to_the_asker_with_its_traceback(stage: Stage) -> None:
    actor = stage.spawn(Worker)
    pid = pid_of(stage, actor)
    with pytest.raises(Oops, match="there") as failed:
        stage.ask(actor, fails(lambda: Oops("there")))
    assert "in a child process:" in failed.value.__notes__[0]
    assert "in fail" in failed.value.__notes__[0]
    assert stage.ended(actor) == Error("Oops: there")
    assert not lives(pid)


@on_shared_threads
@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_whatever_a_body_raises_ends_that_actor_only(stage: Stage, error: BaseException) -> None:
    actor, other = stage.spawn(Worker), stage.spawn(Worker)
    actor.tell(fails(lambda: error))
    assert isinstance(stage.ended(actor), Error)
    assert stage.ask(other, Add(1)) == 1


@on_shared_threads
def test_an_expected_error_is_an_answer(stage: Stage) -> None:
    actor = stage.spawn(Worker)
    with pytest.raises(Refused, match="no"):
        stage.ask(actor, fails(lambda: Refused("no")))
    assert stage.ask(actor, Add(1)) == 1


@on_shared_threads
def test_an_error_that_cannot_be_sent_is_told_in_words(stage: Stage) -> None:
    actor = stage.spawn(Worker)
    with pytest.raises(Exception, match=r"Unsendable: cannot be sent \(of a class that cannot be sent\)"):
        stage.ask(actor, fails(Unsendable))


@on_shared_threads
def test_an_argument_that_cannot_be_sent_fails_the_start(stage: Stage) -> None:
    with pytest.raises(StartFailed, match="cannot pickle"):
        stage.spawn(Worker, threading.Lock())


@on_shared_threads
def test_a_message_that_cannot_be_sent_is_the_actors_crash(stage: Stage) -> None:
    actor = stage.spawn(Worker)
    lock = threading.Lock()
    with pytest.raises(TypeError, match="cannot pickle"):
        stage.ask(actor, Do(lambda _: lock))
    assert isinstance(stage.ended(actor), Error)


@on_shared_threads
def test_a_start_in_a_child_process_may_fail_or_choose_not_to_run(stage: Stage) -> None:
    with pytest.raises(StartFailed) as failed:
        stage.spawn(FailsToStart)
    assert failed.value.reason == Error("Oops: start")
    with pytest.raises(StartFailed, match="it chose not to run"):
        stage.spawn(Ignores)


@on_real_hosts
def test_a_stop_runs_the_bodys_hook_and_waits_for_the_end_of_its_process(stage: Stage, tmp_path: Any) -> None:
    left = tmp_path / "left"
    actor = stage.spawn(Leaves, str(left))
    assert actor.stop(timeout=10)
    assert actor.reason == Shutdown()
    assert not lives(int(left.read_text()))


@on_shared_threads
def test_a_supervisor_that_lost_its_patience_kills_the_process(stage: Stage, tmp_path: Path) -> None:
    class Top(Supervisor):
        def children(self) -> list[ChildSpec]:
            return [ChildSpec("worker", Worker, shutdown=0.05)]

    top = stage.spawn(Top, name="top")
    worker = stage.find("/top/worker")
    pid = pid_of(stage, worker)
    begun = str(tmp_path / "begun")
    worker.tell(Do(lambda _: (os.mkdir(begun), time.sleep(100))))  # noqa: PTH102 - it runs in the child
    wait_until(lambda: os.path.exists(begun))  # noqa: PTH110 - nothing else tells
    top.stop(timeout=10)
    assert worker.reason == Killed()
    assert not lives(pid)


@on_shared_threads
def test_a_body_may_stop_itself(stage: Stage) -> None:
    actor = stage.spawn(Worker)
    assert stage.ask(actor, Do(lambda this: this.stop() or "said")) == "said"
    assert stage.ended(actor) == Shutdown()


@on_shared_threads
def test_a_body_has_time_and_randomness(stage: Stage) -> None:
    actor = stage.spawn(Worker, name="worker")

    def look(this: Any) -> Any:
        return this.path, this.clock.now() > 0, 0 <= this.rng.random() < 1, len(this.ids.fresh()), this.system.name

    assert stage.ask(actor, Do(look)) == ("/worker", True, True, 36, "shared")


@on_shared_threads
def test_a_restart_in_place_starts_another_process_and_keeps_the_mail(stage: Stage) -> None:
    class Top(Supervisor):
        def children(self) -> list[ChildSpec]:
            return [ChildSpec("worker", Worker, (1,), in_place=True)]

    stage.spawn(Top, name="top")
    actor = stage.find("/top/worker")
    first = pid_of(stage, actor)
    actor.tell(Do(lambda _: os._exit(1)))
    second = pid_of(stage, actor)
    assert first != second
    assert not lives(first)


@on_shared_threads
def test_a_mailbox_of_a_process_actor_is_bounded_as_any(stage: Stage) -> None:
    class Bounded(Worker):
        mailbox = Bound(1)

    assert stage.ask(stage.spawn(Bounded), Add(3)) == 3


@pytest.mark.parametrize("stage", ["simulated"], indirect=True)
def test_in_a_simulation_the_body_runs_in_place(stage: Stage) -> None:
    actor = stage.spawn(Worker, 2)
    assert stage.ask(actor, Do(lambda _: os.getpid())) == os.getpid()
    assert stage.ask(actor, Add(3)) == 5


async def later(*_: Any) -> None:
    """Be a coroutine."""


@pytest.mark.parametrize(
    ("what", "attributes"),
    [
        ("async def", {"on_start": later}),
        ("on_batch", {"on_batch": lambda self, messages: None}),
        ("trap_exit", {"trap_exit": True}),
        ("pinned = False", {"pinned": False}),
    ],
)
def test_what_a_child_process_cannot_do_is_refused_where_the_class_is_made(
    what: str, attributes: dict[str, Any]
) -> None:
    with pytest.raises(TypeError, match=f"Wrong runs in a process of its own, where there is no .*{what}"):
        type("Wrong", (ProcessActor,), attributes)


@on_shared_threads
def test_an_actor_of_this_process_asks_one_of_another(stage: Stage, journal: Journal) -> None:
    worker, here = stage.spawn(Worker, 1), stage.spawn(Child, journal)

    def ask(this: Actor) -> Any:
        return worker.ask(Add(2), block=False)

    assert stage.ask(here, Run(ask)) == 3
