"""Exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum

import click


class Exit(IntEnum):
    """How a command ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    AWAY = 3
    UNFINISHED = 4
    INTERRUPTED = 130


MEANINGS = {
    Exit.DONE: "done",
    Exit.FAILED: "it failed: a task, a check, a worker",
    Exit.USAGE: "wrong options, app, task or settings",
    Exit.AWAY: "the broker or the result store cannot be used",
    Exit.UNFINISHED: "the result was not there in time",
}


class Misuse(click.ClickException):
    """What was asked for cannot be, and no help page would say more about it."""
