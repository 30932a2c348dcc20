"""Exchanges: what is declared for queues, and where what is published to an exchange goes; beside stock kombu."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import kombu
import pytest

from tests.support.waiting import wait_until
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
from understudy.transports.api import Transport
from understudy.transports.errors import BrokerRefused, TransportError
from understudy.transports.message import Outcome, Publication
from understudy.transports.queues import Binding, Queue
from understudy.transports.registry import connect

from .conftest import QUICK, Broker

Fresh = Callable[[], str]


def to_exchange(task: str, exchange: str, routing_key: str, eta: float | None = None) -> Publication:
    """Return a publication to an exchange."""
    one = publication(task, routing_key, eta=eta)
    return Publication(one.id, routing_key, one.head, one.body, exchange, eta=eta)


def intake_ids(transport: Transport, queue: str, fresh: Fresh, count: int) -> list[str]:
    """Return the ids of what waits in a queue."""
    return take_ids(transport.intake([queue], f"{fresh()}.1"), count)


@pytest.fixture
def stock(broker: Broker) -> Iterator[Any]:
    """A connection of kombu's to the same broker."""
    with kombu.Connection(broker.url.removeprefix("kombu+")) as connection:
        yield connection


def topic(queue: str, exchange: str, *keys: str, **options: Any) -> Queue:
    """Return a queue that is bound to a topic exchange."""
    return Queue(queue, tuple(Binding(exchange, "topic", key) for key in keys), **options)


def test_a_topic_exchange_sends_to_the_queues_whose_patterns_match(broker: Broker, fresh: Fresh) -> None:
    exchange, sweets, fruits = fresh(), fresh(), fresh()
    said = (topic(sweets, exchange, "*.sweet"), topic(fruits, exchange, "apple.#", "pear.#"))
    transport = broker.transport(task_queues=said)
    ids = [fresh() for _ in range(3)]
    keys = ("apple.sweet", "pear.sour.green", "cake.sweet")

    publish(transport, *(to_exchange(one, exchange, key) for one, key in zip(ids, keys, strict=True)))

    assert intake_ids(transport, sweets, fresh, 2) == [ids[0], ids[2]]
    assert intake_ids(transport, fruits, fresh, 2) == [ids[0], ids[1]]


def test_a_direct_exchange_sends_by_the_key(broker: Broker, fresh: Fresh) -> None:
    exchange, one, other = fresh(), fresh(), fresh()
    said = (Queue(one, (Binding(exchange, "direct", "a"),)), Queue(other, (Binding(exchange, "direct", "b"),)))
    transport = broker.transport(task_queues=said)
    first, second = fresh(), fresh()

    publish(transport, to_exchange(first, exchange, "b"), to_exchange(second, exchange, "a"))

    assert intake_ids(transport, one, fresh, 1) == [second]
    assert intake_ids(transport, other, fresh, 1) == [first]


def test_what_no_queue_is_bound_for_is_refused(broker: Broker, fresh: Fresh) -> None:
    exchange, queue = fresh(), fresh()
    transport = broker.transport(task_queues=(topic(queue, exchange, "here.#"),))

    with pytest.raises(TransportError, match=r"no queue is (bound to the exchange|there for it)"):
        publish(transport, to_exchange(fresh(), exchange, "elsewhere"))


def test_a_node_binds_its_queues_for_stock_producers(broker: Broker, stock: Any, fresh: Fresh) -> None:
    exchange, queue, one = fresh(), fresh(), fresh()
    transport = broker.transport(task_queues=(topic(queue, exchange, "apple.*"),))
    intake = transport.intake([queue], f"{fresh()}.1")
    waiting = intake.fetch(1)
    intake.renew().get(timeout=PATIENCE)

    where = kombu.Exchange(exchange, "topic")
    stock.Producer().publish(
        [[], {}, {}],
        exchange=where,
        declare=[where],
        routing_key="apple.green",
        headers={"id": one, "task": "tests.task"},
        serializer="json",
    )

    (delivery,) = waiting.get(timeout=PATIENCE)
    assert task_id(delivery) == one
    acknowledge(intake, [delivery])


