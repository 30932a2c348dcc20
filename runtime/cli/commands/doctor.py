"""`understudy doctor`."""

from __future__ import annotations

import os

import click

from ..exits import Exit
from ..layout import Command, option
from ..session import Session, pass_session


@click.command(cls=Command, examples=("understudy -A proj doctor",))
@option("--json", "as_json", is_flag=True, help="As JSON.")
@pass_session
def doctor(session: Session, as_json: bool) -> int:
    """Check the installation, the machine and, where an app or a broker is named, its broker and result store.

    What it prints is also what a bug report needs. The exit code is 1 where something is wrong.
    """
    from ..doctor import examine, show

    named = session.app_name or session.broker or os.environ.get("UNDERSTUDY_BROKER_URL")
    sections, well = examine(session.client if named else None)
    show(sections, as_json=as_json)
    return Exit.DONE if well else Exit.FAILED
