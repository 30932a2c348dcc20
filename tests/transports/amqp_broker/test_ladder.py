"""The ladder: delayed messages wait in the broker, where Celery's would."""

from __future__ import annotations

import os
import time

import kombu
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.transport import native_delayed_delivery as kombus

from tests.transports.conformance.messages import PATIENCE, acknowledge, publication, publish, take, task_id
from understudy.transports.amqp_broker import ladder
from understudy.transports.errors import TransportError
from understudy.transports.message import decode_head
from understudy.transports.registry import connect


@given(st.integers(1, 2**28 - 1), st.sampled_from(["celery", "a.b", "x" * 100]))
def test_a_delay_is_spelled_as_kombu_spells_it(seconds: int, queue: str) -> None:
    assert ladder.routing_key(seconds, queue) == kombus.calculate_routing_key(seconds, queue)


def test_a_delay_that_is_too_long_is_the_longest_there_is() -> None:
    assert ladder.routing_key(2**40, "celery") == ladder.routing_key(2**28 - 1, "celery")


@pytest.mark.timeout(60)  # 28 queues take their time
@pytest.mark.parametrize("first", ["us", "kombu"])
def test_what_is_not_due_waits_in_the_broker_on_a_ladder_that_is_also_kombus(rabbitmq_url: str, first: str) -> None:
    queue, one = f"q{os.urandom(4).hex()}", os.urandom(8).hex()

    def declare() -> None:
        with kombu.Connection(rabbitmq_url) as connection:
            kombus.declare_native_delayed_delivery_exchanges_and_queues(connection, "classic")

    if first == "kombu":
        declare()
    transport = connect(rabbitmq_url, delayed_delivery="classic", patience=30.0)
    due = time.time() + 2.5
    transport.publisher().publish([publication(one, queue, eta=due)]).get(timeout=40)
    if first == "us":
        declare()  # raises where something is there with other arguments
    assert transport.size(queue).get(timeout=PATIENCE) == 0

    intake = transport.intake([queue], "boot.1")
    (delivery,) = take(intake, 1)

    assert time.time() >= due
    assert task_id(delivery) == one
    assert not [name for name in decode_head(delivery.head).headers if name.startswith("x-")]
    acknowledge(intake, [delivery])
    publish(transport, publication(os.urandom(8).hex(), queue))
    transport.close()


@pytest.mark.timeout(90)  # 28 quorum queues take more
def test_what_is_not_due_waits_on_a_ladder_of_quorum_queues_before_a_quorum_queue(rabbitmq_url: str) -> None:
    arguments = {"x-queue-type": "quorum"}
    transport = connect(rabbitmq_url, delayed_delivery="quorum", queue_arguments=arguments, patience=60.0)
    queue, now_, later = (os.urandom(4).hex() for _ in range(3))
    transport.publisher().publish([publication(now_, queue)]).get(timeout=70)
    due = time.time() + 3.5
    transport.publisher().publish([publication(later, queue, eta=due)]).get(timeout=70)
    intake = transport.intake([queue], "boot.1")

    acknowledge(intake, take(intake, 1))
    (delivery,) = take(intake, 1)

    assert time.time() >= due
    assert task_id(delivery) == later
    assert delivery.deaths == 0
    assert not [name for name in decode_head(delivery.head).headers if name.startswith("x-")]
    acknowledge(intake, [delivery])
    transport.close()


def test_a_kind_of_queue_that_there_is_not_is_an_error() -> None:
    with pytest.raises(TransportError, match="quorum, classic"):
        connect("amqp://", delayed_delivery="stream")
