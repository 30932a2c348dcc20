"""What stands in Redis: kombu's keys and envelopes, so that stock workers and tools find what they expect."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import kombu
import pytest

from tests.transports.conformance.messages import PATIENCE, publication, publish, settle, take, take_ids, task_id
from understudy.transports.api import Transport
from understudy.transports.message import Delivery, Outcome, Verdict, decode_head
from understudy.transports.registry import connect

from .conftest import QUICK

Fresh = Callable[[], str]


@pytest.fixture(params=["", "kombu+"])
def address(request: pytest.FixtureRequest, redis_url: str) -> str:
    """The address of the server, for each of our two ways there."""
    return f"{request.param}{redis_url}"


@pytest.fixture
def transport(address: str) -> Iterator[Transport]:
    made = connect(address, **QUICK)
    yield made
    made.close()


def test_a_message_stands_there_as_kombu_writes_it(transport: Transport, server: Any, fresh: Fresh) -> None:
    one = fresh()
    publish(transport, publication(one, "celery", expires=time.time() + 60))

    envelope = json.loads(server.lindex("celery", 0))

    properties = envelope["properties"]
    assert set(envelope) == {"body", "content-encoding", "content-type", "headers", "properties"}
    assert (envelope["content-type"], envelope["content-encoding"]) == ("application/json", "utf-8")
    assert properties["correlation_id"] == one
    assert properties["delivery_info"] == {"exchange": "", "routing_key": "celery"}
    assert (properties["body_encoding"], properties["priority"], properties["delivery_mode"]) == ("base64", 0, 2)
    assert 58_000 < int(properties["expiration"]) <= 60_000
    assert properties["delivery_tag"]
    assert server.smembers("_kombu.binding.celery") == {b"celery\x06\x16\x06\x16celery"}


@pytest.mark.parametrize(
    ("priority", "key"), [(0, "celery"), (2, "celery"), (5, "celery\x06\x163"), (9, "celery\x06\x169")]
)
def test_priorities_are_kombus_steps(transport: Transport, server: Any, fresh: Fresh, priority: int, key: str) -> None:
    publish(transport, publication(fresh(), "celery", priority=priority))

    assert server.llen(key) == 1


def test_a_key_prefix_is_put_before_everything(address: str, server: Any, fresh: Fresh) -> None:
    transport = connect(address, **QUICK, transport_options={"global_keyprefix": "mine:"})
    publish(transport, publication(fresh(), "celery"), publication(fresh(), "celery", priority=9))
    intake = transport.intake(["celery"], "boot.1")
    taken = take(intake, 2)
    settle(intake, Outcome(taken[0].tag, Verdict.DEAD), Outcome(taken[1].tag, Verdict.REQUEUE))
    take(intake, 1)

    assert all(key.startswith(b"mine:") for key in server.scan_iter())
    assert len(transport.dead_letters().list().get(timeout=PATIENCE)) == 1
    transport.close()


def test_a_stock_worker_can_restore_what_we_hold(
    transport: Transport, server: Any, redis_url: str, fresh: Fresh
) -> None:
    one = fresh()
    publish(transport, publication(one, "celery", priority=3))
    intake = transport.intake(["celery"], "boot.1")
    (delivery,) = take(intake, 1)
    assert (server.hlen("unacked"), server.zcard("unacked_index"), server.llen("celery\x06\x163")) == (1, 1, 0)

    with kombu.Connection(redis_url, transport_options={"visibility_timeout": -60}) as connection:
        connection.default_channel.qos.restore_visible(interval=1)

    assert server.llen("celery\x06\x163") == 1
    assert settle(intake, Outcome(delivery.tag)) == [False]
    (again,) = take(intake, 1)
    assert (task_id(again), again.redelivered) == (one, True)


def test_we_restore_what_a_stock_worker_that_died_held(
    transport: Transport, server: Any, redis_url: str, fresh: Fresh
) -> None:
    one = fresh()
    publish(transport, publication(one, "celery"))
    with kombu.Connection(redis_url) as connection:
        connection.default_channel.basic_get("celery")
        connection.default_channel.qos._delivered.clear()  # it dies without giving anything back
    server.zadd("unacked_index", {server.zrange("unacked_index", 0, 0)[0]: time.time() - 7200})

    assert take_ids(transport.intake(["celery"], "boot.1"), 1) == [one]


@pytest.mark.parametrize(
    "garbage",
    [b"not json", b"[]", b'{"body": 1}', b'{"headers":{},"properties":{"body_encoding":"base64"},"body":"%"}'],
)
def test_what_is_no_envelope_is_delivered_as_it_is_and_can_be_put_away(
    transport: Transport, server: Any, fresh: Fresh, garbage: bytes
) -> None:
    server.lpush("celery", garbage)
    publish(transport, publication(fresh(), "celery"))
    intake = transport.intake(["celery"], "boot.1")

    broken, fine = take(intake, 2)

    assert (broken.body, decode_head(broken.head).headers) == (garbage, {})
    assert settle(intake, Outcome(broken.tag, Verdict.DEAD, reason="no envelope"), Outcome(fine.tag)) == [True, True]
    (dead,) = transport.dead_letters().list().get(timeout=PATIENCE)
    assert (dead.reason, dead.body) == ("no envelope", garbage)
    assert server.hlen("unacked") == 0


@pytest.mark.parametrize(
    "headers",
    [
        b'{"id": "x", "priority": 1e400}',
        b'{"id": "x", "shadow": "\xff"}',
        b'{"id": "x", "eta": [], "retries": 1e400}',
        b'{"id": "x", "x-understudy-losses": 1180591620717411303424}',
        b'["x"]',
        b"null",
    ],
)
def test_a_message_whose_headers_nobody_can_read_is_put_away_and_holds_up_nobody(
    transport: Transport, server: Any, fresh: Fresh, headers: bytes
) -> None:
    server.lpush("celery", b'{"headers": %b, "properties": {}, "body": "[[], {}, {}]"}' % headers)
    publish(transport, publication(fresh(), "celery"))
    intake = transport.intake(["celery"], "boot.1")

    broken, fine = take(intake, 2)

    assert (broken.losses, broken.deaths) == (0, 0)
    assert settle(intake, Outcome(broken.tag, Verdict.DEAD, reason="broken"), Outcome(fine.tag)) == [True, True]
    (dead,) = transport.dead_letters().list().get(timeout=PATIENCE)
    assert (dead.reason, dead.queue) == ("broken", "celery")
    assert server.hlen("unacked") == 0


def test_a_body_that_is_not_encoded_is_read_as_it_is(transport: Transport, server: Any, redis_url: str) -> None:
    with kombu.Connection(redis_url, transport_options={"body_encoding": None}) as connection:
        connection.Producer().publish([["ü"], {}, {}], routing_key="celery", headers={"id": "1", "task": "t"})

    (delivery,) = take(transport.intake(["celery"], "boot.1"), 1)

    assert json.loads(delivery.body) == [["ü"], {}, {}]


def test_dead_letters_of_queues_that_nobody_named_are_found(transport: Transport, address: str, fresh: Fresh) -> None:
    one = fresh()
    publish(transport, publication(one, "elsewhere"))
    intake = transport.intake(["elsewhere"], "boot.1")
    settle(intake, Outcome(take(intake, 1)[0].tag, Verdict.DEAD, reason="it kills"))

    other = connect(address, **QUICK)

    assert [dead.id for dead in other.dead_letters().list().get(timeout=PATIENCE)] == [one]
    other.close()


def test_waiting_takes_nothing_from_others(transport: Transport, server: Any, fresh: Fresh) -> None:
    intake = transport.intake(["celery"], "boot.1")
    waiting = intake.fetch(1)
    ids: list[str] = []
    while not waiting.done():
        ids.append(fresh())
        publish(transport, publication(ids[-1], "celery"))

    deliveries: list[Delivery] = waiting.get(timeout=PATIENCE)

    assert [task_id(one) for one in deliveries] == ids[:1]
    assert server.llen("celery") == len(ids) - 1
