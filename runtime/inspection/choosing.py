"""Which node is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .protocol import InspectionFailed, NodeView

if TYPE_CHECKING:
    from .window import SocketWindow

Found = tuple["SocketWindow", NodeView]


def choose(found: Sequence[Found], name: str | None) -> list[Found]:
    """Return those nodes that `name` names, in full or its part before the @, or by pid; all where it is None.

    Raises `InspectionFailed` where there is none.
    """
    if not found:
        raise InspectionFailed("no node of this user runs on this machine")
    chosen = [each for each in found if name is None or is_named(each[1], name)]
    if not chosen:
        known = ", ".join(node.name for _, node in found)
        raise InspectionFailed(f"no node here is called {name!r}: there is {known}")
    return chosen


def choose_one(found: Sequence[Found], name: str | None) -> Found:
    """Return the one node that `name` names; raises `InspectionFailed` where there are several, or none."""
    chosen = choose(found, name)
    if len(chosen) > 1:
        several = ", ".join(f"{node.name} (pid {node.pid})" for _, node in chosen)
        raise InspectionFailed(f"there are several nodes, say with -n which, by name or pid: {several}")
    return chosen[0]


def is_named(node: NodeView, name: str) -> bool:
    """Whether `name` means that node."""
    return name in (node.name, node.name.partition("@")[0], str(node.pid))
