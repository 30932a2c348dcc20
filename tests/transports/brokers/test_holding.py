"""What an intake holds: messages that are not due, messages that were given back, and what its process's end leaves."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.conftest import StartProgram
from tests.support import wait_until
from tests.support.forks import in_forked_child
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
from understudy.actors.errors import Timeout
from understudy.transports.message import Outcome, Publication, Verdict, decode_head, encode_head

from .conftest import Broker

Fresh = Callable[[], str]

_HOLDER = """
import signal
import sys
from understudy.transports.message import Outcome
from understudy.transports.registry import connect

signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])  # before any thread is there: they would die of it instead
intake = connect(sys.argv[1], lease=1.0, heartbeat=1.0).intake([sys.argv[2]], "other.1")
deliveries = intake.fetch(10).get(timeout=10)
print("took", deliveries, flush=True)
signal.sigwait([signal.SIGUSR1])
print("settled", intake.settle([Outcome(one.tag) for one in deliveries]).get(timeout=10), flush=True)
"""


def test_a_message_is_handed_out_when_it_is_due_and_not_before(broker: Broker, queue: str, fresh: Fresh) -> None:
    transport = broker.transport()
    intake = transport.intake([queue], "boot.1")
    late, later, now = fresh(), fresh(), fresh()
    due = time.time() + 1.5
    publish(transport, publication(later, queue, eta=due + 0.3), publication(late, queue, eta=due))
    publish(transport, publication(now, queue))

    assert take_ids(intake, 1) == [now]
    assert take_ids(intake, 1) == [late]
    assert time.time() >= due
    assert take_ids(intake, 1) == [later]


def test_a_dead_letter_goes_when_its_time_is_up(broker: Broker, queue: str, fresh: Fresh) -> None:
    transport = broker.transport(dead_letter_expires=1.5, lease=1.0)
    old, young = fresh(), fresh()
    intake = transport.intake([queue], "boot.1")
    letters = transport.dead_letters()

    def bury(one: str) -> None:
        publish(transport, publication(one, queue))
        settle(intake, *(Outcome(taken.tag, Verdict.DEAD, reason="it kills") for taken in take(intake, 1)))

    def listed() -> list[str]:
        return [letter.id for letter in letters.list(queue).get(timeout=PATIENCE)]

    bury(old)
    assert listed() == [old]
    waiting = intake.fetch(1)
    wait_until(lambda: listed() == [], what="the end of a dead letter")
    publish(transport, publication(young, queue))
    (delivery,) = waiting.get(timeout=PATIENCE)
    settle(intake, Outcome(delivery.tag, Verdict.DEAD, reason="it kills"))
    assert listed() == [young]
    assert transport.dead_letters().retry([young]).get(timeout=PATIENCE) == [young]
    assert take_ids(intake, 1) == [young]


@pytest.mark.parametrize("eta", ["2090-01-01T00:00:00", "2090-01-01T00:00:00+02:00", "2090-01-01T00:00:00Z"])
def test_an_eta_is_read_as_celery_writes_it(broker: Broker, queue: str, fresh: Fresh, eta: str) -> None:
    transport = broker.transport()
    intake = transport.intake([queue], "boot.1")
    publish(transport, with_eta(fresh(), queue, eta))

    with pytest.raises(Timeout):
        intake.fetch(1).get(timeout=0.3)


@pytest.mark.parametrize("eta", ["soon", ""])
def test_an_eta_that_nobody_can_read_is_no_delay(broker: Broker, queue: str, fresh: Fresh, eta: str) -> None:
    transport = broker.transport()
    publish(transport, with_eta(fresh(), queue, eta))

    assert len(take(transport.intake([queue], "boot.1"), 1)) == 1


def test_a_message_that_waits_does_not_keep_others_from_being_taken(broker: Broker, queue: str, fresh: Fresh) -> None:
    transport = broker.transport()
    publish(transport, *(publication(fresh(), queue, eta=time.time() + 600) for _ in range(50)))
    ids = [fresh() for _ in range(10)]
    publish(transport, *(publication(one, queue) for one in ids))

    assert take_ids(transport.intake([queue], "boot.1"), 10) == ids


def test_closing_gives_back_what_waits_with_the_intake(broker: Broker, queue: str, fresh: Fresh) -> None:
    transport = broker.transport()
    intake = transport.intake([queue], "boot.1")
    in_the_broker = transport.capabilities.delayed
    publish(transport, publication(fresh(), queue, eta=time.time() + 600), publication(fresh(), queue))
    take(intake, 1)
    assert transport.size(queue).get(timeout=PATIENCE) == 0

    intake.close().get(timeout=PATIENCE)

    assert transport.size(queue).get(timeout=PATIENCE) == 2 - in_the_broker


@pytest.mark.parametrize("verdict", [Verdict.REQUEUE, Verdict.LOST])
def test_a_delay_holds_back_what_is_given_back(broker: Broker, queue: str, fresh: Fresh, verdict: Verdict) -> None:
    transport = broker.transport()
    intake = transport.intake([queue], "boot.1")
    held_back, other = fresh(), fresh()
    publish(transport, publication(held_back, queue))
    (delivery,) = take(intake, 1)
    due = time.time() + 0.5
    settle(intake, Outcome(delivery.tag, verdict, delay=0.5))
    publish(transport, publication(other, queue))

    assert take_ids(intake, 2) == [other, held_back]
    assert time.time() >= due - 0.01


def test_headers_of_our_own_stay_in_the_broker(broker: Broker, queue: str, fresh: Fresh) -> None:
    transport = broker.transport()
    intake = transport.intake([queue], "boot.1")
    publish(transport, publication(fresh(), queue))
    (first,) = take(intake, 1)
    settle(intake, Outcome(first.tag, Verdict.LOST, delay=0.05))

    (second,) = take(intake, 1)

    assert second.losses == 1
    headers = decode_head(second.head).headers
    headers.pop("redelivered", None)
    assert headers == decode_head(first.head).headers


def test_a_node_that_is_killed_loses_nothing(broker: Broker, queue: str, fresh: Fresh, program: StartProgram) -> None:
    transport = broker.transport(lease=1.0)
    ids = {fresh() for _ in range(10)}
    publish(transport, *(publication(one, queue) for one in ids))
    holder = program(["-c", _HOLDER, broker.url, queue])
    holder.wait_for_output("took")

    holder.kill()

    intake = transport.intake([queue], "boot.1")
    deliveries = take(intake, 10)
    assert set(map(task_id, deliveries)) == ids
    acknowledge(intake, deliveries)


def test_a_node_that_was_frozen_past_its_lease_settles_nothing(
    broker: Broker, queue: str, fresh: Fresh, program: StartProgram
) -> None:
    transport = broker.transport(lease=1.0)
    one = fresh()
    publish(transport, publication(one, queue))
    holder = program(["-c", _HOLDER, broker.url, queue])
    holder.wait_for_output("took")
    intake = transport.intake([queue], "boot.1")

    holder.signal(signal.SIGSTOP)
    (delivery,) = take(intake, 1)
    holder.signal(signal.SIGCONT)
    holder.signal(signal.SIGUSR1)

    holder.wait_for_output("settled [False]")
    assert task_id(delivery) == one
    assert settle(intake, Outcome(delivery.tag)) == [True]


def test_a_message_is_held_for_as_long_as_its_node_lives(broker: Broker, queue: str, fresh: Fresh) -> None:
    transport, other = broker.transport(lease=1.0), broker.transport(lease=1.0)
    intake = transport.intake([queue], "boot.1")
    publish(transport, publication(fresh(), queue))
    (delivery,) = take(intake, 1)
    waiting = other.intake([queue], "other.1").fetch(1)

    with pytest.raises(Timeout):
        waiting.get(timeout=2.5)
    assert intake.renew().get(timeout=PATIENCE)
    assert settle(intake, Outcome(delivery.tag)) == [True]


def test_a_forked_child_has_connections_of_its_own_and_no_share_in_its_parents(
    broker: Broker, queue: str, fresh: Fresh
) -> None:
    transport = broker.transport()
    intake = transport.intake([queue], "boot.1")
    mine, childs = fresh(), fresh()
    publish(transport, publication(mine, queue))
    held = take(intake, 1)

    in_forked_child(lambda: publish(transport, publication(childs, queue)))

    assert take_ids(intake, 1) == [childs]
    acknowledge(intake, held)


def with_eta(task_id: str, queue: str, eta: str) -> Publication:
    """Return a publication whose message says `eta`, as a stock client's does."""
    plain = publication(task_id, queue)
    head = decode_head(plain.head)
    head.headers["eta"] = eta
    return Publication(task_id, queue, encode_head(head), plain.body)
