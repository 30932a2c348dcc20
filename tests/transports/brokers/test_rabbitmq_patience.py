"""How long RabbitMQ is waited for: one that is there, and slow, for longer than one that is gone; and nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import pytest

from tests.conftest import BreakConnections
from tests.support import FaultProxy, RabbitMQServer
from tests.transports.conformance.messages import PATIENCE, acknowledge, publication, publish, take, take_ids, task_id
from understudy.actors.completion import Completion
from understudy.actors.errors import Timeout
from understudy.runtime.publishing import confirm
from understudy.runtime.publishing.confirm import RetryPolicy
from understudy.transports.amqp_broker.transport import AmqpTransport
from understudy.transports.errors import BrokerUnavailable, NotConfirmed
from understudy.transports.message import Publication
from understudy.transports.registry import connect

from .conftest import QUICK
from .test_rabbitmq_faults import short_of_memory

Fresh = Callable[[], str]
Made = Callable[..., AmqpTransport]

SLOW: dict[str, object] = {**QUICK, "patience": 0.3, "heartbeat": 8.0, "confirm_timeout": 60.0}
"""For brokers that are there: they say so every four seconds, and may hear nothing for eight."""


@pytest.fixture
def proxy(rabbitmq_server: RabbitMQServer, fault_proxy: BreakConnections) -> FaultProxy:
    return fault_proxy(rabbitmq_server.port)


@pytest.fixture
def made(rabbitmq_url: str, proxy: FaultProxy) -> Iterator[Made]:
    """Return transports through the proxy."""
    opened: list[AmqpTransport] = []

    def make(**options: object) -> AmqpTransport:
        transport = connect(proxy.url(rabbitmq_url), **{**SLOW, **options})
        assert isinstance(transport, AmqpTransport)
        opened.append(transport)
        return transport

    yield make
    proxy.heal()
    for transport in opened:
        transport.close()


@pytest.fixture
def direct(rabbitmq_url: str) -> Iterator[AmqpTransport]:
    transport = connect(rabbitmq_url, **{**QUICK, "patience": 10.0})
    assert isinstance(transport, AmqpTransport)
    yield transport
    transport.close()


def make_ready(transport: AmqpTransport, direct: AmqpTransport, queue: str, fresh: Fresh) -> None:
    """Have a transport connected, with its queue declared and empty."""
    publish(transport, publication(fresh(), queue))
    direct.purge(queue).get(timeout=PATIENCE)


def several(fresh: Fresh, queue: str, count: int = 200) -> list[Publication]:
    return [publication(fresh(), queue) for _ in range(count)]


def assert_each_once(direct: AmqpTransport, queue: str, publications: Sequence[Publication]) -> None:
    """Check that these are in a queue, and nothing else."""
    assert direct.size(queue).get(timeout=PATIENCE) == len(publications)
    intake = direct.intake([queue], "boot.1")
    assert sorted(take_ids(intake, len(publications))) == sorted(one.id for one in publications)


def is_waited_for(completion: Completion[None], seconds: float) -> bool:
    try:
        completion.get(timeout=seconds)
    except Timeout:
        return True
    return False


def test_a_broker_that_is_there_and_slow_is_waited_for(
    made: Made, direct: AmqpTransport, proxy: FaultProxy, queue: str, fresh: Fresh
) -> None:
    transport = made()
    make_ready(transport, direct, queue, fresh)
    sent = several(fresh, queue)

    proxy.hold_requests()
    published = transport.publisher().publish(sent)

    assert is_waited_for(published, 3 * 0.3)  # longer than a broker that is gone would be
    proxy.heal()
    published.get(timeout=PATIENCE)
    assert_each_once(direct, queue, sent)


def test_what_is_slow_for_too_long_is_an_error_and_a_second_try_sends_nothing_twice(
    made: Made, direct: AmqpTransport, proxy: FaultProxy, queue: str, fresh: Fresh
) -> None:
    transport = made(confirm_timeout=0.5)
    make_ready(transport, direct, queue, fresh)
    sent, publisher = several(fresh, queue), transport.publisher()
    proxy.hold_requests()

    with pytest.raises(NotConfirmed, match=f"sent to {queue}, and not confirmed: .* is there, .* within 0.5 s"):
        confirm.publish(publisher, sent, RetryPolicy())
    again = publisher.publish(sent)

    assert not again.done()
    proxy.heal()
    again.get(timeout=PATIENCE)
    assert_each_once(direct, queue, sent)


def test_a_call_to_a_broker_that_is_there_and_slow_is_over_when_it_has_the_message(
    made: Made, direct: AmqpTransport, proxy: FaultProxy, queue: str, fresh: Fresh
) -> None:
    transport = made()
    make_ready(transport, direct, queue, fresh)
    sent = several(fresh, queue)
    healing = threading.Timer(1.0, proxy.heal)
    proxy.hold_requests()
    healing.start()

    confirm.publish(transport.publisher(), sent, RetryPolicy(max_retries=0, patience=-0.4))  # looks every 0.2 s

    healing.join()
    assert_each_once(direct, queue, sent)


def test_a_broker_that_is_gone_is_not_waited_for(made: Made, proxy: FaultProxy, queue: str, fresh: Fresh) -> None:
    transport = made(heartbeat=2.0)
    publish(transport, publication(fresh(), queue))

    proxy.blackhole()

    with pytest.raises(BrokerUnavailable, match=r"answer|said nothing"):
        transport.publisher().publish(several(fresh, queue)).get(timeout=PATIENCE)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_what_a_broker_has_that_takes_no_more_is_not_sent_again(
    made: Made, direct: AmqpTransport, rabbitmq_server: RabbitMQServer, queue: str, fresh: Fresh
) -> None:
    transport = made()
    make_ready(transport, direct, queue, fresh)
    sent, publisher = several(fresh, queue), transport.publisher()

    with short_of_memory(rabbitmq_server):
        for _ in range(3):
            with pytest.raises(BrokerUnavailable, match=r"short of resources.*memory"):
                confirm.publish(publisher, sent, RetryPolicy(max_retries=1, patience=PATIENCE))
        assert transport.size(queue).get(timeout=PATIENCE) <= len(sent)
    confirm.publish(publisher, sent, RetryPolicy(patience=PATIENCE))

    assert_each_once(direct, queue, sent)


def test_what_a_full_queue_has_taken_is_not_sent_again(rabbitmq_url: str, queue: str, fresh: Fresh) -> None:
    arguments = {"x-max-length": 20, "x-overflow": "reject-publish"}
    narrow = connect(rabbitmq_url, **{**QUICK, "patience": 10.0, "queue_arguments": arguments})
    sent, publisher, taken = several(fresh, queue, 50), narrow.publisher(), list[str]()
    intake = narrow.intake([queue], "boot.1")

    while len(taken) < len(sent):
        with suppress(BrokerUnavailable):  # no room
            publisher.publish(sent).get(timeout=PATIENCE)
        deliveries = take(intake, narrow.size(queue).get(timeout=PATIENCE))
        taken += map(task_id, deliveries)
        acknowledge(intake, deliveries)

    assert sorted(taken) == sorted(one.id for one in sent)
    narrow.close()
