"""Publishing on RabbitMQ without a wait for its confirmation: nothing is lost by it as long as the program lives."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import StartProgram
from tests.support import RabbitMQServer
from tests.transports.conformance.messages import PATIENCE, acknowledge, publication, take, take_ids
from understudy import App
from understudy.transports.amqp_broker.transport import AmqpTransport
from understudy.transports.api import Publisher
from understudy.transports.errors import BrokerUnavailable
from understudy.transports.registry import connect

from .conftest import QUICK

Fresh = Callable[[], str]

POSTS = """
import sys
from tests.transports.conformance.messages import publication
from understudy.transports.registry import connect

url, queue, *ids = sys.argv[1:]
publisher = connect(url, confirm_publish=False).callers_publisher()
for one in ids:
    publisher.publish([publication(one, queue)]).get(timeout=10)
"""


@pytest.fixture
def transport(rabbitmq_url: str) -> Iterator[AmqpTransport]:
    made = connect(rabbitmq_url, **{**QUICK, "confirm_publish": False})
    assert isinstance(made, AmqpTransport)
    yield made
    made.close()


@pytest.fixture
def publisher(transport: AmqpTransport, queue: str, fresh: Fresh) -> Publisher:
    """A publisher that has published before: connection and queue are there."""
    made = transport.callers_publisher()
    made.publish([publication("first", queue)]).get(timeout=PATIENCE)
    intake = transport.intake([queue], "first.1")
    acknowledge(intake, take(intake, 1))
    intake.close().get(timeout=PATIENCE)
    return made


def test_a_call_is_over_when_its_message_is_sent(
    publisher: Publisher, transport: AmqpTransport, rabbitmq_server: RabbitMQServer, queue: str, fresh: Fresh
) -> None:
    ids = [fresh() for _ in range(10)]

    with rabbitmq_server.paused():
        for one in ids:
            assert publisher.publish([publication(one, queue)]).done()

    assert sorted(take_ids(transport.intake([queue], "boot.1"), 10)) == sorted(ids)


@pytest.mark.slow
@pytest.mark.timeout(90)  # RabbitMQ takes its time to start
def test_what_was_not_confirmed_is_sent_again(
    publisher: Publisher, transport: AmqpTransport, rabbitmq_server: RabbitMQServer, queue: str, fresh: Fresh
) -> None:
    ids = [fresh() for _ in range(10)]
    with rabbitmq_server.paused():
        for one in ids:
            publisher.publish([publication(one, queue)]).get(timeout=PATIENCE)
        rabbitmq_server.kill()
    rabbitmq_server.start()

    intake, taken = transport.intake([queue], "boot.1"), set[str]()
    while not taken.issuperset(ids):
        taken.update(take_ids(intake, 1))  # which fails where nothing comes


def test_without_a_broker_a_call_is_an_error(fresh: Fresh) -> None:
    transport = connect("amqp://127.0.0.1:1", confirm_publish=False, patience=0.2)
    assert isinstance(transport, AmqpTransport)
    with pytest.raises(BrokerUnavailable):
        transport.callers_publisher().publish([publication(fresh(), "celery")]).get(timeout=PATIENCE)
    transport.close()


def test_a_program_that_ends_has_lost_nothing(
    rabbitmq_url: str, program: StartProgram, queue: str, fresh: Fresh, tmp_path: Path
) -> None:
    (tmp_path / "posts.py").write_text(POSTS)
    ids = [fresh() for _ in range(200)]

    posting = program(["posts.py", rabbitmq_url, queue, *ids])

    assert posting.wait() == 0, posting.output
    transport = connect(rabbitmq_url, **QUICK)
    assert take_ids(transport.intake([queue], "boot.1"), 200) == ids
    transport.close()


def test_what_the_broker_refuses_later_is_logged(
    rabbitmq_url: str,
    fresh: Fresh,
    caplog: pytest.LogCaptureFixture,
) -> None:
    queue = fresh()
    arguments = {"x-max-length": 1, "x-overflow": "reject-publish"}
    narrow = connect(rabbitmq_url, **{**QUICK, "confirm_publish": False, "queue_arguments": arguments})
    assert isinstance(narrow, AmqpTransport)
    posting, lost = narrow.callers_publisher(), fresh()
    posting.publish([publication(fresh(), queue)]).get(timeout=PATIENCE)

    with caplog.at_level(logging.ERROR):
        posting.publish([publication(lost, queue)]).get(timeout=PATIENCE)
        narrow.close()

    assert "1 messages that were sent to" in caplog.text
    assert lost in caplog.text


def test_an_app_has_it_by_its_transport_options(rabbitmq_url: str) -> None:
    with App("shop", broker=rabbitmq_url, broker_transport_options={"confirm_publish": False}) as app:
        task = app.task(name="noop")(lambda: None)
        assert len({task.delay().id for _ in range(5)}) == 5
        assert app.transport.size("celery").get(timeout=PATIENCE) <= 5
        app.close()
        assert app.transport.size("celery").get(timeout=PATIENCE) == 5
