"""Shows dead letters: as a table to a person, as lines or JSON to a program."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from ...transports.message import UNREADABLE, DeadLetter, decode_head

HEADINGS = ("id", "task", "queue", "since")


def show(letters: Sequence[DeadLetter], *, as_json: bool) -> None:
    """Print dead letters in the form that suits the reader."""
    if as_json:
        click.echo(json.dumps([_whole(letter) for letter in letters], indent=2, ensure_ascii=False))
    elif sys.stdout.isatty():
        if letters:
            _print_table(letters)
    else:
        for letter in letters:
            click.echo("\t".join(_line(letter)))


def _line(letter: DeadLetter) -> tuple[str, ...]:
    reason = " ".join(letter.reason.split())
    return letter.id, letter.task, letter.queue, _since(letter).isoformat(), str(letter.losses), reason


def _whole(letter: DeadLetter) -> dict[str, object]:
    args, kwargs = _arguments(letter)
    return {
        "id": letter.id,
        "task": letter.task,
        "queue": letter.queue,
        "since": _since(letter).isoformat(),
        "losses": letter.losses,
        "reason": letter.reason,
        "args": args,
        "kwargs": kwargs,
    }


def _print_table(letters: Sequence[DeadLetter]) -> None:
    """Print two lines for each letter, so that it fits a terminal: which it is, and below that the reason."""
    now = datetime.now(UTC).timestamp()
    rows = [(letter.id, letter.task, letter.queue, ago(now - letter.since)) for letter in letters]
    widths = [max(map(len, column)) for column in zip(HEADINGS, *rows, strict=True)]
    click.secho("  ".join(map(str.ljust, HEADINGS, widths)).rstrip(), bold=True)
    for letter, row in zip(letters, rows, strict=True):
        click.echo("  ".join(map(str.ljust, row, widths)).rstrip())
        click.secho(f"  {' '.join(letter.reason.split())}", fg="yellow")


def ago(seconds: float) -> str:
    """Say how long ago something was."""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return f"{max(0, int(seconds))} s ago"


def _since(letter: DeadLetter) -> datetime:
    return datetime.fromtimestamp(letter.since, UTC).replace(microsecond=0)


def _arguments(letter: DeadLetter) -> tuple[str | None, str | None]:
    """Return the arguments as their caller described them; None where the message cannot be read."""
    try:
        headers = decode_head(letter.head).headers
    except UNREADABLE:
        return None, None
    return headers.get("argsrepr"), headers.get("kwargsrepr")
