"""Asks before something is deleted."""

from __future__ import annotations

import click


def confirm(question: str) -> None:
    """Go on if the answer is yes; raises `ClickException` if it is no, or if nobody answers."""
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        raise click.ClickException("nothing was deleted: nobody answered; -f does not ask") from None
    if not agreed:
        raise click.ClickException("nothing was deleted")
