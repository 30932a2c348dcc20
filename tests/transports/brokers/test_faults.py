"""Brokers that are down, go away, hang, or will not have us."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from tests.support import free_port
from tests.transports.conformance.messages import (
    PATIENCE,
    acknowledge,
    publication,
    publish,
    settle,
    take,
    take_ids,
    task_id,
)
from understudy.transports.errors import BrokerRefused, BrokerUnavailable, TransportError
from understudy.transports.message import Outcome
from understudy.transports.registry import connect

from .conftest import QUICK, Broker

Fresh = Callable[[], str]


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
def test_a_broker_that_is_down_is_a_clear_error_in_bounded_time(scheme: str, queue: str, fresh: Fresh) -> None:
    address = f"127.0.0.1:{free_port()}"
    transport = connect(f"{scheme}://me:secret@{address}/0", **QUICK)
    started = time.monotonic()

    for waiting in (
        transport.publisher().publish([publication(fresh(), queue)]),
        transport.intake([queue], "boot.1").fetch(1),
        transport.size(queue),
    ):
        with pytest.raises(BrokerUnavailable, match=re.escape(address)) as failure:
            waiting.get(timeout=PATIENCE)
        assert "secret" not in str(failure.value)
    assert time.monotonic() - started < 6

    transport.close()


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: parts._replace(netloc=f"nobody:secret@{parts.netloc.rpartition('@')[2]}"),
        lambda parts: parts._replace(path="/7777"),
    ],
    ids=["credentials", "virtual host"],
)
def test_a_broker_that_refuses_us_is_one_clear_error(
    broker: Broker, queue: str, fresh: Fresh, change: Callable[..., object]
) -> None:
    url = change(urlsplit(broker.url)).geturl()  # type: ignore[attr-defined]
    transport = connect(url, **{**QUICK, "patience": 60.0})

    for waiting in (
        transport.publisher().publish([publication(fresh(), queue)]),
        transport.intake([queue], "boot.1").fetch(1),
    ):
        with pytest.raises(BrokerRefused, match="refuses") as failure:
            waiting.get(timeout=PATIENCE)
        assert "secret" not in str(failure.value)

    transport.close()


@pytest.mark.parametrize("scheme", ["redis", "amqp"])
@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1"])
def test_an_unreachable_host_is_a_clear_error(scheme: str, host: str, queue: str, fresh: Fresh) -> None:
    transport = connect(f"{scheme}://me:secret@{host}/0", **QUICK)

    with pytest.raises(BrokerUnavailable, match=host) as failure:
        transport.publisher().publish([publication(fresh(), queue)]).get(timeout=PATIENCE)

    assert "secret" not in str(failure.value)
    transport.close()


@pytest.mark.parametrize(
    "url", ["redis://me:secret@127.0.0.1:port/0", "amqp://me:secret@127.0.0.1:port/", "redis://me:secret@[::1/0"]
)
def test_a_url_that_cannot_be_read_is_one_clear_error(url: str) -> None:
    with pytest.raises(TransportError, match="leads nowhere") as failure:
        connect(url)

    assert "secret" not in str(failure.value)


def test_a_database_that_is_no_number_is_one_clear_error(redis_url: str, queue: str, fresh: Fresh) -> None:
    transport = connect(f"{redis_url}words", **QUICK)

    with pytest.raises(BrokerRefused, match="Database is int"):
        transport.publisher().publish([publication(fresh(), queue)]).get(timeout=PATIENCE)

    transport.close()


def test_what_is_published_while_connections_are_cut_arrives(broker: Broker, queue: str, fresh: Fresh) -> None:
    shaky, proxy = broker.through_proxy()
    publisher = shaky.transport(patience=10.0).publisher()
    sent: list[str] = []
    for _ in range(20):
        proxy.cut_replies_after(200)
        batch = [fresh() for _ in range(5)]
        publisher.publish([publication(one, queue) for one in batch]).get(timeout=PATIENCE)
        sent += batch

    intake = broker.transport().intake([queue], "boot.1")
    seen: set[str] = set()
    while not seen >= set(sent):
        deliveries = intake.fetch(100).get(timeout=PATIENCE)
        seen.update(map(task_id, deliveries))
        acknowledge(intake, deliveries)


def test_an_intake_goes_on_after_its_connection_was_cut(broker: Broker, queue: str, fresh: Fresh) -> None:
    shaky, proxy = broker.through_proxy()
    intake = shaky.transport(patience=10.0).intake([queue], "boot.1")
    for _ in range(5):
        waiting = intake.fetch(1)
        one = fresh()
        proxy.cut()
        publish(broker.transport(), publication(one, queue))
        (delivery,) = waiting.get(timeout=PATIENCE)
        assert task_id(delivery) == one
        acknowledge(intake, [delivery])


def test_what_was_held_by_a_connection_that_was_cut_is_delivered_again(
    broker: Broker, queue: str, fresh: Fresh
) -> None:
    shaky, proxy = broker.through_proxy()
    intake = shaky.transport(patience=10.0).intake([queue], "boot.1")
    one = fresh()
    publish(broker.transport(), publication(one, queue))
    (delivery,) = take(intake, 1)

    proxy.cut()

    if settle(intake, Outcome(delivery.tag)) == [False]:
        assert take_ids(intake, 1) == [one]
    else:
        assert broker.transport().size(queue).get(timeout=PATIENCE) == 0


def test_a_broker_that_hangs_is_a_clear_error_in_bounded_time(broker: Broker, queue: str, fresh: Fresh) -> None:
    shaky, proxy = broker.through_proxy()
    transport = shaky.transport()
    publish(transport, publication(fresh(), queue))
    intake = transport.intake([queue], "boot.1")
    acknowledge(intake, take(intake, 1))
    proxy.blackhole()

    with pytest.raises(BrokerUnavailable):
        transport.publisher().publish([publication(fresh(), queue)]).get(timeout=PATIENCE)

    proxy.heal()
    one = fresh()
    publish(transport, publication(one, queue))
    while task_id(take(intake, 1)[0]) != one:
        pass  # one that was published while nobody could confirm it


def test_messages_whose_answer_got_lost_are_back_at_once(broker: Broker, queue: str, fresh: Fresh) -> None:
    transport, (shaky, proxy) = broker.transport(), broker.through_proxy()
    first, *ids = [fresh() for _ in range(4)]
    publish(transport, publication(first, queue))
    intake = shaky.transport(lease=60.0).intake([queue], "boot.1")
    acknowledge(intake, take(intake, 1))
    publish(transport, *(publication(one, queue) for one in ids))

    proxy.cut_replies_after(0)

    assert sorted(take_ids(intake, 3)) == sorted(ids)


@pytest.mark.slow
@pytest.mark.timeout(90)  # RabbitMQ takes its time to stop and to start
@pytest.mark.parametrize("end", ["kill", "stop"])
def test_nothing_is_lost_while_a_broker_restarts(broker: Broker, queue: str, fresh: Fresh, end: str) -> None:
    transport = broker.transport(patience=60.0)
    intake = transport.intake([queue], "boot.1")
    before, after = [fresh() for _ in range(10)], [fresh() for _ in range(10)]
    publish(transport, *(publication(one, queue) for one in before))
    held = take(intake, 5)
    waiting = intake.fetch(20)

    getattr(broker.server, end)()
    published = transport.publisher().publish([publication(one, queue) for one in after])
    settled = intake.settle([Outcome(delivery.tag) for delivery in held])
    broker.server.start()

    published.get(timeout=30)
    done = {task_id(one) for one, ours in zip(held, settled.get(timeout=30), strict=True) if ours}
    done |= {task_id(one) for one in waiting.get(timeout=30)}
    while not done >= {*before, *after}:
        done |= {task_id(one) for one in intake.fetch(20).get(timeout=30)}


def test_a_closed_transport_does_not_wait_for_a_broker_that_is_gone(broker: Broker, queue: str, fresh: Fresh) -> None:
    shaky, proxy = broker.through_proxy()
    transport = shaky.transport(patience=60.0)
    publish(transport, publication(fresh(), queue))
    take(transport.intake([queue], "boot.1"), 1)
    proxy.refuse()
    waiting = transport.publisher().publish([publication(fresh(), queue)])
    started = time.monotonic()

    transport.close()

    assert time.monotonic() - started < 5
    with pytest.raises(TransportError):
        waiting.get(timeout=PATIENCE)
