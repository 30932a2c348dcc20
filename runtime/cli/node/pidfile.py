"""The pid file of a worker."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import click


@contextmanager
def pid_file(path: Path | None) -> Generator[None]:
    """Keep this process's pid in a file for the length of the block; does nothing without a path.

    A file whose process is gone is replaced. Raises `ClickException` where it is alive, or the file cannot be written.
    """
    if path is None:
        yield
        return
    _claim(path)
    try:
        yield
    finally:
        if _read(path) == os.getpid():
            path.unlink(missing_ok=True)


def _claim(path: Path) -> None:
    try:
        try:
            _write(path)
        except FileExistsError:
            pid = _read(path)
            if pid is not None and _is_alive(pid):
                raise click.ClickException(f"process {pid} holds the pid file {path}: is the worker running?") from None
            path.unlink(missing_ok=True)
            _write(path)
    except OSError as error:
        raise click.ClickException(f"the pid file {path} cannot be written: {error.strerror}") from error


def _write(path: Path) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w") as file:
        file.write(f"{os.getpid()}\n")


def _read(path: Path) -> int | None:
    with suppress(OSError, ValueError):
        return int(path.read_text())
    return None


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Tell whether a process has ended and only waits to be reaped; False where the platform does not tell."""
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    return status.rpartition(b")")[2].split()[0] in (b"Z", b"X")  # its name, in brackets, may have any form
