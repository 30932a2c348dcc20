"""Components that installed packages bring along."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from .errors import BadComponent

if TYPE_CHECKING:
    from .components import Components

GROUP = "understudy.components"
"""The entry points by which packages add components: each names an Actor class, a `ChildSpec`, or a function that is
given the `Components` and adds some."""


def install_all(components: Components) -> None:
    """Add what installed packages bring along, once; raises `BadComponent` for what cannot be loaded, as `add` does."""
    if components.complete:
        return
    components.complete = True
    for point in sorted(entry_points(group=GROUP)):
        try:
            what = point.load()
        except Exception as error:
            raise BadComponent(f"the component {point.name!r} cannot be loaded from {point.value}: {error}") from error
        components.install(point.name, what)
