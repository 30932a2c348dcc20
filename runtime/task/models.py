"""`Models`: Pydantic's models as arguments and return values of a task."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from importlib import import_module
from types import UnionType
from typing import TYPE_CHECKING, Any, Union, cast, get_args, get_origin, get_type_hints

from ..exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from ..app.app import App

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Models:
    """The parameters of a task's function that are annotated with a model, or with one or None, and its return value.

    strict: no value is converted to another type. context: what validators are given, beside `celery_app` and
    `celery_task_name`. dump: arguments of `model_dump`, by default `mode="json"`. Parameters like `*args` stay as they
    are. Raises `ImproperlyConfigured` where Pydantic is not installed.
    """

    def __init__(
        self,
        app: App,
        name: str,
        function: Callable[..., Any],
        *,
        strict: bool = False,
        context: Mapping[str, Any] | None = None,
        dump: Mapping[str, Any] | None = None,
    ) -> None:
        self._base = _base_model(name)
        self._function = function
        self._strict = strict
        self._context = {**(context or {}), "celery_app": app, "celery_task_name": name}
        self._dump = {"mode": "json", **(dump or {})}
        self._signature = inspect.signature(function)
        hints = _hints(function)
        self._returned = self._model(hints.get("return"))
        self._optional = {name for name, hint in hints.items() if type(None) in get_args(hint)}
        self._models = {
            parameter.name: model
            for parameter in self._signature.parameters.values()
            if parameter.kind not in _VARIADIC and (model := self._model(hints.get(parameter.name))) is not None
        }

    def wrapped(self) -> Callable[..., Any]:
        """Return the function as a worker calls it: with models for what came as dicts, and a dict for a model."""
        function = self._function
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                bound = self._validated(args, kwargs)
                return self._returnable(await function(*bound.args, **bound.kwargs))

            return awaited

        @wraps(function)
        def called(*args: Any, **kwargs: Any) -> Any:
            bound = self._validated(args, kwargs)
            return self._returnable(function(*bound.args, **bound.kwargs))

        return called

    def dumped(self, args: Sequence[Any], kwargs: Mapping[str, Any], *, bound: bool) -> tuple[Any, Mapping[str, Any]]:
        """Return a caller's arguments with dicts for those models that a worker makes again of them.

        Others stay: the serializer says what it has no form for. bound: the function's first parameter is the task.
        """
        if not any(isinstance(value, self._base) for value in (*args, *kwargs.values())):
            return args, kwargs
        names = [name for name, one in self._signature.parameters.items() if one.kind not in _VARIADIC][bound:]
        named = [*names[: len(args)], *[""] * (len(args) - len(names))]
        return (
            tuple(map(self._sendable, named, args)),
            {name: self._sendable(name, value) for name, value in kwargs.items()},
        )

    def _validated(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        bound = self._signature.bind(*args, **kwargs)
        for name, value in bound.arguments.items():
            model = self._models.get(name)
            if model is not None and not (value is None and name in self._optional):
                bound.arguments[name] = self._validate(model, value)
        return bound

    def _validate(self, model: Any, value: Any) -> Any:
        return model.model_validate(value, strict=self._strict, context=self._context)

    def _returnable(self, value: Any) -> Any:
        returned = self._returned
        return value.model_dump(**self._dump) if returned is not None and isinstance(value, returned) else value

    def _sendable(self, name: str, value: Any) -> Any:
        model = self._models.get(name)
        if model is None or not isinstance(value, self._base) or hasattr(value, "__json__"):
            return value
        try:
            dumped = value.model_dump(**self._dump)
            return dumped if self._validate(model, dumped) == value else value
        except Exception:  # noqa: BLE001 - serializers and validators of the user's, which may need a worker
            return value

    def _model(self, annotation: Any) -> Any:
        """Return the model that an annotation names, alone or as the alternative to None."""
        if get_origin(annotation) in (Union, UnionType):
            others = [one for one in get_args(annotation) if one is not type(None)]
            annotation = others[0] if len(others) == 1 else None
        return annotation if isinstance(annotation, type) and issubclass(annotation, self._base) else None


def _base_model(name: str) -> type[Any]:
    try:
        return cast("type[Any]", import_module("pydantic").BaseModel)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"task {name} has pydantic=True, and Pydantic is not installed: pip install 'understudy[pydantic]'"
        ) from error


def _hints(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Return a function's annotations; those that cannot be resolved, as they stand."""
    try:
        return get_type_hints(function)
    except (NameError, AttributeError, TypeError):
        return getattr(function, "__annotations__", {})
