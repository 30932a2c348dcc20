"""Outcomes: result, follow-ups, chord part and settlement go together."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from understudy.transports.api import ResultStore, Transport
from understudy.transports.message import ChordPart, Outcome, Verdict

from .harness import Harness
from .messages import PATIENCE, hold, publication, publish, settle, success, take, take_ids

pytestmark = pytest.mark.needs("results")


@pytest.fixture
def transport(harness: Harness) -> Transport:
    return harness.transport()


@pytest.fixture
def results(harness: Harness, transport: Transport) -> ResultStore:
    return harness.results(transport)


def test_an_outcome_stores_sends_and_settles(
    harness: Harness, transport: Transport, results: ResultStore, names: Iterator[str]
) -> None:
    queue, one, follow_up, more = (next(names) for _ in range(4))
    intake, delivery = hold(harness, transport, queue, one)

    outcome = Outcome(
        delivery.tag,
        Verdict.ACK,
        success(one, b"1"),
        (publication(follow_up, queue),),
        more_results=(success(more, b"2"),),
    )
    assert settle(intake, outcome) == [True]

    assert results.get([one, more]).get(timeout=PATIENCE) == [b"1", b"2"]
    assert take_ids(intake, 1) == [follow_up]


def test_nothing_of_a_refused_outcome_happens(
    harness: Harness, transport: Transport, results: ResultStore, names: Iterator[str]
) -> None:
    queue, one, follow_up, group = (next(names) for _ in range(4))
    intake, delivery = hold(harness, transport, queue, one)
    other = harness.intake(harness.transport(), queue)

    part = ChordPart(group, 0, one, "SUCCESS", b"1", publication(follow_up, queue), 1)
    outcome = Outcome(delivery.tag, Verdict.ACK, success(one), (publication(follow_up, queue),), part)
    assert settle(other, outcome) == [False]

    assert results.get([one]).get(timeout=PATIENCE) == [None]
    assert results.chord_parts(group).get(timeout=PATIENCE) == []
    assert transport.size(queue).get(timeout=PATIENCE) == 0
    assert settle(intake, Outcome(delivery.tag)) == [True]


def test_tag_zero_stands_for_a_message_that_was_acknowledged_before(
    harness: Harness, transport: Transport, results: ResultStore, names: Iterator[str]
) -> None:
    queue, one, follow_up = (next(names) for _ in range(3))
    intake = harness.intake(transport, queue)

    assert settle(intake, Outcome(0, Verdict.ACK, success(one, b"1"), (publication(follow_up, queue),))) == [True]

    assert results.get([one]).get(timeout=PATIENCE) == [b"1"]
    assert take_ids(intake, 1) == [follow_up]


def test_a_dead_letter_takes_its_result_and_follow_ups_with_it(
    harness: Harness, transport: Transport, results: ResultStore, names: Iterator[str]
) -> None:
    queue, one, errback = (next(names) for _ in range(3))
    intake, delivery = hold(harness, transport, queue, one)

    failure = success(one, b"failed")
    settle(intake, Outcome(delivery.tag, Verdict.DEAD, failure, (publication(errback, queue),), reason="it kills"))

    assert results.get([one]).get(timeout=PATIENCE) == [b"failed"]
    assert take_ids(intake, 1) == [errback]


def test_a_chord_part_in_an_outcome_fires_with_it(
    harness: Harness, transport: Transport, results: ResultStore, names: Iterator[str]
) -> None:
    queue, group, body = next(names), next(names), next(names)
    ids = [next(names), next(names)]
    publish(transport, *(publication(one, queue) for one in ids))
    intake = harness.intake(transport, queue)
    deliveries = take(intake, 2)

    parts = [ChordPart(group, i, one, "SUCCESS", b"1", publication(body, queue), 2) for i, one in enumerate(ids)]
    settle(intake, *(Outcome(delivery.tag, chord=part) for delivery, part in zip(deliveries, parts, strict=True)))

    assert take_ids(intake, 1) == [body]


def test_an_outcome_ends_the_chord_whose_body_it_sends(
    harness: Harness, transport: Transport, results: ResultStore, names: Iterator[str]
) -> None:
    queue, group, trigger, body = (next(names) for _ in range(4))
    results.chord_part(ChordPart(group, 0, "part", "SUCCESS", b"1", publication(trigger, queue), 1)).get(
        timeout=PATIENCE
    )
    intake = harness.intake(transport, queue)
    (delivery,) = take(intake, 1)

    settle(intake, Outcome(delivery.tag, follow_ups=(publication(body, queue),), ended_chord=group))

    assert take_ids(intake, 1) == [body]
    assert results.chord_parts(group).get(timeout=PATIENCE) == []
