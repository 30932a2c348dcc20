"""`Directory`: which nodes there are, as far as this one knows. A value; the herald replaces it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ..reasons import NO_PROC, ExitReason
from .address import is_called, name_of

REMEMBERED = 1000
"""How many nodes that are gone are remembered, so that who asks them is told at once."""


@dataclass(frozen=True, slots=True)
class Directory:
    """present: the nodes that can be heard. lost: why others cannot any more, the latest last."""

    present: tuple[str, ...] = ()
    lost: Mapping[str, ExitReason] = field(default_factory=dict[str, ExitReason])

    def called(self, name: str) -> tuple[str, ...]:
        """Return the nodes that answer to a name: `name` or `name@host`."""
        return tuple(node for node in self.present if is_called(node, name))

    def lost_called(self, name: str) -> tuple[str, ExitReason] | None:
        """Return the node of that name that was lost last, and why; None where there was none."""
        return next(((node, why) for node, why in reversed(list(self.lost.items())) if is_called(node, name)), None)

    def fate_of(self, node: str) -> ExitReason | None:
        """Return why a node is not there any more; None where it is, or was never heard of."""
        known = self.lost.get(node)
        if known is not None or node in self.present:
            return known
        reborn = any(name_of(other) == name_of(node) for other in self.present)
        return NO_PROC if reborn else None

    def having(self, node: str) -> Directory:
        """Return the directory in which `node` is there."""
        lost = {other: reason for other, reason in self.lost.items() if other != node}
        return replace(self, present=(*self.present, node), lost=lost)

    def lacking(self, node: str, reason: ExitReason) -> Directory:
        """Return the directory in which `node` is gone."""
        lost = {**self.lost, node: reason}
        for oldest in list(lost)[: max(0, len(lost) - REMEMBERED)]:
            del lost[oldest]
        return Directory(tuple(other for other in self.present if other != node), lost)
