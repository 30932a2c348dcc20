"""`understudy demo`."""

from __future__ import annotations

import signal

import click

from ..exits import Exit
from ..layout import Command, option
from ..session import Session, pass_session


@click.command(cls=Command, examples=("understudy demo",))
@option("--files", metavar="N", type=click.IntRange(min=10), help="Index N files only. Default: the standard library.")
@pass_session
def demo(_: Session, files: int | None) -> int:
    """See two nodes index Python's standard library while their parts are killed, and nothing get lost.

    Needs no server and leaves nothing behind. The exit code is 1 where a file is missing or a claim did not hold.
    """
    from rich.console import Console

    from ...demo.errors import DemoFailed
    from ...demo.play import play

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its processes end with it, as after Ctrl-C
    try:
        return Exit.DONE if play(Console(), files) else Exit.FAILED
    except DemoFailed as error:
        click.echo(f"{click.style('Error:', fg='red', bold=True)} {error}", err=True)  # with the end of a log, in lines
        return Exit.FAILED
