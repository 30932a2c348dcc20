"""States of a task, by Celery's names."""

from __future__ import annotations

from typing import Final

PENDING: Final = "PENDING"
"""Waiting, or unknown: nothing is stored about it."""
RECEIVED: Final = "RECEIVED"
STARTED: Final = "STARTED"
SUCCESS: Final = "SUCCESS"
FAILURE: Final = "FAILURE"
RETRY: Final = "RETRY"
REVOKED: Final = "REVOKED"
REJECTED: Final = "REJECTED"
IGNORED: Final = "IGNORED"

READY_STATES: Final = frozenset({SUCCESS, FAILURE, REVOKED})
"""The result is there, and stays."""
UNREADY_STATES: Final = frozenset({PENDING, RECEIVED, STARTED, REJECTED, RETRY})
EXCEPTION_STATES: Final = frozenset({RETRY, FAILURE, REVOKED})
"""The result is an exception."""
PROPAGATE_STATES: Final = frozenset({FAILURE, REVOKED})
"""`get()` raises that exception."""
ALL_STATES: Final = READY_STATES | UNREADY_STATES | {IGNORED}
