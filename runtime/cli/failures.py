"""From an error to one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback

import click

from ...actors.errors import Timeout, UnderstudyError
from ...transports.errors import (
    BrokerRefused,
    BrokerUnavailable,
    StoreCorrupt,
    StoreUnusable,
    UnknownScheme,
    UnsupportedByTransport,
)
from ..exceptions import EncodeError, ImproperlyConfigured, NotRegistered
from ..pool.errors import AppImportFailed
from .exits import Exit, Misuse

_CODES: tuple[tuple[type[BaseException], Exit], ...] = (
    (KeyboardInterrupt, Exit.INTERRUPTED),
    (click.Abort, Exit.INTERRUPTED),
    (click.UsageError, Exit.USAGE),
    (Misuse, Exit.USAGE),
    (ImproperlyConfigured, Exit.USAGE),
    (AppImportFailed, Exit.USAGE),
    (NotRegistered, Exit.USAGE),
    (UnknownScheme, Exit.USAGE),
    (EncodeError, Exit.USAGE),
    (UnsupportedByTransport, Exit.USAGE),
    (BrokerUnavailable, Exit.AWAY),
    (BrokerRefused, Exit.AWAY),
    (StoreCorrupt, Exit.AWAY),
    (StoreUnusable, Exit.AWAY),
    (Timeout, Exit.UNFINISHED),
)


def report(error: BaseException, *, debug: bool) -> int:
    """Print what went wrong as one line on stderr (with its traceback where `debug`), and return the exit code.

    SystemExit passes; so does a reader that went away, silently.
    """
    if isinstance(error, SystemExit):
        raise error
    if isinstance(error, OSError) and error.errno == errno.EPIPE:
        _forget_stdout()
        return Exit.FAILED
    if debug:
        traceback.print_exception(error)
    click.echo(f"{click.style('Error:', fg='red', bold=True)} {line_of(error)}", err=True, color=_color())
    return code_of(error)


def code_of(error: BaseException) -> int:
    """Return the exit code for an error; one that says nothing by itself has that of its cause."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return Exit.FAILED if error.__cause__ is None else code_of(error.__cause__)


def line_of(error: BaseException) -> str:
    """Describe an error in one line."""
    if isinstance(error, click.UsageError):
        where = error.ctx.command_path if error.ctx is not None else ""
        return _one_line(error.format_message()).rstrip(".") + (f" (see {where} --help)" if where else "")
    if isinstance(error, click.ClickException):
        return _one_line(error.format_message())
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return "interrupted"
    if isinstance(error, (UnderstudyError, OSError)):
        return _one_line(str(error)) or type(error).__name__
    return (
        f"{type(error).__name__}: {_one_line(str(error))} (not expected: run it again with --debug for the traceback)"
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _color() -> bool | None:
    return False if os.environ.get("NO_COLOR") else None


def _forget_stdout() -> None:
    """Let the interpreter's last flush go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
