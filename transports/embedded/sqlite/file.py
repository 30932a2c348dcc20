"""Opening the broker's file: made with the right marks, brought up to date, or refused with a reason."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from enum import Enum
from pathlib import Path

from ...errors import StoreCorrupt, StoreUnusable
from .schema import APPLICATION_ID, STEPS, Step
from .session import translate

_WAL_PAGES = 4_000
"""Pages in the write-ahead log, of 4 KiB, after which they are moved into the file."""
_LOCK_PATIENCE = 5.0
"""Seconds for the kernel to release the locks of a writer that has just died."""


class Durability(Enum):
    """What a commit survives; the value is SQLite's `synchronous`."""

    FSYNC = "FULL"
    """Loss of power: each commit reaches the disk."""
    PROCESS = "NORMAL"
    """The death of every process; loss of power may cost the last commits, and never damages the file."""
    NONE = "OFF"
    """The death of every process; loss of power may damage the file."""


def open_database(path: Path, durability: Durability, steps: Sequence[Step] = STEPS) -> sqlite3.Connection:
    """Open the file at `path`, made where there is none, for this connection alone.

    Raises `StoreCorrupt` where it is damaged, foreign or of a newer version, `StoreUnusable` where it cannot be used.
    """
    _make(path)
    try:
        connection = sqlite3.connect(path, timeout=_LOCK_PATIENCE, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise translate(error, path) from error
    try:
        _prepare(connection, path, durability)
        _bring_up_to_date(connection, path, steps)
    except sqlite3.Error as error:
        connection.close()
        raise translate(error, path) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _make(path: Path) -> None:
    """Make an empty file that others cannot read, in a directory that others cannot enter."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreUnusable(
            f"the broker's file {path} cannot be opened for writing: {error.strerror}; "
            "name a file in a directory that this user may write to"
        ) from error


def _prepare(connection: sqlite3.Connection, path: Path, durability: Durability) -> None:
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    if _pragma(connection, "page_count") == 0:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    elif _pragma(connection, "application_id") != APPLICATION_ID:
        raise StoreCorrupt(f"the broker's file {path} cannot be used: it is the database of another program")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {durability.value}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
    connection.execute("PRAGMA secure_delete = OFF")  # some builds overwrite what is deleted, at twice the cost
    connection.execute("PRAGMA cache_size = -16384")
    connection.execute("PRAGMA temp_store = MEMORY")


def _bring_up_to_date(connection: sqlite3.Connection, path: Path, steps: Sequence[Step]) -> None:
    version = _pragma(connection, "user_version")
    if version > len(steps):
        _accept_newer(connection, path, version, len(steps))
    for number, step in enumerate(steps[version:], version + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in step.statements:
            connection.execute(statement)
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('readable_from', ?)", (step.readable_from,))
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


def _accept_newer(connection: sqlite3.Connection, path: Path, version: int, ours: int) -> None:
    with closing(connection.execute("SELECT value FROM meta WHERE name = 'readable_from'")) as cursor:
        (readable_from,) = cursor.fetchone()
    if readable_from > ours:
        raise StoreCorrupt(
            f"the broker's file {path} has schema {version}, of a newer release; this one knows {ours}: "
            "upgrade this installation, or name another file"
        )


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]
