"""Messages that are acknowledged before they run are begun at most once, and never lost without a word."""

from __future__ import annotations

from typing import Any

from understudy.runtime.node.acknowledged import Acknowledged, is_owed
from understudy.runtime.node.returning import back_to_queue
from understudy.runtime.pool.packets import Job
from understudy.transports.message import Delivery, Head, Outcome, Publication, Verdict, encode_head

HEAD = encode_head(Head({"id": "one", "task": "tests.task"}, {}))
SLOT: Any = "a slot"


def job(tag: int = 7) -> Job:
    return Job(Delivery(tag, "q", HEAD, b"body"))


def begun(acknowledged: Acknowledged) -> Job:
    """Return a job whose message was acknowledged."""
    acknowledged.begin(SLOT, job())
    _, early = acknowledged.finish(7, held=True)
    assert early is not None
    return early


def test_an_acknowledged_job_goes_by_numbers_that_no_broker_gives() -> None:
    acknowledged = Acknowledged()
    numbers = {begun(acknowledged).delivery.tag for _ in range(3)}
    assert len(numbers) == 3
    assert max(numbers) < 0


def test_what_was_not_held_any_more_is_not_run() -> None:
    acknowledged = Acknowledged()
    acknowledged.begin(SLOT, job())
    assert acknowledged.is_under_way(7)
    assert acknowledged.finish(7, held=False) == (SLOT, None)
    assert not acknowledged.is_under_way(7)


def test_a_job_whose_slot_ended_fails_unless_its_outcome_was_told_before() -> None:
    acknowledged = Acknowledged()
    lost, done = begun(acknowledged), begun(acknowledged)
    asked = [acknowledged.ask_after(one.delivery.tag) for one in (lost, done)]

    acknowledged.settle(done.delivery.tag)

    failed = acknowledged.answer(asked[0])
    assert failed is not None
    assert failed.delivery is lost.delivery
    assert is_owed(failed)
    assert acknowledged.answer(asked[1]) is None
    assert acknowledged.answer(asked[0]) is None


def test_what_was_not_begun_goes_back_and_is_published_anew_where_the_broker_has_it_no_more() -> None:
    assert back_to_queue(job().delivery) == Outcome(7, Verdict.REQUEUE)
    early = begun(Acknowledged()).delivery
    assert not is_owed(Job(early))
    again = Publication("one", "q", HEAD, b"body")
    assert back_to_queue(early) == Outcome(early.tag, follow_ups=(again,))
