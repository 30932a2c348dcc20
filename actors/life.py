"""Where an actor is in its life, and how its hooks can say that they finish later or never begin."""

from __future__ import annotations

from collections.abc import Coroutine
from enum import Enum
from typing import Any


class Status(Enum):
    """Where a cell is in its life."""

    NEW = "new"
    STARTING = "starting"
    RUNNING = "running"
    SUSPENDED = "suspended"
    """It crashed, and its supervisor decides whether it is restarted in place."""
    STOPPING = "stopping"
    DEAD = "dead"


class Deferred(Enum):
    """What `on_start` and `on_stop` return when they finish later, by `started()` or `stopped()`."""

    LATER = "later"


Hook = Deferred | Coroutine[Any, Any, Deferred | None] | None
"""What `on_start` and `on_stop` return; `async def` ones are for asyncio hosts."""


class IgnoreStart(Exception):
    """Raised by `on_start`: the actor has nothing to do and is not to run (OTP's `ignore`).

    Its supervisor keeps the spec, unless that is temporary.
    """
