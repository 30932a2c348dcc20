"""`understudy result`."""

from __future__ import annotations

import click

from ..layout import Command, option
from ..parameters import seconds
from ..session import Session, pass_session


@click.command(cls=Command, examples=("understudy -A proj result 5c4f0a52-6a0b-4a5c-b6a1-0d8ab5bd4c0e --timeout 10",))
@click.argument("task_id", metavar="ID")
@option("-t", "--task", metavar="NAME", help="The task's name; it has to be one of the app's.")
@option("--traceback", is_flag=True, help="Print the traceback of a failure.")
@option(
    "--timeout",
    metavar="SECONDS",
    type=seconds,
    help="Wait no longer than this; 0 looks once. Default: no limit.",
)
@pass_session
def result(session: Session, task_id: str, task: str | None, traceback: bool, timeout: float | None) -> int:
    """Print the result of the call ID as JSON; wait for it where it is not there yet."""
    from ..outcome import show_outcome

    app = session.client()
    found = app.tasks[task].AsyncResult(task_id) if task is not None else app.AsyncResult(task_id)
    if timeout != 0 and not found.ready():
        session.note(f"{task_id} is {found.state}: waiting ...")
    return show_outcome(found, timeout, traceback=traceback)
