"""Where a program's settings come from: an object, a module, a mapping, or the name of one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from inspect import isclass, isfunction, ismodule
from typing import Any

from ..exceptions import ImproperlyConfigured
from ..shapes import is_map
from .settings import looks_like_a_setting


def read_object(source: object, namespace: str | None = None) -> dict[str, Any]:
    """Return the settings that `source` holds, by its own names for them.

    source: an object, a module, a mapping, or `"package.module"` or `"package.module:attribute"` for one. namespace:
    read only names with this prefix, which is taken off. From a mapping, and with a namespace, every name counts;
    otherwise names that are clearly no settings are the module's own business.
    """
    found = _import(source) if isinstance(source, str) else source
    values = found if is_map(found) else dict(_attributes(found))
    if namespace:
        return dict(_under(namespace, values))
    if is_map(found):
        return dict(values)
    return {name: value for name, value in values.items() if looks_like_a_setting(name)}


def read_variable(variable: str) -> str:
    """Return the module that an environment variable names; raises `ImproperlyConfigured` where it is not set."""
    name = os.environ.get(variable)
    if not name:
        raise ImproperlyConfigured(f"the environment variable {variable} is not set: it has to name a settings module")
    return name


def _import(name: str) -> object:
    module, _, attribute = name.partition(":")
    try:
        found: object = import_module(module)
        return getattr(found, attribute) if attribute else found
    except (ImportError, AttributeError) as error:
        raise ImproperlyConfigured(f"settings from {name!r}: {error}") from error


def _attributes(source: object) -> Iterator[tuple[str, Any]]:
    for name in dir(source):
        if not name.startswith("_"):
            value = getattr(source, name)
            if not (ismodule(value) or isclass(value) or isfunction(value)) or looks_like_a_setting(name):
                yield name, value


def _under(namespace: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    prefix = namespace if namespace.endswith("_") else f"{namespace}_"
    for name, value in values.items():
        if name.startswith(prefix):
            stripped = name.removeprefix(prefix)
            yield (stripped.lower() if stripped.isupper() else stripped), value
