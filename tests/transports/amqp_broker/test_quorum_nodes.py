"""Nodes whose default queue is a quorum queue: what is not due waits in the broker, and nothing is lost."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import StartProgram
from tests.support import RabbitMQServer
from tests.support.waiting import wait_until
from tests.transports.conformance.messages import PATIENCE, publication, publish, take, task_id
from tests.transports.sites import Site, open_site
from understudy.transports.message import decode_head
from understudy.transports.registry import connect

SETTINGS = (
    'task_default_queue_type="quorum", broker_native_delayed_delivery_queue_type="classic",'
    'broker_transport_options={"patience": 20.0}'
)


@pytest.fixture
def site(tmp_path: Path, program: StartProgram, rabbitmq_url: str) -> Iterator[Site]:
    """Where a test's nodes and its client meet."""
    with open_site(tmp_path, program, rabbitmq_url, SETTINGS) as opened:
        yield opened


def found(server: RabbitMQServer, url: str, queue: str) -> Any:
    """Return what the broker says about a queue."""
    return server.manage("GET", f"queues/{url.rpartition('/')[2]}/{queue}")


@pytest.mark.timeout(60)
def test_a_countdown_passes_in_the_broker_and_outlives_a_killed_node(
    site: Site, rabbitmq_url: str, rabbitmq_server: RabbitMQServer
) -> None:
    node = site.node()
    began = time.monotonic()
    site.send("proj.quick", "later", countdown=9)
    site.send("proj.work", "now")
    wait_until(lambda: site.begun() == ["now"], what="the task that is due to begin")
    assert site.size("celery_delayed_3") + site.size("celery_delayed_2") == 1  # the other is on the ladder

    site.kill(node)
    site.node()

    wait_until(lambda: len(site.done()) == 2, what="both tasks to end")
    assert {one.partition(":")[0] for one in site.done()} == {"now", "later"}
    assert time.monotonic() - began >= 9
    assert found(rabbitmq_server, rabbitmq_url, "celery")["type"] == "quorum"
    assert found(rabbitmq_server, rabbitmq_url, "celery_delayed_2")["type"] == "classic"


@pytest.mark.timeout(60)
def test_a_killed_node_loses_nothing_of_a_quorum_queue(site: Site) -> None:
    names = [f"task{number}" for number in range(10)]
    node = site.node()
    for name in names:
        site.send("proj.work", name)
    wait_until(lambda: len(site.begun()) == 2, what="two tasks to begin")

    site.kill(node)
    site.node()

    wait_until(lambda: set(site.done()) == set(names), what="every task's end")
    assert len(site.done()) == 10


@pytest.mark.timeout(60)
def test_a_task_that_kills_its_process_is_a_dead_letter_of_a_quorum_queue(site: Site) -> None:
    site.node()
    site.send("proj.kill")

    wait_until(lambda: site.dead() == ["proj.kill"], what="the dead letter")
    assert site.done() == ["kill"] * 3


def test_how_often_the_broker_delivered_a_message_is_not_sent_on(rabbitmq_url: str) -> None:
    options: dict[str, Any] = {"queue_arguments": {"x-queue-type": "quorum"}}
    first, second = connect(rabbitmq_url, **options), connect(rabbitmq_url, **options)
    try:
        publish(first, publication("one", "q"))
        take(first.intake(["q"], "boot.1"), 1)
        first.close()

        (again,) = take(second.intake(["q"], "other.1"), 1)
        assert task_id(again) == "one"
        assert again.redelivered
        assert "x-delivery-count" not in decode_head(again.head).headers
        assert second.size("q").get(timeout=PATIENCE) == 0
    finally:
        first.close()
        second.close()
