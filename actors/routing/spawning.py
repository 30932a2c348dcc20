"""Routers by the type of those behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..supervision.spec import ChildSpec
from .router import Router

if TYPE_CHECKING:
    from ..actor import Actor
    from ..ref import Ref
    from ..system import System
    from .strategies import Routing

A = TypeVar("A", bound="Actor")


def spawn_router(
    system: System,
    actor: type[A],
    *args: Any,
    size: int,
    routing: Routing | None = None,
    name: str | None = None,
    timeout: float | None = 10.0,
    **kwargs: Any,
) -> Ref[A]:
    """Start a top-level `Router` over `size` actors of a class; to type checkers its ref is that of one of them.

    Raises as `System.spawn` does.
    """
    child = ChildSpec(actor.__name__, actor, args, kwargs)
    return cast("Ref[A]", system.spawn(Router, child, size, routing, name=name, timeout=timeout))
