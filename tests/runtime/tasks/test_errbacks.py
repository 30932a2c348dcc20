"""An errback is called once for each failure that it is linked to, however deep the chord is that failed."""

from __future__ import annotations

from typing import Any

import pytest

from understudy import App, Signature, Task, chord

from .pumping import Pump


class Tasks:
    """Tasks that fail or do not, and an errback that keeps what it hears."""

    def __init__(self, app: App) -> None:
        self.heard: list[tuple[str, str]] = []
        self.same: Task[..., Any] = app.task(name="same")(lambda *values: values)
        self.fail: Task[..., Any] = app.task(name="fail")(self._fail)
        self.hear: Task[..., Any] = app.task(name="hear")(self._hear)

    @staticmethod
    def _fail(*values: Any) -> None:
        raise ValueError("on purpose", *values)

    def _hear(self, request: Any, error: BaseException, traceback: Any, note: str = "") -> None:
        self.heard.append((request.id, note))


@pytest.fixture
def tasks(app: App) -> Tasks:
    return Tasks(app)


def inner_of(tasks: Tasks, *errbacks: Signature[Any]) -> Signature[Any]:
    """Return a chord whose header fails, as Celery's clients put it into the header of another."""
    body = tasks.same.s()
    for errback in errbacks:
        body.link_error(errback)
    return chord([tasks.same.s(1), tasks.fail.s()], body)


def outcome(pump: Pump, workflow: Signature[Any]) -> Any:
    """Return the result of a workflow that fails."""
    result = workflow.delay()
    pump.run()
    assert result.state == "FAILURE"
    return result


def test_the_same_errback_of_a_body_and_of_the_chord_within_is_called_for_the_outer_one(
    pump: Pump, tasks: Tasks
) -> None:
    workflow = chord([tasks.same.s(1), inner_of(tasks, tasks.hear.s())], tasks.same.s())
    workflow.body.link_error(tasks.hear.s())

    result = outcome(pump, workflow)

    assert tasks.heard == [(result.id, "")]


def test_errbacks_of_their_own_are_called_for_each_chord(pump: Pump, tasks: Tasks) -> None:
    workflow = chord([tasks.same.s(1), inner_of(tasks, tasks.hear.s(note="inner"))], tasks.same.s())
    workflow.body.link_error(tasks.hear.s(note="outer"))

    outcome(pump, workflow)

    assert sorted(note for _, note in tasks.heard) == ["inner", "outer"]


def test_each_task_of_a_header_that_fails_and_the_body_call_theirs(pump: Pump, tasks: Tasks) -> None:
    header = [tasks.fail.s().on_error(tasks.hear.s(note="header")) for _ in range(2)]
    workflow = chord([*header, tasks.same.s(1)], tasks.same.s())
    workflow.body.link_error(tasks.hear.s(note="header"))

    outcome(pump, workflow)

    assert [note for _, note in tasks.heard] == ["header"] * 3
