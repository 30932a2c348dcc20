"""A frozen signature may be sent again: each time all of it runs, under the same ids."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from understudy import App, Signature, Task, chord

from .pumping import Pump


@pytest.fixture
def app(redis_url: str) -> Iterator[App]:
    """An app whose broker and results are in one Redis, which drops what is published twice."""
    made = App("proj", broker=redis_url, backend=redis_url)
    yield made
    made.close()


@pytest.fixture
def runs() -> list[Any]:
    """What the last task of a workflow was called with."""
    return []


@pytest.fixture
def last(app: App, runs: list[Any]) -> Task[..., Any]:
    return app.task(name="last")(runs.append)


@pytest.fixture
def add(app: App) -> Task[..., Any]:
    return app.task(name="add")(lambda x, y: x + y)


def send_twice(pump: Pump, workflow: Signature[Any]) -> None:
    """Freeze a workflow, and send it when it has not yet run, and when it has."""
    frozen = workflow.freeze().id
    for _ in range(2):
        assert workflow.apply_async().id == frozen
        pump.run()


def test_a_chain_runs_again(pump: Pump, add: Task[..., Any], last: Task[..., Any], runs: list[Any]) -> None:
    send_twice(pump, add.s(1, 2) | add.s(4) | last.s())

    assert runs == [7, 7]


def test_a_chord_runs_again(pump: Pump, add: Task[..., Any], last: Task[..., Any], runs: list[Any]) -> None:
    send_twice(pump, chord([add.s(1, 2), add.s(3, 4)], last.s()))

    assert runs == [[3, 7], [3, 7]]
