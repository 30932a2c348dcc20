"""From a function to a task."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from difflib import get_close_matches
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar, overload

from ..exceptions import ImproperlyConfigured
from ..task.models import Models
from ..task.options import FromSetting
from ..task.rates import tasks_per_second
from ..task.task import Task

if TYPE_CHECKING:
    from ..task.task import AsyncTask
    from .app import App

P = ParamSpec("P")
R = TypeVar("R")

_ALSO_CELERYS = ("shared", "lazy", "filter")
"""Options of Celery's decorator that have no meaning here: tasks are made at once, and belong to their app."""


class Decorator(Protocol):
    """What `app.task(...)` returns."""

    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def __call__(self, function: Callable[P, R], /) -> Task[P, R]: ...


class BoundDecorator(Protocol):
    """What `app.task(bind=True, ...)` returns: the function's first parameter is the task."""

    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...

    @overload
    def __call__(self, function: Callable[Concatenate[Any, P], R], /) -> Task[P, R]: ...


def make_task(app: App, function: Callable[..., Any], options: Mapping[str, Any]) -> Task[..., Any]:
    """Return a task of `app` that is made of a function; its class is a subclass of `base` of its own."""
    said = {name: value for name, value in options.items() if name not in _ALSO_CELERYS}
    base: type[Task[..., Any]] = said.pop("base", None) or app.Task
    bind = said.pop("bind", False)
    name = said.pop("name", None) or app.gen_task_name(function.__name__, function.__module__)
    _check_options(name, base, said)
    models = _models(app, name, function, base, said)
    run = function if models is None else models.wrapped()
    attributes = {
        **said,
        "app": app,
        "name": name,
        "abstract": False,
        "is_async": iscoroutinefunction(function),
        "run": run if bind else staticmethod(run),
        "_models": models,
        "__wrapped__": staticmethod(function),
        "__name__": function.__name__,
        "__doc__": function.__doc__,
        "__module__": function.__module__,
        "__qualname__": function.__qualname__,
    }
    kind = type(function.__name__, (base,), attributes)
    kind.on_bound(app)
    return kind()


def _models(
    app: App, name: str, function: Callable[..., Any], base: type[Task[..., Any]], said: Mapping[str, Any]
) -> Models | None:
    def option(key: str) -> Any:
        return said.get(key, getattr(base, key))

    if not option("pydantic"):
        return None
    return Models(
        app,
        name,
        function,
        strict=option("pydantic_strict"),
        context=option("pydantic_context"),
        dump=option("pydantic_dump_kwargs"),
    )


def check_rate(task: Task[..., Any]) -> None:
    """Raise `ImproperlyConfigured` for a rate limit that means nothing; one from the settings is checked there."""
    rate: Any = type(task).rate_limit
    if not isinstance(rate, FromSetting):
        try:
            tasks_per_second(rate)
        except ImproperlyConfigured as error:
            raise ImproperlyConfigured(f"task {task.name}: rate_limit: {error}") from None


def _check_options(name: str, base: type[Task[..., Any]], options: Mapping[str, Any]) -> None:
    """Raise `TypeError` for what must be a slip; any other name is an attribute of the user's own, as Celery has it."""
    known = [option for option in dir(base) if not option.startswith("_")]
    for option in options:
        nearest = [] if option in known else get_close_matches(option, known, n=1, cutoff=0.85)
        if nearest:
            raise TypeError(f"task {name} has no option {option!r}: did you mean {nearest[0]!r}?")
