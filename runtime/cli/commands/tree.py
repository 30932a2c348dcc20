"""`understudy tree`."""

from __future__ import annotations

from contextlib import suppress

import click

from ..exits import Exit
from ..layout import Command, option
from ..parameters import seconds
from ..session import Session, pass_session


@click.command(
    cls=Command,
    examples=("understudy tree", "understudy tree -w 1", "understudy tree -n mailer /node/queues --json"),
)
@click.argument("path", default="")
@option("-n", "--node", metavar="NAME", help="That node, by name or pid. Default: all of this user here.")
@option("-w", "--watch", metavar="SECONDS", type=seconds, help="Look again every so often, until Ctrl-C.")
@option("--stacks", is_flag=True, help="Show where those are that are at work now.")
@option("--tracebacks", is_flag=True, help="Show the traceback of each actor's last crash.")
@option("--json", "as_json", is_flag=True, help="As JSON, a line for each node.")
@pass_session
def tree(
    session: Session, path: str, node: str | None, watch: float | None, stacks: bool, tracebacks: bool, as_json: bool
) -> int:
    """Show the actors of the worker nodes that run here, or those below PATH.

    For each: its state, what waits in its mailbox and for how long, its restarts, its supervisor's budget of them, and
    its last crash.
    """
    from ..trees import Details, show, watching

    del session
    details = Details(stacks=stacks, tracebacks=tracebacks)
    if watch is None:
        show(node, path, details, as_json=as_json)
    else:
        with suppress(KeyboardInterrupt):  # how it is meant to end
            watching(watch, node, path, details, as_json=as_json)
    return Exit.DONE