def test_a_producer_finds_what_a_stock_consumer_has_bound(broker: Broker, stock: Any, fresh: Fresh) -> None:
    exchange, queue, one = fresh(), fresh(), fresh()
    bound = kombu.Queue(queue, kombu.Exchange(exchange, "topic"), routing_key="apple.#")(stock.channel())
    bound.declare()
    if broker.url.startswith("kombu+redis"):  # kombu asks nobody else for the type of an exchange
        with pytest.raises(BrokerRefused, match="no queue is bound"):
            publish(broker.transport(), to_exchange(one, exchange, "apple.green.small"))
        return

    publish(broker.transport(), to_exchange(one, exchange, "apple.green.small"))

    message = bound.get()
    assert message is not None
    assert message.headers["id"] == one
    message.ack()


def test_a_broadcast_reaches_each_node(broker: Broker, fresh: Fresh) -> None:
    exchange, one = fresh(), fresh()
    fetched: list[Any] = []
    for _ in range(2):
        queue = Queue(fresh(), (Binding(exchange, "fanout"),), auto_delete=True, broadcast=True)
        intake = broker.transport(task_queues=(queue,)).intake([queue.name], f"{fresh()}.1")
        if broker.url.startswith("kombu+redis"):
            with pytest.raises(BrokerRefused, match="fan-out"):
                intake.renew().get(timeout=PATIENCE)
            return
        fetched.append(intake.fetch(1))
        intake.renew().get(timeout=PATIENCE)
    publisher = broker.transport(task_queues=(Queue(fresh(), (Binding(exchange, "fanout"),), broadcast=True),))

    def told() -> bool:
        publish(publisher, to_exchange(one, exchange, ""))
        return all(one.done() for one in fetched)

    wait_until(told, what="both nodes to hear of it")
    assert [task_id(each.get()[0]) for each in fetched] == [one, one]


@pytest.mark.parametrize("url", ["redis_url", "rabbitmq_url"])
def test_broadcasts_pass_between_stock_kombu_and_us(request: pytest.FixtureRequest, url: str, fresh: Fresh) -> None:
    exchange, one, other = fresh(), fresh(), fresh()
    address: str = request.getfixturevalue(url)
    queue = Queue(fresh(), (Binding(exchange, "fanout", "celery", auto_delete=True),), auto_delete=True, broadcast=True)
    transport = connect(address, **QUICK, task_queues=(queue,))
    heard: list[str] = []
    where = kombu.Exchange(exchange, "fanout", auto_delete=True)
    theirs: Any = kombu.Queue(fresh(), where, routing_key="celery", auto_delete=True)
    try:
        intake = transport.intake([queue.name], f"{fresh()}.1")
        fetched = intake.fetch(2)
        with (
            kombu.Connection(address) as connection,
            connection.Consumer([theirs], callbacks=[lambda _, message: heard.append(message.headers["id"])]),
        ):

            def told() -> bool:
                publish(transport, to_exchange(one, exchange, "celery"))
                connection.Producer().publish(
                    [[], {}, {}], exchange=where, declare=[where], routing_key="celery", headers={"id": other}
                )
                with suppress(TimeoutError):
                    connection.drain_events(timeout=0.2)
                return {one, other} <= set(heard) and fetched.done()

            wait_until(told, what="both to hear of it")
        ours = {task_id(delivery) for delivery in fetched.get()}
        while not {one, other} <= ours:
            ours |= {task_id(delivery) for delivery in take(intake, 1)}
    finally:
        transport.close()


def test_a_broadcast_to_nobody_is_no_error(broker: Broker, fresh: Fresh) -> None:
    exchange = fresh()
    queue = Queue(fresh(), (Binding(exchange, "fanout"),), auto_delete=True, broadcast=True)

    publish(broker.transport(task_queues=(queue,)), to_exchange(fresh(), exchange, ""))


def test_redis_says_which_exchanges_it_has() -> None:
    queue = Queue("q", (Binding("e", "headers"),))
    with pytest.raises(TransportError, match="direct, topic and fanout"):
        connect("redis://127.0.0.1", task_queues=(queue,))


