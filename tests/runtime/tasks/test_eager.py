"""An eager call runs here and now, and behaves as a worker's would."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from understudy.runtime.app.app import App
from understudy.runtime.canvas import chain, group
from understudy.runtime.exceptions import EncodeError
from understudy.runtime.results.eager import EagerResult
from understudy.runtime.task.task import Task


@pytest.fixture(autouse=True)
def eager(app: App) -> None:
    app.conf.task_always_eager = True


def test_a_call_runs_at_once(app: App) -> None:
    @app.task(bind=True)
    def add(self: Task[..., Any], x: int, y: int) -> list[Any]:
        return [x + y, self.request.is_eager, self.request.called_directly]

    result = add.delay(1, 2)
    assert isinstance(result, EagerResult)
    assert (result.get(), result.state, result.ready()) == ([3, True, False], "SUCCESS", True)
    assert app.transport.size("celery").get(timeout=5) == 0
    assert asyncio.run(awaited(result)) == [3, True, False]


async def awaited(result: Any) -> Any:
    return await result


def test_arguments_are_those_that_a_worker_would_see(app: App) -> None:
    @app.task
    def kind(value: Any) -> str:
        return type(value).__name__

    assert kind.delay((1, 2)).get() == "list"
    with pytest.raises(EncodeError):
        kind.delay(object())


def test_a_failure_is_kept_or_raised(app: App) -> None:
    @app.task
    def fail() -> None:
        raise LookupError("gone")

    result = fail.delay()
    assert (result.state, result.failed(), "in fail" in str(result.traceback)) == ("FAILURE", True, True)
    with pytest.raises(LookupError):
        result.get()
    with pytest.raises(LookupError):
        fail.apply(throw=True)
    app.conf.task_eager_propagates = True
    with pytest.raises(LookupError):
        fail.delay()


def test_a_retry_follows_at_once(app: App) -> None:
    @app.task(bind=True, default_retry_delay=3600)
    def third(self: Task[..., Any]) -> int:
        if self.request.retries < 2:
            self.retry()
        return self.request.retries

    @app.task(autoretry_for=(ValueError,), max_retries=2)
    def never() -> None:
        raise ValueError("never")

    assert third.delay().get() == 2
    assert isinstance(never.delay().result, ValueError)


def test_callbacks_and_errbacks_are_called(app: App) -> None:
    heard: list[Any] = []

    @app.task
    def add(x: int, y: int) -> int:
        return x + y

    @app.task
    def fail() -> None:
        raise LookupError

    @app.task
    def hear(value: Any) -> None:
        heard.append(value)

    @app.task
    def hear_error(request: Any, error: BaseException, traceback: str) -> None:
        heard.append((request.id, type(error)))

    add.apply_async((1, 2), link=[hear.s(), add.s(3) | hear.s()])
    fail.apply_async(task_id="one", link_error=[hear_error.s(), hear.s()])
    assert heard == [3, 6, ("one", LookupError), "one"]


def test_workflows_run_at_once(app: App) -> None:
    @app.task
    def add(x: int, y: int) -> int:
        return x + y

    @app.task
    def total(numbers: list[int]) -> int:
        return sum(numbers)

    @app.task
    def fail(*_: Any) -> None:
        raise LookupError

    assert (add.s(1, 2) | group(add.s(1), add.s(2)) | total.s() | add.s(1)).delay().get() == 10
    assert group(add.s(1, i) for i in range(3)).delay().get() == [1, 2, 3]
    failed = chain(add.s(1, 2), fail.s(), add.s(1)).delay()
    assert failed.failed()
    assert add.map([1]).apply().failed()


def test_a_result_is_stored_where_the_settings_say_so(app: App) -> None:
    app.conf.task_store_eager_result = True

    @app.task
    def one() -> int:
        return 1

    assert app.AsyncResult(one.delay().id).get(timeout=5) == 1


def test_an_eager_call_within_a_loop_runs_its_coroutine_too(app: App) -> None:
    @app.task
    async def later(x: int) -> int:
        await asyncio.sleep(0)
        return x

    async def call() -> int:
        return (await later.adelay(5)).get()

    assert asyncio.run(call()) == 5
    assert later.delay(6).get() == 6


def test_calls_of_a_task_within_another_keep_their_requests_apart(app: App) -> None:
    @app.task(bind=True)
    def inner(self: Task[..., Any]) -> str:
        return self.request.id

    @app.task(bind=True)
    def outer(self: Task[..., Any]) -> list[Any]:
        before = self.request.id
        return [before, inner.delay().get(), inner(), self.request.id == before]

    first, second, third, same = outer.delay().get()
    assert first != second
    assert (third, same) == ("", True)
