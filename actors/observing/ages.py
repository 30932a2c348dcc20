"""`Ages`: for how long the first message in each mailbox has been seen to wait there.

Messages carry no time, so that sending them stays cheap. Whoever looks again and sees the same message in front knows
that it has waited since then at least.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..cell import Cell


class Seen(NamedTuple):
    """The first message of a mailbox, and since when it is known to be the first."""

    message: Any
    since: float


class Ages:
    """What was seen at earlier looks."""

    def __init__(self) -> None:
        self._seen: dict[int, Seen] = {}

    def look(self, cells: Iterable[Cell], now: float) -> None:
        """Look at each mailbox; those of others are forgotten."""
        seen: dict[int, Seen] = {}
        for cell in cells:
            first = _first(cell)
            if first is not None:
                before = self._seen.get(cell.uid)
                seen[cell.uid] = before if before is not None and before.message is first else Seen(first, now)
        self._seen = seen

    def of(self, cell: Cell, now: float) -> float:
        """Return the seconds for which its first message has been there; 0 where none waits, or none was seen."""
        seen = self._seen.get(cell.uid)
        return 0.0 if seen is None else now - seen.since


def _first(cell: Cell) -> Any:
    try:
        return cell.mailbox.user[0]
    except IndexError:
        return None
