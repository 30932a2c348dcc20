"""Exchanges on a broker that has none: the publisher knows which queues are bound."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.transports.conformance.messages import PATIENCE, publication, publish, take_ids
from understudy.transports.api import Transport
from understudy.transports.embedded.process import WriterProcess
from understudy.transports.embedded.sqlite.file import Durability
from understudy.transports.errors import BrokerRefused, UnsupportedByTransport
from understudy.transports.message import Outcome, Publication
from understudy.transports.queues import Binding, Queue, Queues
from understudy.transports.registry import connect

QUEUES = (
    Queue("fruits", (Binding("food", "topic", "fruit.#"),)),
    Queue("greens", (Binding("food", "topic", "*.green"),)),
    Queue("all", (Binding("told", "fanout"),)),
    Queue("one", (Binding("said", "direct", "a"), Binding("said", "direct", "b"))),
    Queue("bcast.1", (Binding("news", "fanout"),), auto_delete=True, broadcast=True),
)


def to(exchange: str, routing_key: str, task: str = "one") -> Publication:
    """Return a publication to an exchange."""
    made = publication(task, routing_key)
    return Publication(made.id, routing_key, made.head, made.body, exchange)


@pytest.fixture(params=["memory", "sqlite"])
def transport(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Transport]:
    """A broker of this machine, with a writer where it is a file."""
    on_file = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/broker.db" if on_file else f"memory://{os.urandom(6).hex()}"
    writers = [WriterProcess(tmp_path / "broker.db", Durability.PROCESS, 15.0)] if on_file else []
    opened = connect(url, task_queues=QUEUES)
    yield opened
    opened.close()
    for writer in writers:
        writer.stop()


@pytest.mark.parametrize(
    ("exchange", "key", "queues"),
    [
        ("food", "fruit", ["fruits"]),
        ("food", "fruit.pear.green", ["fruits"]),
        ("food", "fruit.green", ["fruits", "greens"]),
        ("food", "leaf.green", ["greens"]),
        ("told", "whatever", ["all"]),
        ("said", "b", ["one"]),
    ],
)
def test_a_message_goes_to_each_queue_that_is_bound(
    transport: Transport, exchange: str, key: str, queues: Sequence[str]
) -> None:
    publish(transport, to(exchange, key))

    sizes = {one.name: transport.size(one.name).get(timeout=PATIENCE) for one in QUEUES}
    assert sizes == {one.name: int(one.name in queues) for one in QUEUES}


def test_what_follows_from_a_task_takes_the_same_way(transport: Transport) -> None:
    intake = transport.intake(["greens"], "boot.1")

    outcome = Outcome(0, follow_ups=(to("food", "leaf.green", "next"),))
    assert intake.settle([outcome]).get(timeout=PATIENCE) == [True]

    assert take_ids(intake, 1) == ["next"]


def test_what_follows_and_nobody_is_bound_for_stays_where_its_key_says(transport: Transport) -> None:
    intake = transport.intake(["greens"], "boot.1")

    outcome = Outcome(0, follow_ups=(to("food", "stone", "next"),))
    assert intake.settle([outcome]).get(timeout=PATIENCE) == [True]

    assert transport.size("stone").get(timeout=PATIENCE) == 1


def test_what_nobody_is_bound_for_is_refused(transport: Transport) -> None:
    with pytest.raises(BrokerRefused, match="no queue is bound"):
        publish(transport, to("food", "stone"))


def test_a_broadcast_is_refused(transport: Transport) -> None:
    with pytest.raises(UnsupportedByTransport, match="broadcast"):
        publish(transport, to("news", ""))


@pytest.mark.parametrize(
    ("pattern", "key", "leads"),
    [
        ("#", "", True),
        ("#", "a.b.c", True),
        ("a.#", "a", True),
        ("a.#.c", "a.c", True),
        ("a.#.c", "a.b.b.c", True),
        ("a.#.c", "a.b", False),
        ("*", "a", True),
        ("*", "a.b", False),
        ("a.*", "a", False),
        ("a.*.c", "a.b.c", True),
        ("a.b", "aab", False),
    ],
)
def test_patterns_are_those_of_amqp(pattern: str, key: str, leads: bool) -> None:
    queues = Queues([Queue("q", (Binding("e", "topic", pattern),))])
    if leads:
        assert queues.destinations("e", key) == ["q"]
    else:
        with pytest.raises(BrokerRefused):
            queues.destinations("e", key)
