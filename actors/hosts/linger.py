"""Lingering: staying awake for a moment before going to sleep."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Callable

LINGER = 300e-6
"""Seconds: what comes next in a conversation between processes comes sooner than that."""
IN_VAIN = 8
"""So many times in a row it may be for nothing."""

_pass_on: Callable[[], object] = getattr(os, "sched_yield", lambda: time.sleep(0))


class Linger:
    """Waits on a selector without sleeping through the first moments of it, as long as that pays. For one thread.

    To wake a thread takes tens of microseconds, and more where the processor was halted meanwhile, as it is on virtual
    machines. A thread that has just done something is likely to be needed at once. It yields to whoever else wants the
    processor. Where nothing has come so soon for several times, it goes to sleep straight away, until something does.
    """

    def __init__(self) -> None:
        self._in_vain = 0

    def select(
        self, selector: selectors.BaseSelector, timeout: float | None
    ) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what `selector.select(timeout)` does."""
        if timeout is not None and timeout <= LINGER:
            return selector.select(timeout)
        began = time.perf_counter()
        if self._in_vain < IN_VAIN:
            while time.perf_counter() - began < LINGER:
                if ready := selector.select(0):
                    self._in_vain = 0
                    return ready
                _pass_on()
            self._in_vain += 1
            return selector.select(timeout)
        ready = selector.select(timeout)
        if time.perf_counter() - began < LINGER:
            self._in_vain = 0
        return ready
