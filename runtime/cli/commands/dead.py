"""`understudy dead`: the dead letter queues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ..asking import confirm
from ..layout import Group, option
from ..session import Session, pass_session

if TYPE_CHECKING:
    from ....actors.completion import Completion
    from ...app.app import App

ALL = 1_000_000
"""Dead letters, at most: more are not looked for."""

_queue = option("-Q", "--queue", metavar="NAME", help="Only what came from this queue.")
_every = option("--all", "every", is_flag=True, help="All of them (of the queue, with -Q).")
_ids = click.argument("ids", metavar="[ID]...", nargs=-1)


@click.group(cls=Group, examples=("understudy -A proj dead list", "understudy -A proj dead retry --all -Q mail"))
def dead() -> None:
    """List, retry or discard dead letters.

    A dead letter is a message that ended its pool process too often, that a task rejected, or that could not be read.
    """


@dead.command(
    "list",
    short_help="List dead letters, oldest first.",
    examples=("understudy -A proj dead list --json | jq -r '.[].reason'",),
)
@_queue
@option("--limit", metavar="N", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@option("--json", "as_json", is_flag=True, help="As JSON, with the arguments.")
@pass_session
def list_dead(session: Session, queue: str | None, limit: int, as_json: bool) -> None:
    """List dead letters, oldest first: a table on a terminal, else a line each with tabs in between."""
    from ..answers import answer
    from ..letters import show

    app = session.client()
    found = answer(app, app.transport.dead_letters().list(queue, limit + 1))
    show(found[:limit], as_json=as_json)
    if len(found) > limit:
        session.note(f"There are more than {limit}; --limit shows more.")
    elif not found:
        session.note("There are no dead letters.")


@dead.command(
    "retry",
    short_help="Put dead letters back into their queues.",
    examples=("understudy -A proj dead retry 5c4f0a52-6a0b-4a5c-b6a1-0d8ab5bd4c0e",),
)
@_ids
@_every
@_queue
@pass_session
def retry_dead(session: Session, ids: tuple[str, ...], every: bool, queue: str | None) -> None:
    """Put dead letters back into their queues, as if they had never been run; prints their ids."""
    _check(ids, every, queue)
    app = session.client()
    make_pending(app, ids, queue)
    _carry_out(session, app, ids, app.transport.dead_letters().retry(ids or None, queue), "put back")


@dead.command("discard", examples=("understudy -A proj dead discard --all -Q mail -f",))
@_ids
@_every
@_queue
@option("-f", "--force", is_flag=True, help="Do not ask before deleting all.")
@pass_session
def discard_dead(session: Session, ids: tuple[str, ...], every: bool, queue: str | None, force: bool) -> None:
    """Delete dead letters for good; prints their ids."""
    _check(ids, every, queue)
    app = session.client()
    if every and not force:
        confirm(f"Delete every dead letter{f' of {queue}' if queue else ''}?")
    _carry_out(session, app, ids, app.transport.dead_letters().discard(ids or None, queue), "deleted")


def make_pending(app: App, ids: Sequence[str], queue: str | None) -> None:
    """Forget the failures of dead letters in a store that is not the broker's own, which knows nothing of them.

    It has to be done before they run again, and store something new.
    """
    from ..answers import answer

    if app.connections.same_store(app.conf) or not app.connections.keeps_results(app.conf):
        return
    there = [letter.id for letter in answer(app, app.transport.dead_letters().list(queue, ALL))]
    answer(app, app.results.forget([letter for letter in there if not ids or letter in ids]))


def _check(ids: Sequence[str], every: bool, queue: str | None) -> None:
    if bool(ids) == every:
        raise click.UsageError("say which: one or more ids, or --all")
    if ids and queue:
        raise click.UsageError("-Q goes with --all: an id names one letter in whichever queue")


def _carry_out(session: Session, app: App, ids: Sequence[str], asked: Completion[list[str]], done: str) -> None:
    from ..answers import answer

    moved = answer(app, asked)
    for letter in moved:
        click.echo(letter)
    session.note(f"{len(moved)} {done}")
    missing = [letter for letter in ids if letter not in moved]
    if missing:
        raise click.ClickException(f"not among the dead letters: {', '.join(missing)}")
