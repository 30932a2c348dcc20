"""What stands in RabbitMQ: queues and messages as Celery declares and sends them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import kombu
import pytest

from tests.support import RabbitMQServer, wait_until
from tests.transports.conformance.messages import PATIENCE, publication, publish, settle, take, take_ids
from understudy.transports.amqp_broker.intake import AmqpIntake
from understudy.transports.api import Transport
from understudy.transports.errors import TransportError
from understudy.transports.kombu_adapter.amqp_link import AmqpLink
from understudy.transports.message import Outcome, Verdict
from understudy.transports.registry import connect

from .conftest import QUICK

Fresh = Callable[[], str]


@pytest.fixture(params=["", "kombu+"], ids=["own", "kombu"])
def way(request: pytest.FixtureRequest) -> str:
    """What stands before the scheme: both of our ways to RabbitMQ leave the same there."""
    return str(request.param)


@pytest.fixture
def transport(way: str, rabbitmq_url: str) -> Iterator[Transport]:
    made = connect(way + rabbitmq_url, **QUICK)
    yield made
    made.close()


def test_queue_and_exchange_are_declared_as_celery_does(
    transport: Transport, rabbitmq_server: RabbitMQServer, rabbitmq_url: str, fresh: Fresh
) -> None:
    publish(transport, publication(fresh(), "celery"))

    queue = manage(rabbitmq_server, rabbitmq_url, "queues/{vhost}/celery")
    exchange = manage(rabbitmq_server, rabbitmq_url, "exchanges/{vhost}/celery")
    bindings = manage(rabbitmq_server, rabbitmq_url, "exchanges/{vhost}/celery/bindings/source")
    assert (queue["durable"], queue["auto_delete"], queue["arguments"]) == (True, False, {})
    assert (exchange["type"], exchange["durable"]) == ("direct", True)
    assert [(one["destination"], one["routing_key"]) for one in bindings] == [("celery", "celery")]


def test_a_message_stands_there_as_celery_sends_it(transport: Transport, rabbitmq_url: str, fresh: Fresh) -> None:
    one = fresh()
    sent = publication(one, "celery", priority=4, expires=time.time() + 60)
    publish(transport, sent)

    with kombu.Connection(rabbitmq_url) as connection:
        message: Any = connection.default_channel.basic_get("celery", no_ack=True)

    properties = message.properties
    assert message.body.encode() == sent.body
    assert (properties["content_type"], properties["content_encoding"]) == ("application/json", "utf-8")
    assert (properties["correlation_id"], properties["delivery_mode"], properties["priority"]) == (one, 2, 4)
    assert 58_000 < int(properties["expiration"]) <= 60_000
    assert properties["application_headers"] == {"id": one, "task": "tests.task", "retries": 0}
    assert (message.delivery_info["exchange"], message.delivery_info["routing_key"]) == ("", "celery")


@pytest.mark.parametrize("arguments", [{"x-max-priority": 5}, {"x-message-ttl": 600_000}, {"x-max-length": 1000}])
def test_a_queue_that_is_there_is_left_as_it_is(
    transport: Transport, rabbitmq_url: str, fresh: Fresh, arguments: dict[str, int]
) -> None:
    one = fresh()
    with kombu.Connection(rabbitmq_url) as connection:
        kombu.Queue("celery", queue_arguments=arguments, channel=connection.default_channel).declare()

    publish(transport, publication(one, "celery"))

    assert take_ids(transport.intake(["celery"], "boot.1"), 1) == [one]


def test_a_message_whose_queue_was_deleted_gets_it_back(transport: Transport, rabbitmq_url: str, fresh: Fresh) -> None:
    publish(transport, publication(fresh(), "celery"))
    delete(rabbitmq_url, "celery")
    one = fresh()

    publish(transport, publication(one, "celery"))

    assert take_ids(transport.intake(["celery"], "boot.1"), 1) == [one]


def test_an_intake_whose_queue_is_deleted_declares_it_again(
    transport: Transport, rabbitmq_url: str, fresh: Fresh
) -> None:
    intake = transport.intake(["celery"], "boot.1")
    publish(transport, publication(fresh(), "celery"))
    settle(intake, Outcome(take(intake, 1)[0].tag))
    waiting = intake.fetch(1)
    delete(rabbitmq_url, "celery")
    one = fresh()

    publish(transport, publication(one, "celery"))

    assert len(waiting.get(timeout=PATIENCE)) == 1


def test_a_message_for_an_exchange_that_is_not_there_is_an_error(transport: Transport, fresh: Fresh) -> None:
    lost = publication(fresh(), "somewhere", exchange="nowhere")

    with pytest.raises(TransportError, match="nowhere"):
        transport.publisher().publish([lost]).get(timeout=PATIENCE)

    publish(transport, publication(fresh(), "celery"))


def test_a_message_for_a_queue_that_is_full_is_an_error(way: str, rabbitmq_url: str, fresh: Fresh) -> None:
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    transport = connect(way + rabbitmq_url, **QUICK, queue_arguments=arguments)
    publish(transport, publication(fresh(), "celery"))

    with pytest.raises(TransportError, match="did not take"):
        transport.publisher().publish([publication(fresh(), "celery")]).get(timeout=PATIENCE)

    transport.close()


def test_entries_are_in_their_place_again_after_they_were_looked_at(transport: Transport, fresh: Fresh) -> None:
    intake = transport.intake(["celery"], "boot.1")
    ids = [fresh() for _ in range(5)]
    publish(transport, *(publication(one, "celery") for one in ids))
    settle(intake, *(Outcome(one.tag, Verdict.DEAD) for one in take(intake, 5)))
    letters = transport.dead_letters()

    for _ in range(3):
        assert [dead.id for dead in letters.list("celery").get(timeout=PATIENCE)] == ids
    assert transport.size("celery.dead").get(timeout=PATIENCE) == 5


def test_what_waits_for_long_is_given_back_and_taken_again(
    transport: Transport, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(AmqpLink, "hold_limit", 0.2)
    monkeypatch.setattr(AmqpIntake, "hold_limit", 0.2)
    one, due = fresh(), time.time() + 1.0
    publish(transport, publication(one, "celery", eta=due))
    intake = transport.intake(["celery"], "boot.1")

    (delivery,) = take(intake, 1)

    assert time.time() >= due
    assert delivery.redelivered


def test_a_dead_letter_does_not_expire_with_its_message(transport: Transport, rabbitmq_url: str, fresh: Fresh) -> None:
    intake = transport.intake(["celery"], "boot.1")
    publish(transport, publication(fresh(), "celery", expires=time.time() + 60))
    settle(intake, Outcome(take(intake, 1)[0].tag, Verdict.DEAD))

    with kombu.Connection(rabbitmq_url) as connection:
        message: Any = connection.default_channel.basic_get("celery.dead", no_ack=True)

    assert int(message.properties["expiration"]) > 60_000


def test_connections_end_with_their_transport(
    way: str, rabbitmq_server: RabbitMQServer, rabbitmq_url: str, fresh: Fresh
) -> None:
    transport = connect(way + rabbitmq_url, **QUICK)
    publish(transport, publication(fresh(), "celery"))
    take(transport.intake(["celery"], "boot.1"), 1)
    vhost = urlsplit(rabbitmq_url).path[1:]

    transport.close()

    wait_until(lambda: all(one["vhost"] != vhost for one in rabbitmq_server.manage("GET", "connections")))


def manage(server: RabbitMQServer, url: str, path: str) -> Any:
    """Ask the management API about the virtual host of a URL."""
    return server.manage("GET", path.format(vhost=quote(urlsplit(url).path[1:], safe="")))


def delete(url: str, queue: str) -> None:
    """Delete a queue behind everybody's back."""
    with kombu.Connection(url) as connection:
        connection.default_channel.queue_delete(queue)
