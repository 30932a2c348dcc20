"""Celery, in a virtual environment of its own. Broker and whether results are stored come from the environment."""

from __future__ import annotations

import os
import time
from typing import Any, cast

from celery import Celery

from .. import ledger

app: Any = Celery("benchmark", broker=os.environ["BENCHMARK_BROKER"], backend=os.environ["BENCHMARK_BACKEND"])
app.conf.task_ignore_result = not os.environ.get("BENCHMARK_RESULTS")
app.conf.worker_send_task_events = False
app.conf.broker_connection_retry_on_startup = True


@app.task(name="note")
def note(number: int) -> int:
    """Do nothing but say so."""
    ledger.note(number)
    return number


def publish(count: int) -> None:
    """Call one task after another."""
    for number in range(count):
        note.delay(number)


publish_batched = publish  # it has no batches


def round_trip(number: int) -> int:
    """Call a task and wait for its result."""
    return cast("int", note.delay(number).get(timeout=30))


def left() -> int:
    """Return how many messages wait, once that stays the same: Celery does not wait for what it has published."""
    with app.connection_for_read() as connection:
        before, now = -1, waiting(connection)
        while now != before:
            time.sleep(0.1)
            before, now = now, waiting(connection)
        return now


def waiting(connection: Any) -> int:
    """Return how many messages are in the queue."""
    declared = connection.default_channel.queue_declare(queue="celery", durable=True, auto_delete=False)
    return int(declared.message_count)
