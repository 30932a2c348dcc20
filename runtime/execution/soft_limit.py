"""`SoftLimit`: raises `SoftTimeLimitExceeded` inside a task that runs for too long."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType

from ..exceptions import SoftTimeLimitExceeded


def exceed() -> None:
    """Raise `SoftTimeLimitExceeded` here."""
    raise SoftTimeLimitExceeded


class SoftLimit:
    """Interrupts what runs within its block after `seconds`: once at most, and nothing after the block.

    It is the process's real-time timer, which also ends the wait of a system call; so it works in the main thread
    alone, and a task that sets an alarm of its own has none. Elsewhere it does nothing. `interrupt` is called in place
    of whatever the main thread does at that moment, and may raise.

    No clean-up is needed where it raises while the block is entered or left: the timer runs once, and is over then.
    """

    __slots__ = ("_armed", "exceeded", "interrupt", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds: float = seconds
        self.exceeded: bool = False
        self.interrupt: Callable[[], None] = exceed
        self._armed = False

    def __enter__(self) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGALRM, self._ring)
            self._armed = True
            signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def __exit__(self, *_: object) -> None:
        if self._armed:
            self._armed = False  # first of all: a timer that fires from here on is too late
            signal.setitimer(signal.ITIMER_REAL, 0.0)

    def _ring(self, _: int, __: FrameType | None) -> None:
        if self._armed:
            self._armed = False
            self.exceeded = True
            self.interrupt()
