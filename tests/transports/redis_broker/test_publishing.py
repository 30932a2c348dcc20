"""Publishing: exchanges and their bindings, order, and a server without memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import kombu
import pytest

from tests.transports.conformance.messages import (
    PATIENCE,
    acknowledge,
    publication,
    publish,
    settle,
    success,
    take,
    take_ids,
)
from understudy.transports.errors import BrokerRefused, TransportError
from understudy.transports.message import Outcome
from understudy.transports.redis_broker import RedisTransport, connect

Fresh = Callable[[], str]


def declare(url: str, kind: str, bindings: dict[str, str]) -> None:
    """Declare an exchange `routes` as a stock client does, with queues by their routing keys or patterns."""
    with kombu.Connection(url) as connection:
        exchange = kombu.Exchange("routes", type=kind)
        for queue, key in bindings.items():
            kombu.Queue(queue, exchange, routing_key=key).declare(channel=connection.default_channel)


@pytest.mark.parametrize(
    ("kind", "key", "reached"),
    [
        ("direct", "eu", {"europe"}),
        ("topic", "orders.eu.new", {"europe", "all"}),
        ("topic", "orders.us", {"all"}),
    ],
)
def test_an_exchange_leads_to_the_queues_that_stock_clients_have_bound(
    transport: RedisTransport, server: Any, redis_url: str, fresh: Fresh, kind: str, key: str, reached: set[str]
) -> None:
    bindings = {"europe": "eu" if kind == "direct" else "orders.eu.*", "all": "#" if kind == "topic" else "any"}
    declare(redis_url, kind, bindings)

    publish(transport, publication(fresh(), key, exchange="routes"))

    assert {queue for queue in bindings if server.llen(queue)} == reached


def test_a_message_that_no_binding_leads_anywhere_is_refused(transport: RedisTransport, fresh: Fresh) -> None:
    with pytest.raises(BrokerRefused, match="no queue is bound to the exchange 'routes' by 'eu'"):
        publish(transport, publication(fresh(), "eu", exchange="routes"))


def test_a_large_batch_arrives_in_its_order(transport: RedisTransport, fresh: Fresh) -> None:
    ids = [fresh() for _ in range(2500)]
    publish(transport, *(publication(one, "celery") for one in ids))

    assert take_ids(transport.intake(["celery"], "boot.1"), 2500) == ids


def test_a_batch_keeps_its_order_in_each_queue(transport: RedisTransport, fresh: Fresh) -> None:
    ids = [fresh() for _ in range(30)]
    publish(transport, *(publication(one, ("odd", "even")[place % 2]) for place, one in enumerate(ids)))

    assert take_ids(transport.intake(["odd"], "boot.1"), 15) == ids[::2]
    assert take_ids(transport.intake(["even"], "boot.2"), 15) == ids[1::2]


def test_nothing_is_lost_where_the_server_has_no_memory_left(
    transport: RedisTransport, server: Any, fresh: Fresh
) -> None:
    one, other = fresh(), fresh()
    publish(transport, publication(one, "celery"), publication(other, "celery"))
    intake = transport.intake(["celery"], "boot.1")
    (first,) = intake.fetch(1).get(timeout=PATIENCE)
    server.config_set("maxmemory", 1)
    try:
        (second,) = intake.fetch(1).get(timeout=PATIENCE)
        outcome = Outcome(first.tag, result=success(one))
        with pytest.raises(BrokerRefused, match="OOM"):
            settle(intake, outcome)
        with pytest.raises(BrokerRefused, match="OOM"):
            publish(transport, publication(fresh(), "celery"))
    finally:
        server.config_set("maxmemory", 0)

    assert settle(intake, outcome) == [True]
    acknowledge(intake, [second])
    assert transport.results().get([one]).get(timeout=PATIENCE) == [success(one).payload]


def test_an_outcome_that_many_share_takes_several_steps(transport: RedisTransport, fresh: Fresh) -> None:
    publish(transport, *(publication(fresh(), "celery") for _ in range(1200)))
    intake = transport.intake(["celery"], "boot.1")
    deliveries = take(intake, 1200)

    answers = settle(intake, Outcome(1), *(Outcome(one.tag) for one in deliveries))

    assert answers == [False] + [True] * 1200


def test_an_option_that_nobody_knows_is_refused() -> None:
    with pytest.raises(TransportError, match="leese"):
        connect("redis://", {"leese": 5})
