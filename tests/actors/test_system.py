"""`System`: registry, start and stop, several in a process, and what a fork does to one."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import threading
from typing import Any

import pytest

from understudy.actors import (
    ActorDead,
    ActorStopped,
    Completion,
    DeadLetter,
    StartFailed,
    System,
    SystemStopped,
    ThreadHost,
    Timeout,
)

from .children import Child, Crash, FailsToStart, NeverStarts, NeverStops, Note, Run, StopsAfter, Troupe, specs
from .stage import Journal, Stage, in_simulation, on_threads


def test_actors_are_found_by_their_paths(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal, name="a")
    stage.spawn(Troupe, specs(journal, "x"), name="troupe")
    assert stage.system.find("/a") == actor
    assert stage.system.find("/nobody") is None
    assert stage.system.find("") == stage.system.guardian
    assert stage.system.paths() == ["", "/a", "/troupe", "/troupe/x"]
    actor.stop()
    assert stage.system.paths() == ["", "/troupe", "/troupe/x"]


def test_actors_without_a_name_get_one_each(stage: Stage, journal: Journal) -> None:
    paths = {stage.spawn(Child, journal).path for _ in range(5)}
    assert len(paths) == 5


def test_a_failed_start_is_raised_to_the_spawner(stage: Stage, journal: Journal) -> None:
    with pytest.raises(StartFailed, match="/a did not start: Oops: start"):
        stage.spawn(FailsToStart, journal, name="a")
    assert stage.system.find("/a") is None
    stage.spawn(Child, journal, name="a")


def test_a_wrong_argument_fails_the_start_and_not_the_system(stage: Stage, journal: Journal) -> None:
    with pytest.raises(StartFailed, match="unexpected keyword argument 'colour'"):
        stage.spawn(Child, journal, colour="red")
    assert stage.spawn(Child, journal).is_alive()


def test_a_start_that_takes_too_long_is_given_up_by_the_spawner_alone(stage: Stage, journal: Journal) -> None:
    with pytest.raises(Timeout):
        stage.system.spawn(NeverStarts, journal, name="slow", timeout=0.01)
    assert stage.find("/slow").is_alive()
    stage.find("/slow").kill()


def test_several_systems_share_nothing(stage: Stage, journal: Journal) -> None:
    host: Any = stage.simulated if stage.kind == "simulated" else None
    with System("other", host) as other:
        mine, theirs = stage.spawn(Child, journal, name="a"), other.spawn(Child, journal, name="a")
        assert mine != theirs
        assert stage.ask(mine, Run(lambda _: theirs.ask(Run(lambda this: this.system.name), block=False))) == "other"
    assert mine.is_alive()
    assert not theirs.is_alive()
    assert stage.ask(mine, Run(lambda this: this.system.name)) == stage.kind


# -- stop --------------------------------------------------------------------------------------------------------------


def test_a_system_stops_its_actors_youngest_first_and_one_at_a_time(stage: Stage, journal: Journal) -> None:
    for name in "abc":
        stage.spawn(StopsAfter, journal, name, 0.01)
    assert stage.system.stop()
    assert [note for note in journal.notes if note[0] in ("stopping", "stop")] == [
        (what, name) for name in "cba" for what in ("stopping", "stop")
    ]
    assert stage.system.paths() == []


def test_a_system_waits_for_the_last_of_its_actors(stage: Stage, journal: Journal) -> None:
    """Also for those whose parent has ended before them."""
    parent = stage.spawn(Child, journal, "parent")
    stage.ask(parent, Run(lambda this: this.spawn(StopsAfter, journal, "grandchild", 0.02)))
    journal.has(("start", "grandchild"))
    assert stage.system.stop()
    assert journal.notes[-1] == ("stop", "grandchild")


def test_a_stopped_system_has_said_all_that_it_had_to_say(stage: Stage, journal: Journal) -> None:
    ends, letters = stage.record(ActorStopped), stage.record(DeadLetter)
    actors = [stage.spawn(Child, journal) for _ in range(5)]

    def pile_up(this: Any) -> None:
        for number in range(100):
            this.ref.tell(Note(number))
        this.stop()

    for actor in actors:
        stage.ask(actor, Run(pile_up))
    stage.system.stop()
    assert {event.ref for event in ends.notes} == {*actors, stage.system.guardian}
    assert len(letters.notes) == 500


def test_a_stopped_system_takes_nothing_more(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    stage.system.stop()
    with pytest.raises(SystemStopped, match=f"the system '{stage.kind}' was stopped: make a new one"):
        stage.spawn(Child, journal)
    with pytest.raises(ActorDead):
        actor.ask(Note("?"))
    actor.tell(Note("?"))
    assert stage.system.stop()


@on_threads
def test_a_system_may_be_stopped_by_several_threads_at_once(stage: Stage, journal: Journal) -> None:
    stage.spawn(StopsAfter, journal, "slow", 0.05)
    results: list[bool] = []
    threads = [threading.Thread(target=lambda: results.append(stage.system.stop())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results == [True] * 4
    assert journal.notes.count(("stop", "slow")) == 1


def test_what_does_not_stop_in_time_is_killed_and_named(
    stage: Stage, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    stage.spawn(Child, journal, "a", name="a")
    stuck = stage.spawn(NeverStops, journal, "stuck", name="stuck")
    waiting = stuck.ask(Run(lambda _: Completion()), block=False)
    with caplog.at_level(logging.ERROR, "understudy.actors"):
        assert not stage.system.stop(timeout=0.05)
    assert "did not stop within 0.05 s; killed: /stuck, /a, /" in caplog.text
    assert stage.system.paths() == []
    with pytest.raises(ActorDead, match="killed"):
        waiting.get(timeout=10)


@on_threads
def test_a_system_ends_even_where_a_handler_hangs(stage: Stage, journal: Journal) -> None:
    gate = threading.Event()
    actor = stage.spawn(Child, journal)
    actor.tell(Run(lambda _: (journal("hanging"), gate.wait(10))))
    journal.has("hanging")
    waiting = actor.ask(Note("?"), block=False)
    assert not stage.system.stop(timeout=0.05)
    with pytest.raises(ActorDead, match="killed"):
        waiting.get(timeout=10)
    gate.set()


@on_threads
def test_a_spawn_that_meets_a_stop_fails_and_does_not_hang(stage: Stage, journal: Journal) -> None:
    outcomes: list[Any] = []

    def spawn_on() -> None:
        try:
            while True:
                stage.system.spawn(Child, journal, timeout=10)
                outcomes.append("spawned")
        except Exception as error:  # noqa: BLE001 - one of several
            outcomes.append(error)

    thread = threading.Thread(target=spawn_on)
    thread.start()
    stage.system.stop()
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(outcomes[-1], SystemStopped | ActorDead | StartFailed)
    assert stage.system.paths() == []


def test_a_stopped_system_leaves_no_thread(journal: Journal) -> None:
    before = set(threading.enumerate())
    system = System("threads", ThreadHost(dispatchers=3))

    class Pinned(Child):
        pinned = True

    for _ in range(3):
        system.spawn(Pinned, journal)
    system.spawn(Pinned, journal).stop()
    assert len(set(threading.enumerate()) - before) >= 6
    assert system.stop()
    assert set(threading.enumerate()) <= before


@in_simulation
def test_a_system_that_vanishes_tells_nobody(stage: Stage, journal: Journal) -> None:
    with System("doomed", stage.simulated) as doomed:
        actor = doomed.spawn(Child, journal, "doomed")
        answer = actor.ask(Note("lost"), block=False)
        doomed.vanish()
        stage.simulated.run(seconds=1.0)
        assert journal.notes == [("start", "doomed")]
        assert not answer.done()
        assert doomed.paths() == []


def test_a_crash_at_the_top_ends_nobody_else(stage: Stage, journal: Journal) -> None:
    actor, other = stage.spawn(Child, journal), stage.spawn(Child, journal, "other")
    actor.tell(Crash())
    stage.ended(actor)
    assert stage.ask(other, Run(lambda this: this.name)) == "other"


# -- fork --------------------------------------------------------------------------------------------------------------

FORKS = """
import os, sys
from understudy.actors import *

