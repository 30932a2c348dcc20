"""Huey on Redis, in a virtual environment of its own."""

from __future__ import annotations

import importlib
import os
from typing import Any

from .. import ledger

huey: Any = importlib.import_module("huey")

app: Any = huey.RedisHuey(
    "benchmark",
    url=os.environ["BENCHMARK_BROKER"],
    results=bool(os.environ["BENCHMARK_RESULTS"]),
    notify_result=bool(os.environ["BENCHMARK_RESULTS"]),  # results are pushed; without, its client polls
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
    result: Any = note(number)
    return result.get(blocking=True, timeout=30)


def left() -> int:
    """Return how many messages wait; those that are taken are nowhere."""
    return int(app.pending_count())
