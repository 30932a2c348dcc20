"""Prints how a task came out."""

from __future__ import annotations

import json
from typing import Any

import click

from ...actors.errors import Timeout
from ..results.result import AsyncResult
from ..states import PENDING, SUCCESS
from .exits import Exit


def show_outcome(result: AsyncResult[Any], timeout: float | None, *, traceback: bool = False) -> int:
    """Wait for a result, print it as JSON, and return the exit code.

    A failure goes to stderr in one line, or to stdout as a traceback where that is asked for. timeout: seconds; 0 looks
    once, None waits for ever. Raises `Timeout`.
    """
    if not result.ready():
        _wait(result, timeout)
    value, state = result.result, result.state
    if state == SUCCESS:
        click.echo(as_json(value))
        return Exit.DONE
    if traceback and result.traceback:
        click.echo(result.traceback.rstrip())
    else:
        error = f"{type(value).__name__}: {value}" if isinstance(value, BaseException) else str(value)
        raise click.ClickException(f"task {result.id} ended as {state}: {error}")
    return Exit.FAILED


def _wait(result: AsyncResult[Any], timeout: float | None) -> None:
    if timeout == 0:
        state = result.state
        unknown = ": it waits, or there is no such task" if state == PENDING else ""
        raise Timeout(f"task {result.id} has not finished, its state is {state}{unknown}")
    result.get(timeout, propagate=False)


def as_json(value: Any) -> str:
    """Return a value as JSON; what JSON has no form for as the string of its repr."""
    return json.dumps(value, ensure_ascii=False, default=repr)
