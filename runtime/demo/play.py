"""The whole demo, from the first line to the exit status."""

from __future__ import annotations

import platform
import tempfile
import time
from pathlib import Path

import msgspec
from rich.console import Console

from ...actors.errors import UnderstudyError
from ...transports.message import DeadLetter
from .app import app
from .director import Director
from .job import Job
from .producer import Receipt
from .report import Report
from .screen import Screen
from .stage import NODES, Stage
from .summary import show
from .verdict import Findings

_LOG_WIDTH = 120

PATIENCE = 30.0
"""Seconds to wait for what has to be there when every file is finished."""


def play(console: Console, limit: int | None = None) -> bool:
    """Play the demo over the standard library, or over `limit` of its files; return whether all claims hold.

    Everything takes place in a temporary directory, and no process outlives the call. Raises `DemoFailed` where the job
    comes to a standstill.
    """
    began = time.monotonic()
    if not console.is_terminal:
        console.width = _LOG_WIDTH
    with tempfile.TemporaryDirectory(prefix="understudy-demo-") as folder:
        job = Job.plan(Path(folder), limit)
        _introduce(console, job)
        with Stage(Path(folder), job) as stage, Screen(console, len(job.sources)) as screen:
            findings = _perform(stage, screen)
        show(console, findings, time.monotonic() - began)
        return all(findings.checks().values())


def _introduce(console: Console, job: Job) -> None:
    size = sum(source.size for source in job.sources) / 1_000_000
    console.print(
        f"[bold]Understudy[/] indexes {len(job.sources):,} files ({size:.1f} MB), the standard library of Python "
        f"{platform.python_version()}: one task for each file, joined by a chord.",
        highlight=False,
    )
    if job.rest:
        console.print(
            f"That is little to do: each task rests {1000 * job.rest:.0f} ms, or it would be over too soon.",
            highlight=False,
        )


def _perform(stage: Stage, screen: Screen) -> Findings:
    receipt = stage.produce()
    screen.say(f"The producer has enqueued {len(stage.job.sources) + 1:,} tasks in {receipt.seconds:.2f} s and exited")
    stage.begin_plain()
    screen.say(f"Nodes {' and '.join(NODES)} start; a plain loop does the same, to compare with")
    director = Director(stage, screen)
    director.play()
    app.conf.override({"broker_url": stage.broker})
    with app:
        report = msgspec.convert(app.AsyncResult(receipt.report).get(timeout=PATIENCE), Report)
        ending = _ending_of_killer(receipt)
        dead = [stage.job.killer.name if one.id == receipt.killer else one.id for one in _dead_letters()]
    screen.say("The chord has joined the report; the nodes stop, warm")
    stage.stop_nodes()
    plain = stage.end_plain()
    screen.say("The plain loop has come to its end too")
    return Findings(stage.job, report, plain, director.history, director.blows, dead, ending)


def _ending_of_killer(receipt: Receipt) -> str:
    """Return the class of the error that the result of the task raises whose file kills."""
    try:
        app.AsyncResult(receipt.killer).get(timeout=PATIENCE)
    except UnderstudyError as error:
        return type(error).__name__
    return "nothing"


def _dead_letters() -> list[DeadLetter]:
    return app.transport.dead_letters().list().get(timeout=PATIENCE)
