"""`Network`: which connections of a simulation are cut."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Route(NamedTuple):
    """From one named place to another."""

    source: str
    target: str


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """One reason why nothing gets from `source` to `target`, and back where `both`."""

    source: str
    target: str
    both: bool

    def stops(self, route: Route) -> bool:
        """Whether it lies on that route."""
        ends = (self.source, self.target)
        return route == ends or (self.both and route == ends[::-1])


class Network:
    """All connections are up until they are cut."""

    def __init__(self) -> None:
        self._cuts: list[Cut] = []
        self._last: dict[tuple[str, str], float] = {}

    def cut(self, source: str, target: str, *, both: bool = True) -> Cut:
        """Let nothing through from `source` to `target`, and back where `both`, until that is mended."""
        cut = Cut(source, target, both)
        self._cuts.append(cut)
        return cut

    def mend(self, cut: Cut | None = None) -> None:
        """Take back a cut, or all of them. Idempotent; a route may have been cut twice."""
        self._cuts = [] if cut is None else [other for other in self._cuts if other is not cut]

    def is_cut(self, source: str, target: str) -> bool:
        """Whether nothing gets through."""
        route = Route(source, target)
        return any(cut.stops(route) for cut in self._cuts)

    def queue_up(self, route: tuple[str, str], moment: float) -> float:
        """Return when something arrives that would at `moment`, if what was sent before it arrives before it."""
        self._last[route] = max(moment, self._last.get(route, 0.0))
        return self._last[route]
