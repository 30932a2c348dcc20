"""Queues: order, delay, expiry, sharing."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.support import wait_until
from understudy.actors.errors import Timeout
from understudy.transports.message import Outcome, Verdict

from .harness import Harness
from .messages import PATIENCE, acknowledge, publication, publish, settle, take, take_ids, task_id


@pytest.mark.needs("in_order")
def test_messages_come_first_in_first_out(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    ids = [next(names) for _ in range(50)]
    for start in range(0, 50, 10):
        publish(transport, *(publication(one, queue) for one in ids[start : start + 10]))

    assert take_ids(harness.intake(transport, queue), 50) == ids


def test_a_delivery_carries_what_was_published(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    sent = publication(next(names), queue)
    publish(transport, sent)

    (delivery,) = take(harness.intake(transport, queue), 1)

    assert (delivery.queue, delivery.body, delivery.losses, delivery.redelivered) == (queue, sent.body, 0, False)
    assert task_id(delivery) == sent.id


def test_bodies_may_be_large_and_hold_any_byte(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    body = bytes(range(256)) * 8192
    sent = publication(next(names), queue)
    publish(transport, type(sent)(sent.id, queue, sent.head, body))

    (delivery,) = take(harness.intake(transport, queue), 1)

    assert delivery.body == body


@pytest.mark.needs("priorities")
def test_a_higher_priority_comes_first_and_order_holds_within_one(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    first = transport.capabilities.first_priority
    ids = {priority: [next(names), next(names)] for priority in (0, 9, 3)}
    for priority, pair in ids.items():
        publish(transport, *(publication(one, queue, priority=priority) for one in pair))

    order = sorted(ids, key=lambda priority: abs(priority - first))

    assert take_ids(harness.intake(transport, queue), 6) == [one for priority in order for one in ids[priority]]


def test_a_fetch_waits_for_a_message(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, one = harness.transport(), next(names), next(names)
    fetched = harness.intake(transport, queue).fetch(5)
    with pytest.raises(Timeout):
        fetched.get(timeout=0.1)

    publish(harness.transport(), publication(one, queue))

    assert [task_id(delivery) for delivery in fetched.get(timeout=PATIENCE)] == [one]


def test_a_fetch_takes_no_more_than_its_credit(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    publish(transport, *(publication(next(names), queue) for _ in range(5)))

    assert len(harness.intake(transport, queue).fetch(3).get(timeout=PATIENCE)) <= 3


def test_one_intake_takes_from_several_queues(harness: Harness, names: Iterator[str]) -> None:
    transport, queues = harness.transport(), [next(names), next(names)]
    sent = {queue: next(names) for queue in queues}
    publish(transport, *(publication(one, queue) for queue, one in sent.items()))

    taken = take(harness.intake(transport, *queues), 2)

    assert {delivery.queue: task_id(delivery) for delivery in taken} == sent


def test_each_message_goes_to_one_of_several_intakes(harness: Harness, names: Iterator[str]) -> None:
    queue = next(names)
    ids = [next(names) for _ in range(20)]
    intakes = [harness.intake(harness.transport(), queue) for _ in range(2)]
    publish(harness.transport(), *(publication(one, queue) for one in ids))

    seen: list[str] = []
    waiting = {intake: intake.fetch(4) for intake in intakes}
    while len(seen) < len(ids):
        for intake, fetched in list(waiting.items()):
            if fetched.done():
                deliveries = fetched.get()
                seen += [task_id(delivery) for delivery in deliveries]
                acknowledge(intake, deliveries)
                waiting[intake] = intake.fetch(4)

    assert sorted(seen) == sorted(ids)


@pytest.mark.needs("delayed")
def test_a_message_with_an_eta_is_held_back_until_then(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, late, now = harness.transport(), next(names), next(names), next(names)
    intake = harness.intake(transport, queue)
    intake.renew().get(timeout=PATIENCE)
    eta = time.time() + 1.0
    publish(transport, publication(late, queue, eta=eta), publication(now, queue))

    assert take_ids(intake, 1) == [now]
    assert take_ids(intake, 1) == [late]
    assert time.time() >= eta


@pytest.mark.needs("delayed")
def test_delayed_messages_come_in_the_order_of_their_eta(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    ids = [next(names) for _ in range(3)]
    intake = harness.intake(transport, queue)
    intake.renew().get(timeout=PATIENCE)
    now = time.time()
    publish(
        transport, *(publication(one, queue, eta=now + delay) for one, delay in zip(ids, (0.9, 0.3, 0.6), strict=True))
    )

    assert take_ids(intake, 3) == [ids[1], ids[2], ids[0]]


def test_an_eta_in_the_past_is_no_delay(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, one = harness.transport(), next(names), next(names)
    publish(transport, publication(one, queue, eta=time.time() - 60))

    assert take_ids(harness.intake(transport, queue), 1) == [one]


@pytest.mark.needs("expires")
def test_an_expired_message_is_not_delivered(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, stale, fresh = harness.transport(), next(names), next(names), next(names)
    publish(transport, publication(stale, queue, expires=time.time() - 1))
    publish(transport, publication(fresh, queue, expires=time.time() + 600))

    assert take_ids(harness.intake(transport, queue), 1) == [fresh]


def test_size_counts_what_waits(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    assert transport.size(queue).get(timeout=PATIENCE) == 0
    publish(transport, *(publication(next(names), queue) for _ in range(3)))
    assert transport.size(queue).get(timeout=PATIENCE) == 3

    intake = harness.intake(transport, queue)
    (delivery,) = take(intake, 1)
    assert transport.size(queue).get(timeout=PATIENCE) == 2

    assert settle(intake, Outcome(delivery.tag, Verdict.REQUEUE)) == [True]
    # RabbitMQ answers no acknowledgement, and a quorum queue counts a moment later.
    wait_until(lambda: transport.size(queue).get(timeout=PATIENCE) == 3, what="the message to be counted again")


def test_purge_deletes_what_waits_and_leaves_what_is_held(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    publish(transport, *(publication(next(names), queue) for _ in range(4)))
    intake = harness.intake(transport, queue)
    held = take(intake, 1)

    assert transport.purge(queue).get(timeout=PATIENCE) == 3
    assert transport.size(queue).get(timeout=PATIENCE) == 0

    later = next(names)
    publish(transport, publication(later, queue))
    assert take_ids(intake, 1) == [later]
    acknowledge(intake, held)


@pytest.mark.needs("delayed")
def test_purge_deletes_delayed_messages(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, one = harness.transport(), next(names), next(names)
    eta = time.time() + 0.4
    publish(transport, publication(next(names), queue, eta=eta))

    assert transport.purge(queue).get(timeout=PATIENCE) == 1

    publish(transport, publication(one, queue, eta=eta + 0.2))
    assert take_ids(harness.intake(transport, queue), 1) == [one]


@pytest.mark.needs("atomic_outcomes")
def test_a_second_publication_with_the_same_key_is_dropped(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, one, last = harness.transport(), next(names), next(names), next(names)
    publish(transport, publication(one, queue, dedupe=one), publication(one, queue, dedupe=one))
    publish(transport, publication(one, queue, dedupe=one), publication(last, queue))

    assert take_ids(harness.intake(transport, queue), 2) == [one, last]
