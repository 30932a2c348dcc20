"""Which modules a worker imports for their tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

Packages = Iterable[str] | Callable[[], Iterable[str]]


def import_related(packages: Packages, related_name: str | None) -> list[ModuleType]:
    """Import `package.related_name` of each package that has it; what such a module raises comes out."""
    names = packages() if callable(packages) else packages
    wanted = [f"{name}.{related_name}" if related_name else name for name in names]
    return [import_module(name) for name in wanted if _exists(name)]


def _exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
