"""Checks a call's arguments against the task's signature, where the call is made rather than in a worker."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class ArgumentCheck:
    """The signature of a task's function; `skip` leading parameters are not the caller's."""

    def __init__(self, name: str, function: Callable[..., Any], skip: int = 0) -> None:
        self._name = name
        signature = inspect.signature(function)
        parameters = list(signature.parameters.values())[skip:]
        self._signature = signature.replace(parameters=parameters)
        positional = [parameter for parameter in parameters if parameter.kind in _BY_POSITION]
        required_by_name = any(
            parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty
            for parameter in parameters
        )
        self._least = sum(parameter.default is parameter.empty for parameter in positional)
        self._most = len(positional) if not required_by_name else -1

    def __call__(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
        """Raise `TypeError` unless the task could be called like this."""
        if not kwargs and self._least <= len(args) <= self._most:
            return
        try:
            self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(f"{self._name}{self._signature}: {error}") from None


def changed_arguments(
    function: Callable[..., Any],
    before: tuple[Sequence[Any], Mapping[str, Any]],
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    """Return the arguments of a call like `before`, of which `args` or `kwargs` are replaced; None keeps them.

    A parameter that was given the other way before has the new value, as in Celery: it is not given twice.
    """
    old_args, old_kwargs = before
    if args is not None and kwargs is None and old_kwargs:
        return args, _without_positional(function, args, old_kwargs)
    if kwargs is not None and args is None and old_args:
        return _by_name(function, old_args, kwargs)
    return old_args if args is None else args, old_kwargs if kwargs is None else kwargs


def _without_positional(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Mapping[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    positional = [parameter for parameter in parameters if parameter.kind in _BY_POSITION]
    taken = {one.name for one in positional[: len(args)] if one.kind is one.POSITIONAL_OR_KEYWORD}
    return {name: value for name, value in kwargs.items() if name not in taken}


def _by_name(
    function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> tuple[Sequence[Any], Mapping[str, Any]]:
    parameters = inspect.signature(function).parameters.values()
    places = {
        parameter.name: place
        for place, parameter in enumerate(parameter for parameter in parameters if parameter.kind in _BY_POSITION)
        if parameter.kind is parameter.POSITIONAL_OR_KEYWORD and place < len(args)
    }
    changed = list(args)
    for name, place in places.items():
        if name in kwargs:
            changed[place] = kwargs[name]
    return tuple(changed), {name: value for name, value in kwargs.items() if name not in places}
