"""The time of a job: when it begins, and whose it is."""

from __future__ import annotations

from understudy.runtime.node.limits import TimeLimits
from understudy.runtime.node.stopwatch import Stopwatch
from understudy.runtime.pool.packets import Job
from understudy.transports.message import Delivery, Head, encode_head


def head(task: str = "add", timelimit: object = (None, None)) -> bytes:
    return encode_head(Head({"task": task, "id": "1", "timelimit": timelimit}, {}))


def job(timelimit: object) -> Job:
    return Job(Delivery(1, "celery", head(timelimit=timelimit), b""))


def watch() -> Stopwatch:
    return Stopwatch(TimeLimits({}).of)


def test_the_time_of_a_job_begins_when_it_runs_and_goes_on_while_it_does() -> None:
    stopwatch, long = watch(), job((5.0, None))
    first = stopwatch.see(long, 100.0)
    assert first == (long, 5.0, 105.0)
    assert stopwatch.see(long, 103.0) is first


def test_the_time_of_a_job_behind_another_begins_with_the_end_of_that_one() -> None:
    stopwatch, first, second = watch(), job((5.0, None)), job((5.0, None))
    stopwatch.see(first, 100.0)
    timed = stopwatch.see(second, 104.0)
    assert timed is not None
    assert timed.due == 109.0


def test_a_job_without_a_limit_and_no_job_have_all_the_time() -> None:
    stopwatch = watch()
    assert stopwatch.see(job((None, 3.0)), 0.0) is None
    assert stopwatch.see(None, 1.0) is None


def test_a_job_that_comes_again_has_its_time_anew() -> None:
    stopwatch, again = watch(), job((5.0, None))
    stopwatch.see(again, 0.0)
    stopwatch.see(None, 1.0)
    timed = stopwatch.see(again, 2.0)
    assert timed is not None
    assert timed.due == 7.0


def test_a_message_has_its_own_limit_or_that_of_its_task() -> None:
    limits = TimeLimits({"slow": 60, "free": None})
    assert limits.of(head("slow")) == 60
    assert limits.of(head("slow", [5, None])) == 5
    assert limits.of(head("slow", [0, 0])) == 60
    assert limits.of(head("slow", None)) == 60
    assert limits.of(head("free")) is None
    assert limits.of(head("free", [0.5, None])) == 0.5


def test_a_head_that_cannot_be_read_has_no_limit() -> None:
    limits = TimeLimits({"add": 1.0})
    assert limits.of(b"not json") is None
    assert limits.of(b'{"headers": {"task": "add", "timelimit": "soon"}}') is None
    assert limits.of(b'{"headers": {"task": "\xff"}}') is None
    assert limits.of(b'{"headers": ' + b"[" * 100_000) is None
