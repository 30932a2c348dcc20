"""Timers: messages that come later."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.actors import Timer
from understudy.actors.timers import SWEEP_AT, Timers

from .children import Child, Note, Run
from .stage import Journal, Stage, in_simulation


def test_a_timer_tells_its_actor_later(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    stage.ask(actor, Run(lambda this: (this.after(0.01, Note("late")), this.after(0, Note("soon")))))
    assert journal.has("late")[1:] == ["soon", "late"]


@in_simulation
def test_timers_fire_in_the_order_of_their_deadlines(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    delays = [3.0, 1.0, 2.0, 1.0, 0.0, -5.0]
    stage.ask(actor, Run(lambda this: [this.after(delay, Note(place)) for place, delay in enumerate(delays)]))
    stage.simulated.run(seconds=10.0)
    assert [note for note in journal.notes if isinstance(note, int)] == [4, 5, 1, 3, 2, 0]


@in_simulation
def test_a_timer_is_on_time(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    before = stage.system.clock.now()
    stage.ask(actor, Run(lambda this: this.after(86_400.0, Note("a day later"))))
    stage.simulated.run(until=lambda: "a day later" in journal.notes)
    assert stage.system.clock.now() == before + 86_400.0


def test_a_timer_that_was_cancelled_tells_nothing(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)

    def set_and_cancel(this: Any) -> None:
        timer = this.after(0, Note("cancelled"))
        this.after(0.01, Note("end"))
        timer.cancel()
        timer.cancel()

    stage.ask(actor, Run(set_and_cancel))
    assert "cancelled" not in journal.has("end")


def test_an_interval_repeats_until_it_is_cancelled(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    timers: list[Timer] = []
    stage.ask(actor, Run(lambda this: timers.append(this.every(0.002, Note("tick")))))
    journal.counts("tick", 5)
    stage.ask(actor, Run(lambda _: timers[0].cancel()))
    ticks = journal.notes.count("tick")
    stage.ask(actor, Run(lambda this: this.after(0.02, Note("end"))))
    assert journal.has("end").count("tick") <= ticks + 1  # one may have been told before it was cancelled


@in_simulation
def test_an_interval_that_fell_behind_skips_what_it_missed(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    stage.ask(actor, Run(lambda this: this.every(1.0, Note("tick"))))
    stage.simulated.run(seconds=3.5)
    assert journal.notes.count("tick") == 3
    stage.simulated.clock.advance_to(100.2)
    stage.simulated.run(seconds=1.5)
    assert journal.notes.count("tick") == 5


@pytest.mark.parametrize("interval", [0, -1.0, float("nan")])
def test_an_interval_that_makes_no_sense_is_refused(stage: Stage, journal: Journal, interval: float) -> None:
    actor = stage.spawn(Child, journal)
    with pytest.raises(ValueError, match="more than 0, not"):
        stage.ask(actor, Run(lambda this: this.every(interval, Note("tick"))))


def test_a_delay_may_be_longer_than_the_operating_system_can_wait(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    stage.ask(actor, Run(lambda this: [this.after(delay, Note("never")) for delay in (1e12, float("inf"))]))
    assert stage.ask(actor, Run(lambda this: this.name)) == "child"
    if stage.kind != "simulated":
        stage.ask(actor, Run(lambda this: this.after(0.01, Note("soon"))))
        assert "never" not in journal.has("soon")


class Living:
    """As much of a cell as a timer looks at."""

    alive = True
    lives = 0


@pytest.mark.parametrize("how", ["cancelled", "dead"])
def test_timers_that_are_not_wanted_any_more_do_not_pile_up(how: str) -> None:
    timers = Timers()
    cell: Any = Living()
    wanted = Timer(cell, "wanted", None)
    timers.add(5.0, wanted)
    for _ in range(20 * SWEEP_AT):
        doomed: Any = Living()
        timer = Timer(doomed, "unwanted", None)
        timers.add(1e6, timer)
        if how == "cancelled":
            timer.cancel()
        else:
            doomed.alive = False
    assert len(timers) <= SWEEP_AT
    assert timers.next_deadline() == 5.0


def test_a_sweep_keeps_the_order_of_what_stays() -> None:
    timers = Timers()
    told: list[int] = []
    cell: Any = Living()
    cell.tell_past_bound = told.append
    count = 3 * SWEEP_AT
    for number in range(count):
        timers.add(float((number * 7919) % count), Timer(cell, (number * 7919) % count, None))
        unwanted = Timer(cell, -1, None)
        timers.add(0.0, unwanted)
        unwanted.cancel()
    timers.fire(float(count))
    assert told == list(range(count))
    assert timers.next_deadline() is None
