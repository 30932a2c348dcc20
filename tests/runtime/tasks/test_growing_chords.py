"""A task may add to the chord in whose header it is: the body waits for what was added, once, however often that is."""

from __future__ import annotations

from typing import Any

import pytest

from understudy import App, Signature, Task, chord, group
from understudy.transports.message import Verdict

from .pumping import Pump


class Tasks:
    """A task that adds its arguments, one that adds to its chord, and one that takes what the header came to."""

    def __init__(self, app: App) -> None:
        self.add: Task[..., Any] = app.task(name="add")(lambda x, y: x + y)
        self.total: Task[..., Any] = app.task(name="total")(sum)
        self.sorted: Task[..., Any] = app.task(name="sorted")(sorted)
        self.same: Task[..., Any] = app.task(name="same")(lambda values: values)
        self.failing: Task[..., Any] = app.task(name="failing", bind=True)(self._fail)
        self.grow: Task[..., Any] = app.task(name="grow", bind=True, max_retries=3)(self._grow)
        self.send: Task[..., Any] = app.task(name="send", bind=True)(self._send)

    @staticmethod
    def _grow(task: Task[..., Any], *more: Signature[Any], retries: int = 0) -> int:
        for sig in more:
            task.add_to_chord(task.app.signature(sig))
        if task.request.retries < retries:
            raise task.retry(countdown=0)
        return 0

    @staticmethod
    def _send(task: Task[..., Any], sig: Signature[Any]) -> int:
        lazy: Any = task.add_to_chord(task.app.signature(sig), lazy=True)
        lazy.delay()
        return 0

    @staticmethod
    def _fail(task: Task[..., Any], sig: Signature[Any]) -> int:
        task.add_to_chord(task.app.signature(sig))
        raise ValueError("on purpose")


@pytest.fixture
def tasks(app: App) -> Tasks:
    return Tasks(app)


def value_of(pump: Pump, workflow: Signature[Any]) -> Any:
    """Return what a workflow comes to."""
    result = workflow.delay()
    pump.run_until(result)
    return result.get(timeout=5)


def test_the_body_gets_what_was_added(pump: Pump, tasks: Tasks) -> None:
    grows = tasks.grow.s(tasks.add.s(1, 1), tasks.add.s(2, 2))

    assert value_of(pump, chord([grows, tasks.add.s(3, 3)], tasks.sorted.s())) == [0, 2, 4, 6]
    assert value_of(pump, chord([grows, grows], tasks.sorted.s())) == [0, 0, 2, 2, 4, 4]


def test_what_was_added_may_add_in_turn(pump: Pump, tasks: Tasks) -> None:
    grows = tasks.grow.s(tasks.grow.s(tasks.grow.s(tasks.add.s(1, 1))))

    assert value_of(pump, chord([grows], tasks.sorted.s())) == [0, 0, 0, 2]


def test_a_workflow_may_be_added(pump: Pump, tasks: Tasks) -> None:
    inner = chord([tasks.add.s(1, 1), tasks.add.s(2, 2)], tasks.total.s())

    assert value_of(pump, chord([tasks.grow.s(inner)], tasks.sorted.s())) == [0, 6]
    assert value_of(pump, chord([tasks.grow.s(tasks.add.s(1, 1) | tasks.add.s(5))], tasks.sorted.s())) == [0, 7]
    assert value_of(pump, chord([tasks.grow.s(group(tasks.add.s(1, 1)))], tasks.same.s())) == [0, [2]]


def test_a_lazy_one_is_sent_by_the_task_itself(pump: Pump, tasks: Tasks) -> None:
    assert value_of(pump, chord([tasks.send.s(tasks.add.s(1, 1)), tasks.add.s(3, 3)], tasks.sorted.s())) == [0, 2, 6]


def test_each_attempt_adds_anew(pump: Pump, tasks: Tasks) -> None:
    grows = tasks.grow.s(tasks.add.s(1, 1), retries=2)

    assert value_of(pump, chord([grows], tasks.sorted.s())) == [0, 2, 2, 2]


def test_a_run_that_is_repeated_adds_once(app: App, pump: Pump, tasks: Tasks) -> None:
    result = chord([tasks.grow.s(tasks.add.s(1, 1))], tasks.sorted.s()).delay()
    [first] = pump.take()
    lost = pump.perform(first)  # its node dies before the outcome is settled
    again = pump.perform(first)

    assert [one.id for one in lost.follow_ups] == [one.id for one in again.follow_ups]
    pump.settle([again])
    assert again.verdict is Verdict.ACK
    pump.run_until(result)
    assert result.get(timeout=5) == [0, 2]


def test_what_a_task_adds_before_it_fails_runs_and_the_chord_fails(pump: Pump, tasks: Tasks) -> None:
    result = chord([tasks.failing.s(tasks.add.s(1, 1))], tasks.sorted.s()).delay()
    pump.run_until(result)

    assert result.state == "FAILURE"


def test_outside_of_a_header_there_is_nothing_to_add_to(pump: Pump, tasks: Tasks) -> None:
    result = tasks.grow.delay(tasks.add.s(1, 1))
    pump.run_until(result)

    with pytest.raises(ValueError, match="in no chord's header"):
        result.get(timeout=5)
