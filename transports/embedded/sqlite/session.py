"""`Session`: one connection and its transaction, with SQLite's errors made ours."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from ...errors import StoreCorrupt, StoreUnusable, TransportError

_UNUSABLE = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the file system fails ({error})",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened or made; its directory has to be writable too",
    sqlite3.SQLITE_PERM: "permission is missing",
    sqlite3.SQLITE_BUSY: "another program has it open; nothing but the broker may",
    sqlite3.SQLITE_LOCKED: "another program has it open; nothing but the broker may",
}
_CORRUPT = {
    sqlite3.SQLITE_CORRUPT: "it is damaged: move it away, with its -wal file, and restore a backup or start anew",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database: name another file, or move this one away",
}

Row = tuple[Any, ...]


def translate(error: sqlite3.Error, path: Path) -> Exception:
    """Return the error of ours that one of SQLite's stands for."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in _CORRUPT:
        return StoreCorrupt(f"the broker's file {path} cannot be used: {_CORRUPT[code]}")
    if code in _UNUSABLE:
        return StoreUnusable(f"the broker's file {path} cannot be used: {_UNUSABLE[code].format(error=error)}")
    if code == sqlite3.SQLITE_TOOBIG:
        return TransportError(f"too large for the broker's file {path}: SQLite takes about 1 GB at most")
    return error


class Session:
    """A connection whose first write opens a transaction, which `commit` or `rollback` ends.

    What is deferred runs in one go before the next read, other write or commit. Deferred statements may run in any
    order among each other, the rows of each run in theirs.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._execute = connection.execute
        self._deferred: list[tuple[str, list[Row]]] = []

    def deferring(self, statement: str) -> Callable[[Row], None]:
        """Return a function that has a statement run with a row when it becomes due."""
        rows: list[Row] = []
        self._deferred.append((statement, rows))
        return rows.append

    def write(self, statement: str, row: Row = ()) -> int:
        """Run a statement and return how many rows it changed."""
        try:
            self._enter()
            return self._execute(statement, row).rowcount
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    def write_many(self, statement: str, rows: Iterable[Row]) -> None:
        """Run a statement once for each row."""
        try:
            self._enter()
            self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    def read(self, statement: str, row: Sequence[Any] = ()) -> list[Row]:
        """Return the rows of a query."""
        try:
            if self._waits():
                self._enter()
            return self._execute(statement, row).fetchall()
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    def value(self, statement: str, row: Sequence[Any] = ()) -> Any:
        """Return the first column of the first row, or None."""
        rows = self.read(statement, row)
        return rows[0][0] if rows else None

    def commit(self) -> None:
        """Make everything since the last commit durable."""
        try:
            if self._waits():
                self._enter()
            if self._connection.in_transaction:
                self._execute("COMMIT")
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    def rollback(self) -> None:
        """Undo everything since the last commit."""
        self._forget()
        try:
            if self._connection.in_transaction:
                self._execute("ROLLBACK")
        except sqlite3.Error as error:
            raise translate(error, self._path) from error

    def close(self) -> None:
        """Close the connection; what was not committed is lost."""
        self._forget()
        self._connection.close()

    def _enter(self) -> None:
        """Open a transaction where there is none, and run what was deferred."""
        if not self._connection.in_transaction:
            self._execute("BEGIN IMMEDIATE")
        for statement, rows in self._deferred:
            if len(rows) == 1:
                self._execute(statement, rows[0])
                rows.clear()
            elif rows:
                self._connection.executemany(statement, rows)
                rows.clear()

    def _waits(self) -> bool:
        return any(rows for _, rows in self._deferred)

    def _forget(self) -> None:
        for _, rows in self._deferred:
            rows.clear()
