"""Nodes and clients that share `task_queues` with exchanges, in kombu's objects and in Celery's dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from tests.conftest import StartProgram
from tests.support.waiting import wait_until
from tests.transports.sites import Site, open_site

OBJECTS = """task_queues=(
    kombu.Queue("fruits", kombu.Exchange("food", "topic"), routing_key="fruit.#"),
    kombu.Queue("greens", kombu.Exchange("food", "topic"), routing_key="*.green"),
), task_routes={"proj.quick": {"exchange": "food", "routing_key": "fruit.green"}}"""
DICTS = """task_queues={
    "fruits": {"exchange": "food", "exchange_type": "topic", "routing_key": "fruit.#"},
    "greens": {"exchange": "food", "exchange_type": "topic", "binding_key": "*.green"},
}, task_routes={"proj.quick": {"exchange": "food", "routing_key": "fruit.green"}}"""
NEWS = """task_queues=(Broadcast("news"), kombu.Queue("celery")),
    task_routes={"proj.quick": {"queue": "news", "exchange": "news"}}"""

Sites = Callable[[str], Site]


@pytest.fixture(params=["redis", "rabbitmq"])
def site(request: pytest.FixtureRequest, tmp_path: Path, program: StartProgram) -> Iterator[Sites]:
    """Return a function that opens a site with these settings."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    with ExitStack() as stack:

        def open_with(settings: str) -> Site:
            opened: AbstractContextManager[Site] = open_site(tmp_path, program, url, settings)
            return stack.enter_context(opened)

        yield open_with


@pytest.mark.timeout(60)
@pytest.mark.parametrize("settings", [OBJECTS, DICTS], ids=["objects", "dicts"])
def test_a_topic_exchange_brings_a_task_to_each_queue_that_is_bound(site: Sites, settings: str) -> None:
    opened = site(settings)
    opened.node("-Q", "fruits", "-n", "one@%h")
    opened.node("-Q", "greens", "-n", "two@%h")

    opened.send("proj.quick", "pear")

    wait_until(lambda: sorted(opened.done()) == ["pear:one", "pear:two"], 20.0, what="a copy for each queue")


@pytest.mark.timeout(60)
def test_what_is_sent_before_a_node_has_started_is_kept(site: Sites) -> None:
    opened = site(OBJECTS)

    opened.send("proj.quick", "pear")
    opened.node()

    wait_until(lambda: len(opened.done()) == 2, 20.0, what="a copy for each queue")


@pytest.mark.timeout(60)
def test_a_broadcast_task_runs_once_on_each_node(site: Sites) -> None:
    opened = site(NEWS)
    opened.node("-n", "one@%h")
    opened.node("-n", "two@%h")

    def listening() -> bool:
        opened.send("proj.quick", "probe")
        return {"probe:one", "probe:two"} <= set(opened.done())

    wait_until(listening, what="both nodes to listen", interval=0.1)  # what comes before that is not for them
    for name in ("a", "b", "c"):
        opened.send("proj.quick", name)

    expected = sorted(f"{name}:{node}" for name in ("a", "b", "c") for node in ("one", "two"))

    def told() -> list[str]:
        return sorted(one for one in opened.done() if not one.startswith("probe"))

    wait_until(lambda: told() == expected, 20.0, what="each task on both nodes")
