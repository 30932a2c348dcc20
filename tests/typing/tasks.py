"""What type checkers say about calls of tasks; nothing here runs.

A wrong line says so to both checkers: an expected error that does not come is an error itself.
"""

from __future__ import annotations

from typing import Any, assert_type

from understudy import (
    App,
    AsyncResult,
    Celery,
    GroupResult,
    Signature,
    Task,
    chain,
    chord,
    group,
    shared_task,
    signature,
)

app = App("typed", broker="memory://", task_acks_late=False)
assert_type(Celery("typed"), App)


@app.task
def add(x: int, y: int = 0) -> int:
    return x + y


@app.task(name="other", max_retries=None, queue="slow", my_own_option=1)
def shout(text: str, *, loud: bool = True) -> str:
    return text.upper() if loud else text


@app.task(bind=True, max_retries=5)
def fetch(self: Task[..., Any], url: str) -> bytes:
    if self.request.retries:
        self.update_state(state="PROGRESS", meta={"done": 1})
    self.retry(countdown=3)


@app.task
async def later(seconds: float) -> str:
    return str(seconds)


@app.task(bind=True)
async def bound_later(self: Task[..., Any], seconds: float) -> str:
    return f"{self.request.id} {seconds}"


@shared_task
def anywhere(flag: bool) -> list[str]:
    return [str(flag)]


@shared_task(bind=True, ignore_result=True)
def bound_anywhere(self: Task[..., Any], flag: bool) -> None:
    self.update_state(state=str(flag))


def takes_text(text: str) -> None:
    assert_type(text, str)


def a_task_stays_a_function() -> None:
    assert_type(add(1), int)
    assert_type(add(1, y=2), int)
    assert_type(shout("a", loud=False), str)
    assert_type(fetch("http://"), bytes)
    add("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    add()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    fetch()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    takes_text(add(1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def a_coroutine_function_stays_one() -> None:
    assert_type(await later(1.5), str)
    assert_type(await bound_later(1.5), str)
    takes_text(later(1.5))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def delay_takes_what_the_task_takes() -> None:
    assert_type(add.delay(1, y=2), AsyncResult[int])
    assert_type(add.delay(1).get(timeout=3), int)
    assert_type(fetch.delay("http://"), AsyncResult[bytes])
    assert_type(later.delay(2.0), AsyncResult[str])
    assert_type(anywhere.delay(True), AsyncResult[list[str]])
    assert_type(bound_anywhere.delay(flag=False), AsyncResult[None])
    add.delay("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    add.delay(1, z=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    fetch.delay(fetch, "http://")  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue]
    shout.delay("a", False)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    takes_text(add.delay(1).get())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def the_twins_do_too() -> None:
    assert_type(await add.adelay(1), AsyncResult[int])
    assert_type(await add.aapply_async((1,), countdown=3), AsyncResult[int])
    assert_type(await add.delay(1), int)
    assert_type(await (await later.adelay(1.0)).aget(timeout=2.0), str)
    await add.adelay("1")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def options_of_a_call_have_types() -> None:
    assert_type(add.apply_async((1, 2), countdown=3, queue="q", priority=9, headers={"a": 1}), AsyncResult[int])
    add.apply_async((1,), countdown="soon")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    add.apply_async((1,), countdwn=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def signatures_keep_the_type_of_the_result() -> None:
    assert_type(add.s(1), Signature[int])
    assert_type(add.si(1, 2).apply_async(), AsyncResult[int])
    assert_type(later.s().delay(1.0), AsyncResult[str])
    assert_type(signature("by.name"), Signature[Any])
    takes_text(add.s(1).delay().get())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def workflows_have_types() -> None:
    assert_type((add.s(1) | add.s(2)).delay(), AsyncResult[Any])
    assert_type(chain(add.s(1), add.s(2)).delay(), AsyncResult[Any])
    assert_type(chord([add.s(1)], add.s()).apply_async(), AsyncResult[Any])
    assert_type(group(add.s(1), add.s(2)).delay(), GroupResult)
    assert_type(group(add.s(number) for number in range(3)).delay().get(timeout=1), list[Any])
    assert_type(add.chunks([(1, 2)], 1).apply_async().join(), list[Any])


def settings_have_types() -> None:
    assert_type(app.conf.task_acks_late, bool)
    assert_type(app.conf.task_default_queue, str)
    app.conf.task_always_eager = True
    app.conf.task_ack_late = True  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    app.conf.task_default_queue = 5  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue]
