"""The producer: enqueues the whole job and exits. Run as a program, with the job's file as its argument."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import msgspec

from ..canvas import chord
from .app import index_file, join_indexes
from .job import Job


class Receipt(msgspec.Struct, frozen=True):
    """What the producer leaves: the ids of the report's task and of the killer's, and how long it took."""

    report: str
    killer: str
    seconds: float


def enqueue(job: Job) -> Receipt:
    """Enqueue a task for each file, joined by a chord, and the task that will never end well beside it.

    That one is no part of the chord's header: a chord whose header fails has no report.
    """
    began = time.monotonic()
    killer = index_file.delay(job.killer.name, job.killer.path, job.ledger, 0.0)
    header = [index_file.s(one.name, one.path, job.ledger, job.rest) for one in job.sources]
    report = chord(header)(join_indexes.s())
    return Receipt(report.id, killer.id, time.monotonic() - began)


def main(job: Path, receipt: Path) -> None:
    """Enqueue the job in one file and leave the receipt in another."""
    receipt.write_bytes(msgspec.json.encode(enqueue(Job.load(job))))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
