"""`TimeLimits`: how long tasks may run before their process is killed."""

from __future__ import annotations

from collections.abc import Mapping

from .heads import peek


class TimeLimits:
    """Hard time limits in seconds: a message's own has precedence over its task's. 0 and None are none. Pure."""

    def __init__(self, tasks: Mapping[str, float | None]) -> None:
        self._tasks = {name: limit for name, limit in tasks.items() if limit}

    def of(self, head: bytes) -> float | None:
        """Return the limit of a message."""
        headers = peek(head)
        own = headers.timelimit[0] if headers.timelimit is not None else None
        return own or self._tasks.get(headers.task)


def unlimited(_: bytes) -> None:
    """Say that a message's task may run for ever."""
