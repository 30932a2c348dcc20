"""Bounded waiting for what another process does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds after which something is held to hang: far more than it takes, for a machine that is busy with much else."""


def wait_until(condition: Callable[[], T], timeout: float = PATIENCE, *, what: str = "", interval: float = 0.01) -> T:
    """Call `condition` until it returns something true, and return that.

    The last resort, for what other processes do and nothing announces: wait on events where there are any.
    Raises `AssertionError`, which names `what` was waited for, once `timeout` seconds have passed.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what or condition} did not come true within {timeout} s; the last value: {value!r}")
        time.sleep(interval)
