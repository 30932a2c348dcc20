"""Nodes on kombu's transports that need no server: tasks run, and a node that is killed loses none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import StartProgram
from tests.support.waiting import wait_until
from tests.transports.sites import Site, open_site
from understudy import App
from understudy.runtime.node.worker import Worker, WorkerFailed, WorkerOptions

TASKS = 12
QUICK = 'broker_transport_options={"lease": 1.5}'
"""A silent node is given up soon."""


@pytest.fixture(params=["filesystem://{}/spool", "sqla+sqlite:///{}/kombu.db"])
def site(request: pytest.FixtureRequest, tmp_path: Path, program: StartProgram) -> Iterator[Site]:
    """Where a test's nodes and its client meet."""
    with open_site(tmp_path, program, request.param.format(tmp_path), QUICK) as opened:
        yield opened


def test_a_killed_node_loses_no_task(site: Site) -> None:
    names = [f"task{number}" for number in range(TASKS)]
    node = site.node()
    for name in names:
        site.send("proj.work", name)
    wait_until(lambda: len(site.begun()) == 2, what="two tasks to begin")

    site.kill(node)
    site.node()

    wait_until(lambda: set(site.done()) == set(names), what="every task's end")
    wait_until(lambda: site.size() == 0, what="the queue to be empty")
    assert len(site.done()) == TASKS  # none had ended when the node died


def test_a_second_node_takes_over_from_a_killed_one(site: Site) -> None:
    node = site.node()
    site.send("proj.work", "one")
    wait_until(lambda: site.begun() == ["one"], what="the task to begin")
    other = site.node()

    site.kill(node)

    wait_until(lambda: site.done() == ["one"], what="the other node to run it")
    assert other.running


def test_a_task_that_kills_its_process_is_a_dead_letter_in_the_end(site: Site) -> None:
    site.node()
    site.send("proj.kill")

    wait_until(lambda: site.dead() == ["proj.kill"], what="the dead letter")
    assert site.done() == ["kill"] * 3


def test_kombus_memory_serves_a_node_and_its_client_in_one_process() -> None:
    ran: list[int] = []
    with App("proj", broker="kombu+memory://", backend="disabled", set_as_current=False) as app:

        @app.task
        def note(number: int) -> None:
            ran.append(number)

        worker = Worker(app, WorkerOptions(pool="solo"))
        worker.start()
        try:
            for number in range(10):
                note.delay(number)
            wait_until(lambda: ran == list(range(10)), what="ten tasks")
        finally:
            worker.close()


def test_kombus_memory_takes_no_other_pool() -> None:
    with App("proj", broker="kombu+memory://", set_as_current=False) as app:
        worker = Worker(app)
        with pytest.raises(WorkerFailed, match="solo"):
            worker.start()
        worker.close()
