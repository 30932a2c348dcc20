"""`understudy actor`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from ..exits import Exit
from ..layout import Group, option
from ..session import Session, pass_session

if TYPE_CHECKING:
    from ...inspection.window import SocketWindow

_node: Callable[[Callable[..., Any]], Callable[..., Any]] = option(
    "-n", "--node", metavar="NAME", help="That node, by its name or pid, where several run here."
)


@click.group(cls=Group, examples=("understudy actor show /node/pool/slots/0",))
def actor() -> None:
    """Show, restart or stop one actor of a worker node that runs here, by its path in `understudy tree`."""


@actor.command(short_help="Show all that is known of it.", examples=("understudy actor show /node/pool/slots/0",))
@click.argument("path")
@_node
@option("--json", "as_json", is_flag=True, help="As JSON.")
@pass_session
def show(session: Session, path: str, node: str | None, as_json: bool) -> int:
    """Show all that is known of the actor at PATH, with its live stack and its last traceback."""
    from ..trees import show_actor

    del session
    show_actor(_window(node), path, as_json=as_json)
    return Exit.DONE


@actor.command(
    short_help="Have it replaced, as after a crash.", examples=("understudy actor restart /node/queues/celery/intake",)
)
@click.argument("path")
@_node
@option("--kill", is_flag=True, help="At once, without its ordered end; for one that hangs.")
@pass_session
def restart(session: Session, path: str, node: str | None, kill: bool) -> int:
    """Have the actor at PATH replaced, as after a crash: it counts, and takes along whom its supervisor says.

    One that was stopped is started again.
    """
    session.note(_window(node).restart(path, kill=kill))
    return Exit.DONE


@actor.command(short_help="End it, until it is restarted.", examples=("understudy actor stop /node/services/metrics",))
@click.argument("path")
@_node
@pass_session
def stop(session: Session, path: str, node: str | None) -> int:
    """End the actor at PATH in order; it stays so until it, or its supervisor, is restarted."""
    session.note(_window(node).stop(path))
    return Exit.DONE


def _window(node: str | None) -> SocketWindow:
    from ...inspection.choosing import choose_one
    from ...inspection.window import windows

    return choose_one(windows(), node)[0]
