"""Understudy. Broker and whether results are stored come from the environment, for node and client alike."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from understudy import App
from understudy.runtime.signals import worker_ready

from .. import ledger

BODY = "x" * int(os.environ.get("BENCHMARK_BODY") or 0)
"""What each call carries besides its number."""
BATCH = min(1_000, 8_000_000 // max(len(BODY), 1))

app = App("benchmark")
POSTS = bool(os.environ.get("BENCHMARK_POSTS"))
if POSTS:
    app.conf.broker_transport_options = {"confirm_publish": False}


@app.task(name="note")
def note(number: int) -> int:
    """Do nothing but say so."""
    ledger.note(number)
    return number


@app.task(name="carry")
def carry(number: int, _body: str) -> int:
    """Do nothing with a body but say so."""
    ledger.note(number)
    return number


@app.task(name="note_together")
def note_together(number: int) -> int:
    """Do nothing but say so, as soon as each pool process has one of these."""
    ledger.pass_gate()
    ledger.note(number)
    return number


@worker_ready.connect
def say(**_: Any) -> None:
    """Tell who started the node that it is there."""
    Path(os.environ["BENCHMARK_READY"]).touch()


def call(number: int) -> None:
    """Call the task that the environment asks for."""
    if BODY:
        carry.delay(number, BODY)
    elif ledger.GATE in os.environ:
        note_together.delay(number)
    else:
        note.delay(number)


def publish(count: int) -> None:
    """Call one task after another; what is confirmed later is waited for once, at the end."""
    for number in range(count):
        call(number)
    if POSTS:
        app.close()


def publish_batched(count: int) -> None:
    """Call a batch of tasks after another."""
    for first in range(0, count, BATCH):
        with app.publishing.batch():
            for number in range(first, min(first + BATCH, count)):
                call(number)


def round_trip(number: int) -> int:
    """Call a task and wait for its result."""
    return note.delay(number).get(timeout=30)


def left() -> int:
    """Return how many messages wait."""
    return app.transport.size("celery").get(timeout=30)
