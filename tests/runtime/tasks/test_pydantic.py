"""Pydantic's models reach a task as models, and leave it as dicts, whoever called it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError, ValidationInfo, field_validator

from understudy import App, Task
from understudy.exceptions import EncodeError, ImproperlyConfigured

from .pumping import Pump


class Point(BaseModel):
    """An argument; negative numbers are made positive where the context says so."""

    x: int
    y: int = 0

    @field_validator("x")
    @classmethod
    def positive(cls, value: int, info: ValidationInfo) -> int:
        return abs(value) if info.context and info.context.get("positive") else value


class Near(Point):
    """A point of another class."""


class Total(BaseModel):
    """A result."""

    total: int


def sum_of(point: Point, more: Point | None = None, *rest: Any, factor: int = 1) -> Total:
    assert isinstance(point, Point)
    return Total(total=factor * (point.x + point.y + (more.x if more is not None else 0)))


@pytest.fixture
def add(app: App) -> Task[..., Any]:
    return app.task(name="add", pydantic=True)(sum_of)


def value_of(pump: Pump, task: Task[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return what a call comes to."""
    result = task.delay(*args, **kwargs)
    pump.run()
    return result.get(timeout=5)


def test_dicts_become_models_and_a_returned_model_a_dict(pump: Pump, add: Task[..., Any]) -> None:
    assert value_of(pump, add, {"x": 1, "y": 2}) == {"total": 3}
    assert value_of(pump, add, {"x": 1}, {"x": 5}) == {"total": 6}
    assert value_of(pump, add, point={"x": 1}, more=None, factor=4) == {"total": 4}


def test_a_caller_may_give_models(pump: Pump, add: Task[..., Any]) -> None:
    assert value_of(pump, add, Point(x=1, y=2)) == {"total": 3}
    assert value_of(pump, add, point=Point(x=1), more=Point(x=5)) == {"total": 6}
    result = add.s(Point(x=3)).apply_async()
    pump.run()
    assert result.get(timeout=5) == {"total": 3}


def test_a_call_here_and_now_is_no_exception(add: Task[..., Any]) -> None:
    assert add.apply((Point(x=1),)).get() == {"total": 1}
    assert add({"x": 1}) == {"total": 1}


def test_a_bound_task_and_one_that_is_a_coroutine_have_models_too(app: App, pump: Pump) -> None:
    @app.task(bind=True, pydantic=True)
    def bound(self: Task[..., Any], point: Point) -> Total:
        return Total(total=point.x + len(self.name) - len(self.name))

    @app.task(pydantic=True)
    async def later(point: Point) -> Total:
        return Total(total=point.x)

    assert value_of(pump, bound, Point(x=2)) == {"total": 2}
    assert value_of(pump, later, Point(x=3)) == {"total": 3}


def test_a_retry_sends_models_as_a_call_does(app: App, pump: Pump) -> None:
    @app.task(bind=True, pydantic=True, max_retries=1)
    def again(self: Task[..., Any], point: Point) -> Total:
        if not self.request.retries:
            raise self.retry(args=(Point(x=point.x + 1),), countdown=0)
        return Total(total=point.x)

    result = again.delay(Point(x=1))
    pump.run_until(result)

    assert result.get(timeout=5) == {"total": 2}


def test_arguments_that_fit_no_model_fail_the_task(pump: Pump, add: Task[..., Any]) -> None:
    result = add.delay({"x": "no number"})
    pump.run()

    assert isinstance(result.get(timeout=5, propagate=False), Exception)
    assert "ValidationError" in (result.traceback or "")


def test_strict_converts_nothing(app: App) -> None:
    lax = app.task(name="lax", pydantic=True)(sum_of)
    strict = app.task(name="strict", pydantic=True, pydantic_strict=True)(sum_of)

    assert lax({"x": "1"}) == {"total": 1}
    with pytest.raises(ValidationError):
        strict({"x": "1"})


def test_validators_get_the_context(app: App) -> None:
    task = app.task(name="positive", pydantic=True, pydantic_context={"positive": True})(sum_of)

    assert task({"x": -1}) == {"total": 1}


def test_dump_options_are_the_ones_of_model_dump(app: App) -> None:
    @app.task(pydantic=True, pydantic_dump_kwargs={"exclude_defaults": True})
    def same(point: Point) -> Point:
        return point

    assert same({"x": 1, "y": 0}) == {"x": 1}


def test_a_base_class_may_say_it_for_its_tasks(app: App) -> None:
    class WithModels(Task[..., Any]):
        pydantic = True

    assert app.task(name="based", base=WithModels)(sum_of)({"x": 1}) == {"total": 1}


def test_a_model_that_would_come_out_as_another_one_is_not_sent(add: Task[..., Any]) -> None:
    with pytest.raises(EncodeError):
        add.delay(Near(x=1))


def test_without_the_option_models_have_no_form(app: App) -> None:
    plain = app.task(name="plain")(sum_of)

    with pytest.raises(EncodeError):
        plain.delay(Point(x=1))


def test_the_error_says_what_to_install(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pydantic", None)

    with pytest.raises(ImproperlyConfigured, match=r"pip install 'understudy\[pydantic\]'"):
        app.task(name="missing", pydantic=True)(sum_of)
