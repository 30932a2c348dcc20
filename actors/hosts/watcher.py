"""`Watcher`: a thread that looks at a host's dispatchers, and reports a turn that takes too long, with its stack.

Looking is cheaper than measuring: a dispatcher counts its turns and notes whose it is, and no clock is read in between.
A turn is seen to be the same at several looks, so what is reported has taken a little longer than the limit.
"""

from __future__ import annotations

import logging
import sys
import traceback
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from ..events import SLOW, SlowTurn
from ..gates import ThreadGate
from ..native import start_new_thread

if TYPE_CHECKING:
    from ..cell import Cell

logger: logging.Logger = logging.getLogger("understudy.actors")

LOOK_EVERY = SLOW / 4
"""Seconds between two looks."""
LOOKS_IN_VAIN = 40
"""Looks that see nobody at work, before the watcher goes to sleep until there is work again."""


class Watched(Protocol):
    """A dispatcher, as its watcher sees it."""

    turns: int
    """Grows with each turn."""

    @property
    def working(self) -> Cell | None:
        """Whose turn keeps the thread busy now."""
        ...

    @property
    def thread(self) -> int | None:
        """The number of the thread that runs it."""
        ...


@dataclass(slots=True)
class Look:
    """What was seen of a dispatcher."""

    turns: int
    since: float
    working: bool = False
    reported: bool = False


class Watcher:
    """Watches the shared dispatchers of one host; its thread is there once one of them has worked."""

    def __init__(self) -> None:
        self.asleep: bool = True
        """Whether `wake` is wanted."""
        self._looks: dict[Watched, Look] = {}
        self._gate = ThreadGate()
        self._running = False
        self._stopped = False

    def watch(self, dispatcher: Watched) -> None:
        """Watch a dispatcher from now on."""
        self._looks[dispatcher] = Look(dispatcher.turns, 0.0)

    def wake(self) -> None:
        """Look again, since there is work; any thread."""
        self.asleep = False
        if self._running:
            self._gate.open()
        elif not self._stopped:
            self._running = True
            start_new_thread(self._run, ())

    def stop(self) -> None:
        """End the thread."""
        self._stopped = True
        self._gate.open()

    def _run(self) -> None:
        in_vain = 0
        while not self._stopped:
            self._gate.wait(None if self.asleep else LOOK_EVERY)
            in_vain = 0 if self._look_around() else in_vain + 1
            self.asleep = in_vain >= LOOKS_IN_VAIN

    def _look_around(self) -> bool:
        """Look at all of them; return whether there was anything to see."""
        now = monotonic()
        seen = [self._look_at(dispatcher, look, now) for dispatcher, look in self._looks.items()]
        return any(seen)

    def _look_at(self, dispatcher: Watched, look: Look, now: float) -> bool:
        cell, turns = dispatcher.working, dispatcher.turns
        if (
            turns != look.turns or cell is None or not look.working
        ):  # the last look may be long ago: it was another turn
            self._looks[dispatcher] = Look(turns, now, working=cell is not None)
            return turns != look.turns or cell is not None
        if not look.reported and now - look.since >= SLOW:
            look.reported = True
            report(cell, now - look.since, stack_of(dispatcher.thread))
        return True


def report(cell: Cell, seconds: float, stack: str) -> None:
    """Log a turn that takes too long, and tell those who subscribed to it."""
    logger.warning("%s has taken %.0f ms for a turn, and others wait:\n%s", cell.path, seconds * 1000, stack)
    cell.system.events.publish(SlowTurn(cell.ref, seconds, stack))


def stack_of(thread: int | None) -> str:
    """Return where a thread is, as text; the last line is the innermost."""
    frame = None if thread is None else sys._current_frames().get(thread)  # pyright: ignore[reportPrivateUsage]
    return "" if frame is None else "".join(traceback.format_stack(frame))
