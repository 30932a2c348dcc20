"""A turn that holds up others is reported while it goes on, and says where it is."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

import pytest

from tests.support import wait_until
from understudy.actors import Completion, SlowTurn, System, ThreadHost
from understudy.actors.events import SLOW
from understudy.actors.hosts import watcher

from .children import Child, Run
from .stage import Journal, Stage, in_simulation, on_a_thread_each

on_shared_dispatchers = pytest.mark.parametrize("stage", ["shared", "gevent", "eventlet", "asyncio"], indirect=True)


class Computes(Child):
    """Computes, so to speak: its dispatcher does nothing else meanwhile."""

    def compute(self, over: threading.Event) -> None:
        self.journal("computes")
        over.wait(10)


class Pinned(Computes):
    pinned = True


@on_shared_dispatchers
def test_a_turn_that_takes_long_is_reported_while_it_goes_on(
    stage: Stage, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    reports, over = stage.record(SlowTurn), threading.Event()
    actor = stage.spawn(Computes, journal, name="slow")
    actor.tell(Run(lambda this: this.compute(over)))
    (report,) = reports.until(len)
    assert not over.is_set()
    over.set()
    assert (report.ref, report.seconds >= SLOW) == (actor, True)
    assert "in compute" in report.stack
    assert "/slow has taken " in caplog.text
    assert "over.wait(10)" in caplog.text


def test_a_turn_is_reported_once_and_each_dispatchers_own(journal: Journal) -> None:
    with System("two", ThreadHost(dispatchers=2)) as system:
        reports, over = Journal(), threading.Event()
        system.events.subscribe(SlowTurn, lambda event: reports(event.ref))
        actors = [system.spawn(Computes, journal) for _ in range(2)]
        for number, actor in enumerate(actors, 1):
            actor.tell(Run(lambda this: this.compute(over)))
            reports.until(lambda notes, number=number: len(notes) == number)
        over.set()
        assert reports.notes == actors


@on_shared_dispatchers
def test_many_short_turns_are_not_one_that_takes_long(stage: Stage, journal: Journal) -> None:
    reports, over = stage.record(SlowTurn), threading.Event()
    end = time.monotonic() + 2 * SLOW
    began: list[float] = []

    def spin(this: Any) -> None:
        if time.monotonic() < end:
            this.ref.tell(Run(spin))
        else:
            began.append(time.monotonic())
            this.compute(over)

    actor = stage.spawn(Computes, journal)
    actor.tell(Run(spin))
    (report,) = reports.until(len)
    heard = time.monotonic()
    over.set()
    assert "in compute" in report.stack
    assert report.seconds < heard - began[0] + SLOW


@on_a_thread_each
def test_a_thread_of_its_own_may_take_as_long_as_it_likes(stage: Stage, journal: Journal) -> None:
    with System("both", ThreadHost()) as system:
        reports, over = Journal(), threading.Event()
        system.events.subscribe(SlowTurn, lambda event: reports(event.ref))
        pinned, shared = system.spawn(Pinned, journal), system.spawn(Computes, journal)
        pinned.tell(Run(lambda this: this.compute(over)))
        journal.counts("computes", 1)
        shared.tell(Run(lambda this: this.compute(over)))
        reports.until(len)
        over.set()
        assert reports.notes == [shared]


@pytest.mark.parametrize("stage", ["gevent", "eventlet"], indirect=True)
def test_a_handler_that_waits_as_greenlets_do_holds_up_nobody(stage: Stage, journal: Journal) -> None:
    reports, over, promise = stage.record(SlowTurn), threading.Event(), Completion[None]()
    waits, slow = stage.spawn(Computes, journal), stage.spawn(Computes, journal)
    answer = waits.ask(Run(lambda _: promise.get(timeout=10)), block=False)
    slow.tell(Run(lambda this: this.compute(over)))
    reports.until(len)
    over.set()
    promise.resolve(None)
    answer.get(timeout=10)
    assert [report.ref for report in reports.notes] == [slow]


def threads() -> set[int]:
    """Return the threads that run, those of earlier tests too that are about to end."""
    return set(sys._current_frames())


def test_a_watcher_sleeps_while_there_is_nothing_to_see_and_wakes_up(journal: Journal) -> None:
    before = threads()
    with System("idle") as system:
        reports, over = Journal(), threading.Event()
        system.events.subscribe(SlowTurn, lambda event: reports(event.ref))
        actor = system.spawn(Computes, journal)
        watcher = system.host._threads.watcher
        wait_until(lambda: watcher.asleep, what="the watcher's sleep")
        actor.tell(Run(lambda this: this.compute(over)))
        reports.has(actor)
        over.set()
    wait_until(lambda: threads() <= before, what="the end of the watcher's thread")


@in_simulation
def test_a_simulated_turn_is_slow_by_virtual_time(stage: Stage, journal: Journal) -> None:
    reports = stage.record(SlowTurn)
    quick, slow, pinned = (stage.spawn(kind, journal, kind.__name__) for kind in (Computes, Computes, Pinned))
    for actor, seconds in ((quick, SLOW), (slow, 2 * SLOW), (pinned, 2 * SLOW)):
        with pytest.raises(TimeoutError):
            stage.ask(actor, Run(lambda _, seconds=seconds: Completion().get(timeout=seconds)))
    assert [(report.ref, report.seconds) for report in reports.notes] == [(slow, pytest.approx(2 * SLOW))]


class Resting:
    """A dispatcher that has done nothing yet, and begins just now."""

    turns = 0
    thread = None
    working: Any = None


def test_a_turn_that_begins_while_the_watcher_sleeps_is_not_as_old_as_its_last_look(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reports: list[float] = []
    monkeypatch.setattr(watcher, "report", lambda _, seconds, __: reports.append(seconds))
    now = iter([0.0, 10.0, 10.0 + SLOW / 2, 10.0 + 2 * SLOW])
    monkeypatch.setattr(watcher, "monotonic", lambda: next(now))
    looks, dispatcher = watcher.Watcher(), Resting()
    looks.watch(dispatcher)

    looks._look_around()
    dispatcher.working = object()
    looks._look_around()
    looks._look_around()
    assert reports == []
    looks._look_around()
    assert reports == [pytest.approx(2 * SLOW)]
