"""What happens to RabbitMQ alone: connections closed by operators, no memory left, messages that nobody can read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import kombu
import pytest

from tests.support import RabbitMQServer, wait_until
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
from understudy.transports.amqp_broker.topology import Topology
from understudy.transports.api import Transport
from understudy.transports.errors import BrokerUnavailable, MalformedMessage, TransportError
from understudy.transports.message import Head, Outcome, Publication, Verdict, decode_head, encode_head
from understudy.transports.registry import connect

from .conftest import QUICK

Fresh = Callable[[], str]
QUORUM = {"queue_arguments": {"x-queue-type": "quorum"}}


@pytest.fixture
def transport(rabbitmq_url: str) -> Iterator[Transport]:
    made = connect(rabbitmq_url, **{**QUICK, "patience": 10.0})
    yield made
    made.close()


def test_whatever_an_operator_closes_is_opened_again(
    transport: Transport, rabbitmq_server: RabbitMQServer, queue: str, fresh: Fresh
) -> None:
    intake = transport.intake([queue], "boot.1")
    held, waits = fresh(), fresh()
    publish(transport, publication(held, queue))
    (delivery,) = take(intake, 1)
    wait_until(lambda: len(rabbitmq_server.manage("GET", "connections")) >= 2, what="the list of connections")

    rabbitmq_server.close_connections()

    publish(transport, publication(waits, queue))
    assert sorted(take_ids(intake, 2)) == sorted([held, waits])
    assert settle(intake, Outcome(delivery.tag)) == [False]


def test_a_broker_that_is_stopped_is_a_clear_error_and_no_end(
    rabbitmq_url: str, rabbitmq_server: RabbitMQServer, queue: str, fresh: Fresh
) -> None:
    transport = connect(rabbitmq_url, **QUICK)
    publish(transport, publication(fresh(), queue))

    with rabbitmq_server.paused(), pytest.raises(BrokerUnavailable, match=r"confirmed|answer"):
        transport.publisher().publish([publication(fresh(), queue)]).get(timeout=PATIENCE)

    publish(transport, publication(fresh(), queue))
    transport.close()


@contextmanager
def short_of_memory(server: RabbitMQServer) -> Iterator[None]:
    """Have a server believe that it has hardly any memory."""
    control(server, "set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        yield
    finally:
        control(server, "set_vm_memory_high_watermark", "absolute", "1GB")


def control(server: RabbitMQServer, *command: str) -> None:
    """Do what operators do on the command line."""
    program = Path(server.binary).with_name("rabbitmqctl")
    environment = {**os.environ, **server.environment()}
    environment.pop("RABBITMQ_DIST_PORT")
    subprocess.run([program, *command], env=environment, check=True, capture_output=True, timeout=30)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_broker_that_is_short_of_memory_says_so_and_still_hears_what_is_done(
    rabbitmq_url: str, rabbitmq_server: RabbitMQServer, queue: str, fresh: Fresh
) -> None:
    transport = connect(rabbitmq_url, **{**QUICK, "patience": 3.0})
    intake = transport.intake([queue], "boot.1")
    publish(transport, publication(fresh(), queue), publication(fresh(), queue))
    (delivery,) = take(intake, 1)

    with short_of_memory(rabbitmq_server):
        with pytest.raises(BrokerUnavailable, match=r"short of resources|not confirmed"):
            transport.publisher().publish([publication(fresh(), queue)]).get(timeout=PATIENCE)
        with pytest.raises(BrokerUnavailable, match=r"short of resources.*memory"):
            transport.publisher().publish([publication(fresh(), queue)]).get(timeout=PATIENCE)
        assert settle(intake, Outcome(delivery.tag)) == [True]
        acknowledge(intake, take(intake, 1))

    publish(transport, publication(fresh(), queue))
    transport.close()


@pytest.mark.parametrize("count", [1, 3, 40])
def test_one_message_that_is_refused_does_not_take_others_with_it(
    transport: Transport, queue: str, fresh: Fresh, count: int
) -> None:
    publish(transport, publication(fresh(), queue))
    before, after = [fresh() for _ in range(count)], [fresh() for _ in range(count)]
    publisher = transport.publisher()

    waiting = [publisher.publish([publication(one, queue)]) for one in before]
    lost = publisher.publish([publication(fresh(), "somewhere", exchange="nowhere")])
    waiting += [publisher.publish([publication(one, queue)]) for one in after]

    with pytest.raises(TransportError, match="nowhere"):
        lost.get(timeout=PATIENCE)
    for one in waiting:
        one.get(timeout=PATIENCE)
    intake = transport.intake([queue], "boot.1")
    wanted, seen = {*before, *after}, set[str]()
    while not wanted <= seen:
        seen.update(map(task_id, intake.fetch(100).get(timeout=PATIENCE)))


def test_whoever_waits_sends_what_waits_to_be_sent(transport: Transport, queue: str, fresh: Fresh) -> None:
    large = [
        Publication(one, queue, publication(one, queue).head, bytes(4 << 20)) for one in (fresh() for _ in range(8))
    ]
    transport.size(queue).get(timeout=PATIENCE)

    published = transport.publisher().publish(large)

    assert transport.size(queue).get(timeout=PATIENCE) <= len(large)
    published.get(timeout=PATIENCE)
    assert transport.size(queue).get(timeout=PATIENCE) == len(large)


def test_a_message_whose_headers_nobody_wrote_as_we_do_is_handed_out(
    transport: Transport, rabbitmq_url: str, queue: str
) -> None:
    with kombu.Connection(rabbitmq_url) as connection, connection.Producer() as producer:
        kombu.Queue(queue, channel=connection.default_channel).declare()
        producer.publish(b"\xff\x00", routing_key=queue, content_type="application/x-odd", content_encoding="binary")
    intake = transport.intake([queue], "boot.1")

    (delivery,) = take(intake, 1)

    assert delivery.body == b"\xff\x00"
    assert decode_head(delivery.head).headers == {}
    assert settle(intake, Outcome(delivery.tag, Verdict.DEAD, reason="nobody can read it")) == [True]
    (dead,) = transport.dead_letters().list(queue).get(timeout=PATIENCE)
    assert (dead.reason, dead.body) == ("nobody can read it", b"\xff\x00")


@pytest.fixture
def stranger(rabbitmq_server: RabbitMQServer, rabbitmq_url: str) -> Iterator[tuple[str, Transport]]:
    """The name of another user, and a transport that publishes as that one."""
    name, vhost = f"user{os.urandom(4).hex()}", rabbitmq_url.rpartition("/")[2]
    rabbitmq_server.manage("PUT", f"users/{name}", {"password": "secret", "tags": ""})
    rabbitmq_server.manage("PUT", f"permissions/{vhost}/{name}", {"configure": ".*", "write": ".*", "read": ".*"})
    made = connect(rabbitmq_url.replace("guest:guest", f"{name}:secret"), **{**QUICK, "patience": 10.0})
    yield name, made
    made.close()
    rabbitmq_server.manage("DELETE", f"users/{name}")


@pytest.mark.parametrize("verdict", [Verdict.DEAD, Verdict.LOST])
def test_what_its_headers_keep_from_being_sent_on_holds_up_nobody(
    transport: Transport, stranger: tuple[str, Transport], queue: str, fresh: Fresh, verdict: Verdict
) -> None:
    user, theirs = stranger
    full, owned, copied, fine = (fresh() for _ in range(4))
    heads = {
        full: Head({"id": full, "task": "t", "argsrepr": "x" * 130_950}, {}),
        owned: Head({"id": owned, "task": "t"}, {"user_id": user}),
        copied: Head({"id": copied, "task": "t", "CC": [queue]}, {}),
    }
    publish(theirs, *(Publication(one, queue, encode_head(head), b"body") for one, head in heads.items()))
    publish(transport, publication(fine, queue))
    intake = transport.intake([queue], "boot.1")
    *broken, last = take(intake, 4)

    assert settle(intake, *(Outcome(one.tag, verdict, reason="broken") for one in broken)) == [True] * 3

    letters = transport.dead_letters().list(queue).get(timeout=PATIENCE)
    if verdict is Verdict.DEAD:
        assert sorted(letter.id for letter in letters) == sorted([full, owned, copied])
        assert all(letter.body == b"body" for letter in letters)
    else:
        assert [letter.id for letter in letters] == [full]  # no room for how often it was lost
        again = take(intake, 2)
        assert sorted(map(task_id, again)) == sorted([owned, copied])
        assert [one.losses for one in again] == [1, 1]
        acknowledge(intake, again)
    acknowledge(intake, [last])
    assert transport.size(queue).get(timeout=PATIENCE) == 0


def test_headers_that_no_frame_holds_are_an_error_of_their_call(transport: Transport, queue: str, fresh: Fresh) -> None:
    large = Publication(fresh(), queue, encode_head(Head({"id": "x", "argsrepr": "x" * 140_000}, {})), b"")

    with pytest.raises(MalformedMessage, match="131052 is the most"):
        publish(transport, large)

    publish(transport, publication(fresh(), queue))


def test_queues_that_have_replicas_count_what_was_lost(rabbitmq_url: str, queue: str, fresh: Fresh) -> None:
    transport = connect(rabbitmq_url, **{**QUICK, **QUORUM, "patience": 10.0})
    ids = [fresh() for _ in range(100)]
    publish(transport, *(publication(one, queue) for one in ids))
    intake = transport.intake([queue], "boot.1")
    deliveries = take(intake, 100)
    assert [task_id(one) for one in deliveries] == ids

    settle(intake, *(Outcome(one.tag, Verdict.LOST if number % 10 == 0 else Verdict.ACK)
                     for number, one in enumerate(deliveries)))  # fmt: skip

    again = take(intake, 10)
    assert {task_id(one) for one in again} == set(ids[::10])
    assert {one.losses for one in again} == {1}
    transport.close()


def test_a_queue_that_is_there_with_other_arguments_is_named_with_the_difference(
    transport: Transport, queue: str, fresh: Fresh
) -> None:
    publish(transport, publication(fresh(), queue))

    def declare(link: object) -> None:
        topology: Topology = link.topology  # type: ignore[attr-defined]
        topology.make_queue(queue, {"x-max-priority": 3})

    with pytest.raises(TransportError, match="x-max-priority"):
        transport.publisher().run(declare).get(timeout=PATIENCE)  # type: ignore[attr-defined]

    publish(transport, publication(fresh(), queue))
