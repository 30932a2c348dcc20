"""How a process ended, in words."""

from __future__ import annotations

import signal


def describe_exit(code: int | None) -> str:
    """Return what a log line or a dead letter says of an exit code, a negative signal number, or None (unknown)."""
    if code is None:
        return "ended (how is not known: its forkserver had died)"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
