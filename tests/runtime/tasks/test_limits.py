"""Limits as tasks and settings say them."""

from __future__ import annotations

import pytest

from understudy.runtime.app.app import App
from understudy.runtime.exceptions import ImproperlyConfigured
from understudy.runtime.task.rates import tasks_per_second
from understudy.runtime.task.task import Task


@pytest.mark.parametrize(
    ("rate", "found"),
    [
        ("10/s", 10.0),
        ("120/m", 2.0),
        ("1800/h", 0.5),
        ("0.5", 0.5),
        ("0.5/s", 0.5),
        (3, 3.0),
        (1.5, 1.5),
        ("0/s", None),
        (0, None),
        (None, None),
    ],
)
def test_a_rate_is_a_number_for_each_second_minute_or_hour(rate: str | float | None, found: float | None) -> None:
    assert tasks_per_second(rate) == found


@pytest.mark.parametrize("rate", ["", "fast", "10/d", "/s", "-1/s", "nan", "inf", "1/s/s", True])
def test_a_rate_that_means_nothing_is_refused_where_the_task_is_declared(app: App, rate: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"task proj\.limited: rate_limit: .* is no rate: write '10/s'"):
        app.task(name="proj.limited", rate_limit=rate)(lambda: None)
    assert "proj.limited" not in app.tasks
    with pytest.raises(ImproperlyConfigured, match="task_default_rate_limit"):
        app.conf.task_default_rate_limit = rate


def test_a_rate_of_an_annotation_or_a_task_class_is_refused_too(app: App) -> None:
    class Limited(Task[..., None]):
        name = "proj.limited"
        rate_limit = "often"

    with pytest.raises(ImproperlyConfigured, match=r"task proj\.limited"):
        app.register_task(Limited)
    app.task(name="proj.annotated")(lambda: None)
    app.conf.task_annotations = {"proj.annotated": {"rate_limit": "seldom"}}
    with pytest.raises(ImproperlyConfigured, match=r"task proj\.annotated: rate_limit: 'seldom'"):
        app.finalize()


def test_the_settings_give_limits_to_tasks_that_say_none(app: App) -> None:
    app.conf.update(task_time_limit=60, task_soft_time_limit=50, task_default_rate_limit="5/s")
    plain = app.task(name="proj.plain")(lambda: None)
    own = app.task(name="proj.own", time_limit=5, soft_time_limit=4, rate_limit=None)(lambda: None)
    assert (plain.time_limit, plain.soft_time_limit, plain.rate_limit) == (60, 50, "5/s")
    assert (own.time_limit, own.soft_time_limit, own.rate_limit) == (5, 4, None)


def test_a_soft_limit_that_would_never_be_reached_is_refused_as_celery_does(app: App) -> None:
    late = app.task(name="proj.late", time_limit=5, soft_time_limit=6)(lambda: None)
    with pytest.raises(ValueError, match="soft_time_limit=6 has to be less than or equal to time_limit=5"):
        late.delay()
