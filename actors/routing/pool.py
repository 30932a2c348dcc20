"""`Pool`: a supervisor of so many children of one kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..ref import Ref
from ..supervision.errors import BadSpec
from ..supervision.spec import ChildSpec
from ..supervision.supervisor import Supervisor


class Pool(Supervisor):
    """So many children of one kind, with the ids 0, 1, 2 ...; `child` describes each of them, its id aside.

    Raises `BadSpec` for what describes none, or a size below 1.
    """

    def __init__(self, child: ChildSpec, size: int) -> None:
        if not isinstance(child, ChildSpec):  # pyright: ignore[reportUnnecessaryIsInstance] - not everybody checks types
            raise BadSpec(f"the children of a pool are described by a ChildSpec, not {child!r}")
        if type(size) is not int or size < 1:
            raise BadSpec(f"a pool has at least one child, not {size!r}")
        self._child = child
        self._size = size

    def children(self) -> Sequence[ChildSpec]:
        """Return the spec of each child."""
        return [self.child(number) for number in range(self._size)]

    def child(self, number: int) -> ChildSpec:
        """Return the spec of one child; override it where each is to know its number."""
        return replace(self._child, id=number)

    def at_work(self) -> list[tuple[Any, Ref[Any]]]:
        """Return the ids and refs of those who are at work now."""
        return [(child.spec.id, child.ref) for child in self._children if child.ref is not None and child.lives]
