"""`understudy purge`."""

from __future__ import annotations

import click

from ..asking import confirm
from ..exits import Misuse
from ..layout import Command, option
from ..parameters import names
from ..session import Session, pass_session


@click.command(cls=Command, examples=("understudy -A proj purge -Q mail,reports",))
@option("-f", "--force", is_flag=True, help="Do not ask.")
@option(
    "-Q",
    "--queues",
    metavar="NAME,...",
    type=names,
    help="These queues. Default: those that a worker takes from.",
)
@option("-X", "--exclude-queues", "excluded", metavar="NAME,...", type=names, help="All but these queues.")
@pass_session
def purge(session: Session, force: bool, queues: tuple[str, ...] | None, excluded: tuple[str, ...] | None) -> None:
    """Delete the messages that wait in queues, for good: delayed ones too, but not those that are being run."""
    from ..answers import answer

    app = session.client()
    chosen = [name for name in queues or app.derived.router.consumed() if name not in (excluded or ())]
    if not chosen:
        raise Misuse("no queue is left to purge")
    if not force:
        waiting = [f"{answer(app, app.transport.size(name))} in {name}" for name in chosen]
        confirm(f"Messages that wait: {', '.join(waiting)}. Delete them, and delayed ones?")
    for name in chosen:
        count = answer(app, app.transport.purge(name))
        click.echo(f"{name}: deleted {count} message{'' if count == 1 else 's'}")
