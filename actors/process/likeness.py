"""What a proxy finds in an actor that is in another process: its attributes' names, and what kind each is."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from .._pykka import look_into

Likeness = Mapping[tuple[str, ...], tuple[bool, bool]]
"""For each path to an attribute: whether it can be called, and whether one may look into it."""


def likeness_of(actor: object) -> Likeness:
    """Return what a proxy would find in `actor` now."""
    return {path: (found.callable, found.traversable) for path, found in look_into(actor).items()}


def double(likeness: Likeness) -> Any:
    """Return something in which a proxy finds what it would in the actor."""
    doubles: dict[tuple[str, ...], Any] = {(): SimpleNamespace()}
    for path in sorted(likeness, key=len):
        is_callable, is_traversable = likeness[path]
        made: Any = _call if is_callable else None
        if is_traversable:
            made = doubles[path] = SimpleNamespace(pykka_traversable=True)
        setattr(doubles[path[:-1]], path[-1], made)
    return doubles[()]


def _call() -> None:
    """Stand where a method does; nobody calls it."""
