"""Settling: acknowledged, given back, lost, dead; and by whom."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from understudy.actors.errors import Timeout
from understudy.transports.errors import TransportError
from understudy.transports.message import REVIVALS, Outcome, Verdict, decode_head

from .harness import Harness
from .messages import PATIENCE, acknowledge, hold, publication, publish, settle, success, take, take_ids, task_id


def test_an_acknowledged_message_does_not_come_back(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, first, second = harness.transport(), next(names), next(names), next(names)
    publish(transport, publication(first, queue))
    intake = harness.intake(transport, queue)
    acknowledge(intake, take(intake, 1))
    intake.close().get(timeout=PATIENCE)

    publish(transport, publication(second, queue))

    assert take_ids(harness.intake(transport, queue), 1) == [second]


def test_a_tag_settles_once(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    publish(transport, publication(next(names), queue))
    intake = harness.intake(transport, queue)
    (delivery,) = take(intake, 1)

    assert settle(intake, Outcome(delivery.tag), Outcome(delivery.tag)) == [True, False]
    assert settle(intake, Outcome(delivery.tag)) == [False]


def test_tags_are_never_reused(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    publish(transport, publication(next(names), queue))
    intake = harness.intake(transport, queue)
    tags: set[int] = set()
    for _ in range(5):
        (delivery,) = take(intake, 1)
        tags.add(delivery.tag)
        settle(intake, Outcome(delivery.tag, Verdict.REQUEUE))

    assert len(tags) == 5


@pytest.mark.needs("requeues_to_head")
def test_a_requeued_message_comes_back_first_and_counts_no_loss(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    ids = [next(names) for _ in range(3)]
    publish(transport, *(publication(one, queue) for one in ids))
    intake = harness.intake(transport, queue)
    (delivery,) = take(intake, 1)

    assert settle(intake, Outcome(delivery.tag, Verdict.REQUEUE)) == [True]

    again = take(intake, 3)
    assert [task_id(one) for one in again] == ids
    assert (again[0].losses, again[0].redelivered) == (0, True)


@pytest.mark.needs("counts_losses")
def test_a_lost_message_comes_back_with_one_loss_more(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    publish(transport, publication(next(names), queue))
    losses: list[int] = []
    for _ in range(3):
        intake = harness.intake(harness.transport(), queue)
        (delivery,) = take(intake, 1)
        losses.append(delivery.losses)
        assert settle(intake, Outcome(delivery.tag, Verdict.LOST)) == [True]
        intake.close().get(timeout=PATIENCE)

    assert losses == [0, 1, 2]


@pytest.mark.needs("delayed")
def test_a_delay_holds_a_message_back(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, held_back, other = harness.transport(), next(names), next(names), next(names)
    intake, delivery = hold(harness, transport, queue, held_back)
    assert settle(intake, Outcome(delivery.tag, Verdict.LOST, delay=0.5)) == [True]

    publish(transport, publication(other, queue))

    assert take_ids(intake, 2) == [other, held_back]


@pytest.mark.needs("requeues_to_head")
def test_closing_an_intake_gives_back_what_it_holds(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    ids = [next(names) for _ in range(3)]
    publish(transport, *(publication(one, queue) for one in ids))
    intake = harness.intake(transport, queue)
    taken = take(intake, 3)
    assert settle(intake, Outcome(taken[1].tag)) == [True]

    intake.close().get(timeout=PATIENCE)

    again = take(harness.intake(transport, queue), 2)
    assert [task_id(one) for one in again] == [ids[0], ids[2]]
    assert [one.losses for one in again] == [0, 0]


def test_closing_an_intake_ends_its_fetch_with_nothing(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    intake = harness.intake(transport, queue)
    fetched = intake.fetch(1)
    with pytest.raises(Timeout):
        fetched.get(timeout=0.05)

    intake.close().get(timeout=PATIENCE)

    assert fetched.get(timeout=PATIENCE) == []


def test_closing_a_transport_gives_back_what_its_intakes_hold(harness: Harness, names: Iterator[str]) -> None:
    queue, one = next(names), next(names)
    transport = harness.transport()
    publish(transport, publication(one, queue))
    take(harness.intake(transport, queue), 1)

    transport.close()

    assert take_ids(harness.intake(harness.transport(), queue), 1) == [one]


def test_a_closed_intake_settles_nothing(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, one = harness.transport(), next(names), next(names)
    intake, delivery = hold(harness, transport, queue, one)
    intake.close().get(timeout=PATIENCE)

    assert settle(intake, Outcome(delivery.tag)) == [False]
    assert take_ids(harness.intake(transport, queue), 1) == [one]


@pytest.mark.needs("fenced")
def test_a_newer_epoch_takes_over_from_an_older_one(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, boot, one = harness.transport(), next(names), next(names), next(names)
    publish(transport, publication(one, queue))
    older = transport.intake([queue], f"{boot}.1")
    (delivery,) = take(older, 1)

    newer = transport.intake([queue], f"{boot}.2")

    assert take_ids(newer, 1) == [one]
    assert settle(older, Outcome(delivery.tag, result=success(one))) == [False]
    assert older.renew().get(timeout=PATIENCE) is False
    assert newer.renew().get(timeout=PATIENCE) is True


def test_a_dead_letter_is_listed_with_its_reason(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, one, other = harness.transport(), next(names), next(names), next(names)
    publish(transport, publication(one, queue), publication(other, queue))
    intake = harness.intake(transport, queue)
    deliveries = take(intake, 2)
    settle(intake, Outcome(deliveries[0].tag, Verdict.DEAD, reason="it kills"), Outcome(deliveries[1].tag))

    (dead,) = transport.dead_letters().list(queue).get(timeout=PATIENCE)

    assert (dead.id, dead.task, dead.queue, dead.reason, dead.body) == (
        one,
        "tests.task",
        queue,
        "it kills",
        deliveries[0].body,
    )
    assert transport.size(queue).get(timeout=PATIENCE) == 0


def test_a_retried_dead_letter_is_delivered_again_without_losses(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, one = harness.transport(), next(names), next(names)
    intake, delivery = hold(harness, transport, queue, one)
    settle(intake, Outcome(delivery.tag, Verdict.DEAD, reason="it kills"))

    assert transport.dead_letters().retry([one]).get(timeout=PATIENCE) == [one]

    (again,) = take(intake, 1)
    assert (task_id(again), again.body, again.losses) == (one, delivery.body, 0)
    assert transport.dead_letters().list(queue).get(timeout=PATIENCE) == []


def test_dead_letters_that_come_back_at_once_are_retried_once(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, ids, last = harness.transport(), next(names), [next(names) for _ in range(3)], next(names)
    publish(transport, *(publication(one, queue) for one in ids))
    intake = harness.intake(harness.transport(), queue)
    settle(intake, *(Outcome(one.tag, Verdict.DEAD, reason="it kills") for one in take(intake, 3)))

    def bury_again() -> None:
        for _ in range(300):  # no more, should a retry never end
            (delivery,) = take(intake, 1)
            if task_id(delivery) == last:
                acknowledge(intake, [delivery])
                return
            settle(intake, Outcome(delivery.tag, Verdict.DEAD, reason="it still kills"))

    node = threading.Thread(target=bury_again)
    node.start()
    again = transport.dead_letters().retry(queue=queue).get(timeout=PATIENCE)
    publish(transport, publication(last, queue))
    node.join(PATIENCE)

    assert sorted(again) == sorted(ids)
    letters = transport.dead_letters().list(queue).get(timeout=PATIENCE)
    assert [one.reason for one in letters] == ["it still kills"] * 3


def test_a_dead_letter_says_how_often_it_came_back(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, one = harness.transport(), next(names), next(names)
    publish(transport, publication(one, queue))
    intake = harness.intake(transport, queue)
    said: list[object] = []
    for _ in range(3):
        (delivery,) = take(intake, 1)
        said.append(decode_head(delivery.head).headers.get(REVIVALS))
        settle(intake, Outcome(delivery.tag, Verdict.DEAD, reason="it kills"))
        transport.dead_letters().retry([one]).get(timeout=PATIENCE)

    assert said == [None, 1, 2]


@pytest.mark.needs("results")
def test_a_retried_dead_letter_is_pending_again(harness: Harness, names: Iterator[str]) -> None:
    transport, queue, one = harness.transport(), next(names), next(names)
    results = harness.results(transport)
    intake, delivery = hold(harness, transport, queue, one)
    settle(intake, Outcome(delivery.tag, Verdict.DEAD, success(one), reason="it kills"))
    assert results.get([one]).get(timeout=PATIENCE) != [None]

    transport.dead_letters().retry(queue=queue).get(timeout=PATIENCE)

    assert results.get([one]).get(timeout=PATIENCE) == [None]


def test_a_discarded_dead_letter_is_gone(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    ids = [next(names), next(names)]
    publish(transport, *(publication(one, queue) for one in ids))
    intake = harness.intake(transport, queue)
    settle(intake, *(Outcome(one.tag, Verdict.DEAD, reason="it kills") for one in take(intake, 2)))
    letters = transport.dead_letters()

    assert letters.discard([ids[0]], queue).get(timeout=PATIENCE) == [ids[0]]

    assert [dead.id for dead in letters.list(queue).get(timeout=PATIENCE)] == [ids[1]]
    assert letters.discard(queue=queue).get(timeout=PATIENCE) == [ids[1]]
    assert letters.list(queue).get(timeout=PATIENCE) == []


def test_an_unknown_dead_letter_is_not_retried(harness: Harness, names: Iterator[str]) -> None:
    letters = harness.transport().dead_letters()

    assert letters.retry([next(names)]).get(timeout=PATIENCE) == []


def test_a_closed_transport_refuses_at_once(harness: Harness, names: Iterator[str]) -> None:
    transport, queue = harness.transport(), next(names)
    publish(transport, publication(next(names), queue))
    fetched = harness.intake(transport, next(names)).fetch(1)

    transport.close()

    with pytest.raises(TransportError):
        transport.publisher().publish([publication(next(names), queue)]).get(timeout=PATIENCE)
    try:
        assert fetched.get(timeout=PATIENCE) == []
    except TransportError:
        return
