"""Chords over result stores that count nothing: a task looks at the header until all of it is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from understudy.runtime.app.app import App
from understudy.runtime.canvas import Signature, chain, chord, group
from understudy.runtime.exceptions import ChordError
from understudy.runtime.node.commit import Commitment
from understudy.runtime.node.context import CommitPorts
from understudy.runtime.results.group import GroupResult
from understudy.transports.errors import UnsupportedByTransport
from understudy.transports.message import Outcome

from .pumping import Pump
from .test_workflows import Tasks

PATIENCE = 10.0


class ForeignPump(Pump):
    """Carries outcomes out as a node does whose results are elsewhere."""

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        ports = CommitPorts(self.app.publisher, self.app.results)
        assert all(Commitment(self._intake, ports, outcomes).run().get(timeout=PATIENCE).held)
        self.outcomes.extend(outcomes)


@pytest.fixture(params=["db", "file"])
def app(request: pytest.FixtureRequest, app: App, tmp_path: Path) -> App:
    app.conf.result_backend = f"db+sqlite:///{tmp_path}/results.db" if request.param == "db" else f"file://{tmp_path}"
    app.conf.result_chord_retry_interval = 0.1
    return app


@pytest.fixture
def pump(app: App) -> Iterator[Pump]:
    made = ForeignPump(app)
    yield made
    made.close()


@pytest.fixture
def tasks(app: App) -> Tasks:
    return Tasks(app)


CHORDS: dict[str, tuple[Callable[[Tasks], Signature[Any]], Any]] = {
    "plain": (lambda t: chord([t.add.s(n, n) for n in range(5)], t.total.s()), 20),
    "of chains": (lambda t: chord([chain(t.add.s(1, 1), t.add.s(2)) for _ in range(2)], t.total.s()), 8),
    "then a task": (lambda t: chain(group(t.add.s(1, 1), t.add.s(2, 2)), t.total.s(), t.add.s(10)), 16),
    "in a chord": (
        lambda t: chord([chord([t.add.s(1, 1), t.add.s(2, 2)], t.total.s()), t.add.s(3, 3)], t.total.s()),
        12,
    ),
    "without a header": (lambda t: chord([], t.total.s()), 0),
}


@pytest.mark.parametrize("name", CHORDS)
def test_the_body_gets_the_results_of_the_header(name: str, pump: Pump, tasks: Tasks) -> None:
    make, expected = CHORDS[name]
    result = make(tasks).delay()

    pump.run_until(result)

    assert result.get(timeout=PATIENCE) == expected


def test_a_header_that_fails_fails_the_body_and_calls_its_errbacks(pump: Pump, tasks: Tasks) -> None:
    result = chord([tasks.add.s(1, 1), tasks.fail.s()], tasks.total.s().on_error(tasks.hear.s())).delay()

    pump.run_until(result)

    with pytest.raises(ChordError, match=r"Dependency .* raised ValueError"):
        result.get(timeout=PATIENCE)
    assert tasks.heard == [(result.id, ChordError)]


def test_the_body_waits_for_the_last_of_the_header(app: App, pump: Pump, tasks: Tasks) -> None:
    header = [tasks.add.s(1, 1), tasks.add.s(2, 2).set(queue="later")]
    result = chord(header, tasks.total.s().set(queue="celery")).delay()
    for _ in range(4):  # the first of the header, and the task that looks for the second
        pump.step()
    assert not result.ready()
    late = ForeignPump(app, ["later"])

    late.run()
    pump.run_until(result)

    assert result.get(timeout=PATIENCE) == 6


def test_a_header_that_is_not_done_in_time_fails_the_body(app: App, pump: Pump, tasks: Tasks) -> None:
    body = tasks.total.s().set(task_id="the-body")
    app.tasks["celery.chord_unlock"].delay(
        "a-group", body, result=[[["nobody", None], None]], interval=0.01, max_retries=2
    )
    result = app.AsyncResult("the-body")

    pump.run_until(result)

    with pytest.raises(ChordError, match="not done after 2 looks"):
        result.get(timeout=PATIENCE)


def test_the_parts_of_a_group_in_the_header_come_as_a_list(app: App, pump: Pump, tasks: Tasks) -> None:
    """A stock client leaves groups in a header as they are."""
    members = [tasks.add.delay(n, n) for n in range(3)]
    inner = GroupResult("inner", members[1:], app=app)
    body = tasks.same.s().set(task_id="the-body")
    app.tasks["celery.chord_unlock"].delay("a-group", body, result=[members[0].as_tuple(), inner.as_tuple()])
    result = app.AsyncResult("the-body")

    pump.run_until(result)

    assert result.get(timeout=PATIENCE) == [0, [2, 4]]


def test_a_chord_whose_results_go_to_the_caller_alone_is_refused_before_anything_is_sent(redis_url: str) -> None:
    app = App("proj", broker=redis_url, backend="rpc://")
    tasks = Tasks(app)

    with pytest.raises(UnsupportedByTransport, match="there are no chords"):
        chord([tasks.add.s(1, 1)], tasks.total.s()).delay()

    assert app.transport.size("celery").get(timeout=PATIENCE) == 0
    app.close()
