"""A task that is to be tried again comes back as the same call, later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from understudy.runtime.app.app import App
from understudy.runtime.exceptions import MaxRetriesExceededError, Retry
from understudy.runtime.execution.executor import Executor
from understudy.runtime.publishing.gathering import gathering
from understudy.runtime.results.meta import load_exception
from understudy.runtime.task.retrying import backoff
from understudy.runtime.task.task import Task
from understudy.transports.codecs import decode_json
from understudy.transports.message import Head, Outcome, decode_head

from .pumping import Pump


def run(app: App, task: Task[..., Any], *args: Any, **options: Any) -> Outcome:
    with gathering() as gathered:
        task.apply_async(args, **options)
    [publication] = gathered.publications
    return Executor(app, "celery@here").run(1, "celery", publication.head, publication.body)


def next_head(outcome: Outcome) -> Head:
    [publication] = outcome.follow_ups
    return decode_head(publication.head)


@pytest.fixture
def stubborn(app: App) -> Task[..., Any]:
    """A task that always asks to be tried again."""

    @app.task(bind=True)
    def stubborn(self: Task[..., Any], *_: Any, **how: Any) -> None:
        self.retry(exc=LookupError("not yet"), **how)

    return stubborn


def test_the_next_attempt_is_the_same_call_with_one_retry_more(app: App, stubborn: Task[..., Any]) -> None:
    options: dict[str, Any] = {"headers": {"mine": 1}, "priority": 4, "group_id": "g", "group_index": 2, "shadow": "s"}
    outcome = run(app, stubborn, 1, link=stubborn.s("next"), task_id="one", root_id="root", **options)
    head = next_head(outcome)
    expected = {"id": "one", "retries": 1, "mine": 1, "group": "g", "group_index": 2, "shadow": "s", "root_id": "root"}
    assert {name: head.headers[name] for name in expected} == expected
    assert head.properties["priority"] == 4
    args, _, embed = decode_json(outcome.follow_ups[0].body)
    assert (args, embed["callbacks"][0]["args"]) == ([1], ["next"])


def test_a_retry_is_stored_with_the_error_that_led_to_it(app: App, stubborn: Task[..., Any]) -> None:
    outcome = run(app, stubborn)
    assert outcome.result is not None
    meta = decode_json(outcome.result.payload)
    assert (meta["status"], type(load_exception(meta["result"]))) == ("RETRY", LookupError)
    assert "not yet" in meta["traceback"]


def test_the_next_attempt_waits_in_the_broker(app: App, stubborn: Task[..., Any]) -> None:
    with gathering() as gathered:
        stubborn.apply_async(kwargs={"countdown": 60})
        stubborn.delay()
    executor = Executor(app, "celery@here")
    etas = []
    for publication in gathered.publications:
        outcome = executor.run(1, "celery", publication.head, publication.body)
        etas.append(outcome.follow_ups[0].eta)
    now = datetime.now(UTC).timestamp()
    assert etas == [pytest.approx(now + 60, abs=5), pytest.approx(now + 180, abs=5)]


def test_an_eta_is_kept(app: App, stubborn: Task[..., Any]) -> None:
    moment = datetime(2040, 1, 1, tzinfo=UTC)

    @app.task(bind=True)
    def at(self: Task[..., Any]) -> None:
        self.retry(eta=moment)

    assert next_head(run(app, at)).headers["eta"] == moment.isoformat()


def test_the_attempts_of_one_run_have_one_key(app: App, stubborn: Task[..., Any]) -> None:
    first, second = (run(app, stubborn, task_id="one").follow_ups[0] for _ in range(2))
    assert first.dedupe == second.dedupe is not None


def test_a_task_is_tried_until_it_succeeds(app: App, pump: Pump) -> None:
    @app.task(bind=True, default_retry_delay=0)
    def third_time_lucky(self: Task[..., Any]) -> int:
        if self.request.retries < 2:
            self.retry()
        return self.request.retries

    result = third_time_lucky.delay()
    pump.run_until(result)
    assert result.get(timeout=5) == 2


def test_a_task_that_uses_up_its_retries_fails_with_the_error(app: App, pump: Pump) -> None:
    @app.task(bind=True, default_retry_delay=0, max_retries=1)
    def hopeless(self: Task[..., Any], exc: bool) -> None:
        self.retry(exc=LookupError("still not") if exc else None)

    with_error, without = hopeless.delay(True), hopeless.delay(False)
    pump.run_until(with_error)
    pump.run_until(without)
    with pytest.raises(LookupError, match="still not"):
        with_error.get(timeout=5)
    with pytest.raises(MaxRetriesExceededError, match="hopeless"):
        without.get(timeout=5)


def test_a_limit_of_none_is_no_limit(app: App) -> None:
    @app.task(bind=True, max_retries=None)
    def patient(self: Task[..., Any]) -> None:
        self.retry()

    assert next_head(run(app, patient, retries=1000)).headers["retries"] == 1001


def test_other_arguments_may_be_used_next_time(app: App) -> None:
    @app.task(bind=True)
    def count_down(self: Task[..., Any], n: int) -> None:
        self.retry(args=(n - 1,), queue="slow", priority=1)

    outcome = run(app, count_down, 5)
    assert outcome.follow_ups[0].routing_key == "slow"
    assert decode_json(outcome.follow_ups[0].body)[0] == [4]


def test_a_parameter_that_is_given_the_other_way_next_time_is_not_given_twice(app: App) -> None:
    @app.task(bind=True)
    def by_position(self: Task[..., Any], foo: int, bar: int, label: str = "") -> None:
        self.retry(args=(foo + 1, bar + 1))

    @app.task(bind=True)
    def by_name(self: Task[..., Any], foo: int, bar: int, *more: int) -> None:
        self.retry(kwargs={"foo": foo + 1})

    with gathering() as gathered:
        by_position.apply_async(kwargs={"foo": 1, "bar": 2, "label": "kept"})
        by_name.apply_async((1, 2, 3))
    executor = Executor(app, "celery@here")
    again = [executor.run(1, "celery", one.head, one.body).follow_ups[0] for one in gathered.publications]
    assert [decode_json(one.body)[:2] for one in again] == [[[2, 3], {"label": "kept"}], [[2, 2, 3], {}]]


def test_the_next_attempt_goes_to_the_queue_that_this_one_came_from(app: App, stubborn: Task[..., Any]) -> None:
    with gathering() as gathered:
        stubborn.apply_async(queue="first")
    [publication] = gathered.publications
    outcome = Executor(app, "celery@here").run(1, "moved", publication.head, publication.body)
    assert outcome.follow_ups[0].routing_key == "moved"


def test_a_retry_may_be_returned_instead_of_raised(app: App) -> None:
    seen: list[Any] = []

    @app.task(bind=True)
    def polite(self: Task[..., Any]) -> str:
        seen.append(self.retry(throw=False))
        return "done"

    outcome = run(app, polite)
    assert isinstance(seen[0], Retry)
    assert next_head(outcome).headers["retries"] == 1


def test_a_task_that_is_called_like_a_function_raises_its_error(app: App, stubborn: Task[..., Any]) -> None:
    with pytest.raises(LookupError, match="not yet"):
        stubborn()


def test_errors_of_named_classes_are_tried_again(app: App, pump: Pump) -> None:
    @app.task(
        bind=True,
        autoretry_for=(OSError,),
        dont_autoretry_for=(PermissionError,),
        retry_kwargs={"max_retries": 2, "countdown": 0},
    )
    def fetch(self: Task[..., Any], error: str) -> int:
        if error == "permission" or self.request.retries < 2:
            raise PermissionError if error == "permission" else ConnectionError
        return self.request.retries

    lucky, refused = fetch.delay("connection"), fetch.delay("permission")
    pump.run_until(lucky)
    assert lucky.get(timeout=5) == 2
    with pytest.raises(PermissionError):
        refused.get(timeout=5)


def test_the_error_of_an_exhausted_task_has_the_tasks_traceback_only(app: App) -> None:
    @app.task(autoretry_for=(ValueError,), max_retries=0)
    def fails() -> None:
        raise ValueError("once")

    outcome = run(app, fails)
    assert outcome.result is not None
    traceback = decode_json(outcome.result.payload)["traceback"]
    assert "in fails" in traceback
    assert "retrying.py" not in traceback


def test_backoff_doubles_up_to_its_maximum() -> None:
    waits = [backoff(2, retries, 20, jitter=False) for retries in range(6)]
    assert waits == [2, 4, 8, 16, 20, 20]


def test_jitter_stays_within_the_backoff() -> None:
    waits = [backoff(1, 5, 600, jitter=True) for _ in range(200)]
    assert all(0 <= wait <= 32 for wait in waits)
    assert len(set(waits)) > 100


def test_an_automatic_retry_backs_off(app: App) -> None:
    @app.task(autoretry_for=(ValueError,), retry_backoff=3, retry_jitter=False)
    def fails() -> None:
        raise ValueError

    eta = run(app, fails, retries=2).follow_ups[0].eta
    assert eta == pytest.approx((datetime.now(UTC) + timedelta(seconds=12)).timestamp(), abs=3)


def test_an_expiry_does_not_move_with_a_retry(app: App, stubborn: Task[..., Any]) -> None:
    expires = datetime(2040, 1, 1, tzinfo=UTC)
    assert next_head(run(app, stubborn, expires=expires)).headers["expires"] == expires.isoformat()
