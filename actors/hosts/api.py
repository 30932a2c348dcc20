"""What a host offers: dispatchers that call `turn`, and a place to wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from random import Random

    from ..cell import Cell
    from ..clock import Clock
    from ..timers import Timer


class IO(Protocol):
    """Readiness of file descriptors, on one dispatcher's thread."""

    def add_reader(self, fd: int, callback: Callable[[], object]) -> None:
        """Call `callback()` whenever `fd` can be read, between turns; replaces an earlier callback of `fd`.

        It runs as the actor that sets it: an error of it is that actor's crash, and it ends with that actor.
        """
        ...

    def remove_reader(self, fd: int) -> None:
        """End it; idempotent."""
        ...

    def add_writer(self, fd: int, callback: Callable[[], object]) -> None:
        """Call `callback()` whenever `fd` can be written."""
        ...

    def remove_writer(self, fd: int) -> None:
        """End it; idempotent."""
        ...


class Dispatcher(Protocol):
    """Runs the turns of the cells that were placed on it, one at a time."""

    @property
    def current(self) -> Cell | None:
        """The cell in whose turn the caller is, if it is on the dispatcher's thread."""
        ...

    def runs(self, cell: Cell) -> bool:
        """Tell whether the caller is in a turn of `cell`, and not just another thread at the same time."""
        ...

    def ready(self, cell: Cell) -> None:
        """Give `cell` a turn soon; any thread. Only for a cell that was not scheduled."""
        ...

    def after(self, cell: Cell, delay: float, message: Any, interval: float | None) -> Timer:
        """Tell `cell` a message later; only from the dispatcher's own thread."""
        ...

    def gone(self, cell: Cell) -> None:
        """Note that `cell` ended."""
        ...

    @property
    def io(self) -> IO:
        """The dispatcher's readiness port; raises `NotImplementedError` where there is none."""
        ...


class Host(Protocol):
    """Places cells on dispatchers."""

    @property
    def clock(self) -> Clock:
        """The time by which its timers run."""
        ...

    rng: Random
    """Randomness for those who run on it."""

    def place(self, parent: Cell | None, pinned: bool) -> Dispatcher:
        """Return the dispatcher for a new cell: its parent's, or one of its own where it is `pinned`."""
        ...

    def stop(self) -> None:
        """End every dispatcher; what is still scheduled is not run."""
        ...