class Echo(Actor):
    def on_receive(self, message):
        return message

system = System()
echo = system.spawn(Echo)
assert echo.ask("parent") == "parent"
child = os.fork()
if child == 0:
    said = []
    for act in (lambda: echo.ask("child"), lambda: echo.stop(timeout=1), lambda: system.spawn(Echo), system.stop):
        try:
            said.append(repr(act()))
        except Exception as error:  # noqa: BLE001 - one of several
            said.append(f"{type(error).__name__}: {error}")
    echo.tell("lost")
    with System() as fresh:
        said.append(fresh.spawn(Echo).ask("fresh"))
    print(*said, sep="\\n", flush=True)
    os._exit(0)
os.waitpid(child, 0)
assert echo.ask("still there") == "still there"
system.stop()
"""


if hasattr(os, "fork"):

    def test_a_system_is_dead_in_a_forked_child_and_says_so() -> None:
        done = subprocess.run(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKS],
            capture_output=True,
            text=True,
            timeout=15,
            check=True,
        )
        why = "its process was forked: make the system after the fork"
        assert done.stdout.splitlines() == [
            f"ActorDead: /$1 ended before it answered: shutdown ({why})",
            "False",
            "SystemStopped: the system 'understudy' was made before this process was forked: make a new one",
            "True",
            "fresh",
        ]