def test_a_queue_with_other_arguments_is_used_as_it_is(
    rabbitmq_url: str, fresh: Fresh, caplog: pytest.LogCaptureFixture
) -> None:
    queue, exchange, one = fresh(), fresh(), fresh()
    with kombu.Connection(rabbitmq_url) as stock:
        channel: Any = stock.channel()
        kombu.Queue(queue, kombu.Exchange(exchange, "direct"), queue, queue_arguments={"x-max-priority": 3})(
            channel
        ).declare()
    said = topic(queue, exchange, "#", arguments={"x-queue-type": "quorum"})
    transport = connect(rabbitmq_url, **QUICK, task_queues=(said,))
    caplog.set_level(logging.WARNING)
    try:
        publish(transport, publication(one, queue))

        assert intake_ids(transport, queue, fresh, 1) == [one]
    finally:
        transport.close()
    assert "used as it is" in caplog.text
    assert "inequivalent arg" in caplog.text


def test_headers_exchanges_bind_by_arguments(rabbitmq_url: str, fresh: Fresh) -> None:
    exchange, queue, one = fresh(), fresh(), fresh()
    said = Queue(queue, (Binding(exchange, "headers", arguments={"x-match": "all", "task": "tests.task"}),))
    transport = connect(rabbitmq_url, **QUICK, task_queues=(said,))
    try:
        publish(transport, to_exchange(one, exchange, ""))

        assert intake_ids(transport, queue, fresh, 1) == [one]
    finally:
        transport.close()


def test_queues_are_declared_with_their_arguments(rabbitmq_url: str, rabbitmq_server: Any, fresh: Fresh) -> None:
    queue = fresh()
    arguments = {"x-queue-type": "quorum", "x-message-ttl": 60_000}
    transport = connect(rabbitmq_url, **QUICK, task_queues=(topic(queue, fresh(), "a.#", arguments=arguments),))
    try:
        transport.intake([queue], f"{fresh()}.1").renew().get(timeout=PATIENCE)
        found = rabbitmq_server.manage("GET", f"queues/{rabbitmq_url.rpartition('/')[2]}/{queue}")
    finally:
        transport.close()

    assert found["arguments"] == arguments
    assert found["durable"] is True


@pytest.mark.parametrize("kind", ["topic", "fanout"])
def test_a_delay_leads_through_an_exchange(rabbitmq_url: str, fresh: Fresh, kind: str) -> None:
    import time

    exchange, queue, one = fresh(), fresh(), fresh()
    said = Queue(queue, (Binding(exchange, kind, "a.*"),))
    transport = connect(rabbitmq_url, **QUICK | {"patience": 30.0}, task_queues=(said,), delayed_delivery="classic")
    try:
        eta = time.time() + 2.0
        publish(transport, to_exchange(one, exchange, "a.b", eta=eta))
        assert transport.size(queue).get(timeout=PATIENCE) == 0

        (delivery,) = take(transport.intake([queue], f"{fresh()}.1"), 1)
    finally:
        transport.close()
    assert task_id(delivery) == one
    assert time.time() >= eta


@pytest.mark.parametrize("broker", ["kombu+redis", "redis", "rabbitmq"], indirect=True)
def test_what_follows_and_no_queue_is_bound_for_is_a_dead_letter(broker: Broker, fresh: Fresh) -> None:
    exchange, queue, one, follower, other = fresh(), fresh(), fresh(), fresh(), fresh()
    transport = broker.transport(task_queues=(topic(queue, exchange, "here.#"),))
    publish(transport, publication(one, queue))
    intake = transport.intake([queue], f"{fresh()}.1")
    (delivery,) = take(intake, 1)

    lost, kept = to_exchange(follower, exchange, "elsewhere"), to_exchange(other, exchange, "here.too")
    assert settle(intake, Outcome(delivery.tag, follow_ups=(lost, kept))) == [True]

    assert take_ids(intake, 1) == [other]
    (dead,) = transport.dead_letters().list("celery").get(timeout=PATIENCE)
    assert dead.id == follower
    assert "no queue is bound" in dead.reason
