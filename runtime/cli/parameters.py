"""What is typed as the value of an option, and what the commands get: functions for an option's `type`.

They raise `click.BadParameter`, to which click adds the option's name.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from ...transports.urls import scheme_of

POOLS = {"processes": "processes", "prefork": "processes", "solo": "solo"}
"""Pools by our names and by Celery's."""


def json_of(kind: type, example: str) -> Callable[[str], Any]:
    """Return the function that reads JSON of one kind: a list of arguments, or a dict of named ones."""

    def read(text: str) -> Any:
        try:
            found = json.loads(text)
        except json.JSONDecodeError as error:
            raise click.BadParameter(f"{text!r} is no JSON ({error}); write something like '{example}'") from error
        if not isinstance(found, kind):
            raise click.BadParameter(f"{text!r} is another kind of JSON; write something like '{example}'")
        return found

    return read


def concurrency(text: str) -> str:
    """Read how many tasks run at a time, or "auto"."""
    if text != "auto" and not text.isdecimal():
        raise click.BadParameter(f"{text!r} is neither a number nor 'auto'")
    if text.isdecimal() and int(text) < 1:
        raise click.BadParameter(f"{text!r}: at least one task has to run at a time")
    return text


def names(text: str) -> tuple[str, ...]:
    """Read names separated by commas, each of them once."""
    found = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not all(found):
        raise click.BadParameter(f"{text!r}: a queue has to have a name")
    return found


def moment(text: str) -> datetime:
    """Read a moment in ISO 8601."""
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no time in ISO 8601, as in 2030-01-31T12:00+01:00") from error


def seconds(text: str) -> float:
    """Read a length of time."""
    try:
        found = float(text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is no number of seconds") from error
    if not 0 <= found < math.inf:
        raise click.BadParameter(f"{text!r}: it has to be 0 or more seconds, and to end")
    return found


def expiry(text: str) -> datetime | float:
    """Read a moment, or the seconds until then."""
    try:
        float(text)
    except ValueError:
        return moment(text)
    return seconds(text)


def pool(text: str) -> str:
    """Read what tasks run in."""
    if text not in POOLS:
        raise click.BadParameter(f"there is no pool {text!r}: choose processes (Celery's prefork) or solo")
    return POOLS[text]


def url(text: str) -> str:
    """Read the URL of a broker or a result store."""
    if not scheme_of(text) and text != "disabled":
        raise click.BadParameter(f"{text!r} is no URL, as redis://localhost and sqlite:///name.db are")
    return text
