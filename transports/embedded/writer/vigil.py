"""`Vigil`: watches over nodes that have no connection, until they come back or are dead."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..site import Site

_FIRST_LOOK = 0.002
_LAST_LOOK = 0.5


@dataclass(slots=True)
class _Watch:
    next_look: float
    pause: float = _FIRST_LOOK


class Vigil:
    """Looks, more and more rarely, whether the kernel has released a node's lock: then the node is dead.

    A node whose lock is held is alive, if perhaps stopped: its lease decides.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._watches: dict[str, _Watch] = {}

    @property
    def keeping(self) -> bool:
        """Whether a node is watched."""
        return bool(self._watches)

    def begin(self, boots: Iterable[str]) -> list[str]:
        """Return the nodes that are alive, and watch over them."""
        alive = [boot for boot in boots if self._site.is_alive(boot)]
        self.keep(alive, 0.0)
        return alive

    def keep(self, boots: Iterable[str], mono: float) -> None:
        """Watch over nodes whose connection has ended."""
        for boot in boots:
            self._watches[boot] = _Watch(mono)

    def end(self, boots: Iterable[str]) -> None:
        """Stop watching nodes: they are back."""
        for boot in boots:
            self._watches.pop(boot, None)

    def keep_only(self, boots: Iterable[str]) -> None:
        """Stop watching nodes that hold nothing any more."""
        kept = set(boots)
        self._watches = {boot: watch for boot, watch in self._watches.items() if boot in kept}

    def next_look(self, mono: float) -> float:
        """Return in how many seconds somebody has to be looked after."""
        return min((watch.next_look for watch in self._watches.values()), default=mono + 60.0) - mono

    def dead(self, mono: float) -> list[str]:
        """Look after those whose time has come; return the dead."""
        found: list[str] = []
        for boot, watch in list(self._watches.items()):
            if watch.next_look <= mono:
                watch.next_look = mono + watch.pause
                watch.pause = min(watch.pause * 2, _LAST_LOOK)
                if not self._site.is_alive(boot):
                    del self._watches[boot]
                    found.append(boot)
        return found
