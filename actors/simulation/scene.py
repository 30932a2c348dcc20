"""`Scene`: what the invariants of a simulation get to see."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .errors import InvariantBroken

if TYPE_CHECKING:
    from .invariants import Invariant
    from .watching import WatchedCell, WatchedSystem, WatchedTimer

Look = Callable[..., "str | None"]
"""A hook of an invariant: shows it something, and returns its complaint."""


class Scene:
    """Shows everything to the invariants, and keeps the first complaint: whoever it is about may swallow errors."""

    def __init__(self, invariants: Iterable[Invariant]) -> None:
        self.systems: list[WatchedSystem] = []
        self.touched: dict[WatchedCell, None] = {}
        """The cells that something happened to in this step."""
        self.complaint: InvariantBroken | None = None
        self._invariants = list(invariants)
        self._arrange()

    def add(self, invariant: Invariant) -> None:
        """Let another invariant watch, from now on."""
        self._invariants.append(invariant)
        self._arrange()

    @property
    def cells(self) -> list[WatchedCell]:
        """All living cells of all systems that have not vanished."""
        return [cell for system in self.systems for cell in system.living]

    def check(self) -> None:
        """Have the step that is over judged; raises the first complaint that there ever was."""
        touched, self.touched = self.touched, {}
        for look, invariant in self._steps:
            complaint = look(touched)
            if complaint is not None:
                self._complain(invariant, complaint)
        if self.complaint is not None:
            raise self.complaint

    def check_rest(self) -> None:
        """Have a world at rest judged."""
        cells = self.cells
        for invariant in self._invariants:
            complaint = invariant.at_rest(cells)
            if complaint is not None:
                self._complain(invariant, complaint)
        self.raise_complaint()

    def raise_complaint(self) -> None:
        """Raise the first complaint that there ever was, if there was one."""
        if self.complaint is not None:
            raise self.complaint

    # -- what happens: called by watched cells, timers and systems ---------------------------------------------------

    def spawned(self, cell: WatchedCell) -> None:
        """Note that an incarnation was made."""
        for look, invariant in self._spawns:
            complaint = look(cell)
            if complaint is not None:
                self._complain(invariant, complaint)

    def told(self, cell: WatchedCell, event: Any) -> None:
        """Note that the kernel tells a cell something."""
        self.touched[cell] = None
        for look, invariant in self._tells:
            complaint = look(cell, event)
            if complaint is not None:
                self._complain(invariant, complaint)

    def handles(self, cell: WatchedCell, item: Any) -> None:
        """Note that a message is about to be handled."""
        for look, invariant in self._handles:
            complaint = look(cell, item)
            if complaint is not None:
                self._complain(invariant, complaint)

    def fires(self, timer: WatchedTimer) -> None:
        """Note that a timer fires."""
        for look, invariant in self._fires:
            complaint = look(timer)
            if complaint is not None:
                self._complain(invariant, complaint)

    def published(self, event: Any) -> None:
        """Note that a system reports an event."""
        for look, invariant in self._publishes:
            complaint = look(event)
            if complaint is not None:
                self._complain(invariant, complaint)

    def _complain(self, invariant: Invariant, complaint: str) -> None:
        if self.complaint is None:
            self.complaint = InvariantBroken(invariant.name, complaint)

    def _arrange(self) -> None:
        from .invariants import Invariant

        def overriding(hook: str) -> list[tuple[Look, Invariant]]:
            plain = getattr(Invariant, hook)
            return [(getattr(each, hook), each) for each in self._invariants if getattr(type(each), hook) is not plain]

        self._steps = overriding("after_step")
        self._spawns = overriding("spawned")
        self._tells = overriding("told")
        self._handles = overriding("handles")
        self._fires = overriding("fires")
        self._publishes = overriding("published")
