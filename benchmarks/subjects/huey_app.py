"""Huey on SQLite, in a virtual environment of its own.

It has no setting between a flush of the disk for each commit, which it comes with, and none at all.
"""

from __future__ import annotations

import os
from typing import Any, cast

from huey import SqliteHuey  # pyright: ignore[reportMissingImports]

from .. import ledger

app: Any = SqliteHuey(
    "benchmark",
    filename=os.environ["BENCHMARK_HUEY"],
    fsync=None if os.environ["BENCHMARK_FLUSHES"] else False,
    results=bool(os.environ["BENCHMARK_RESULTS"]),
)


@app.task()
def note(number: int) -> int:
    """Do nothing but say so."""
    ledger.note(number)
    return number


def publish(count: int) -> None:
    """Call one task after another."""
    for number in range(count):
        note(number)


publish_batched = publish  # it has no batches


def round_trip(number: int) -> int:
    """Call a task and wait for its result."""
    result = cast("Any", note(number))
    return result(blocking=True, timeout=30)


def left() -> int:
    """Return how many messages wait."""
    return app.pending_count()
