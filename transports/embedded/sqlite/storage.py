"""`SqliteStorage`: the tables of the core in one file."""

from __future__ import annotations

from pathlib import Path

from ..core.policy import Policy
from . import statements as sql
from .file import Durability, open_database
from .session import Session
from .tables import SqliteBook, SqliteChords, SqliteDeadLetters, SqliteMessages, SqliteResults

_SPARE_PAGES = 4_096
"""Unused pages that the file keeps for what comes next; more are given back, some at each sweep."""
_VACUUM_PAGES = 1_024


class SqliteStorage:
    """See `core.storage.Storage`. Nobody else may have the file open; its lock is the caller's business."""

    def __init__(self, path: Path, durability: Durability, policy: Policy) -> None:
        self._session = Session(open_database(path, durability), path)
        self.messages: SqliteMessages = SqliteMessages(self._session)
        self.results: SqliteResults = SqliteResults(self._session)
        self.chords: SqliteChords = SqliteChords(self._session)
        self.dead: SqliteDeadLetters = SqliteDeadLetters(self._session)
        self.book: SqliteBook = SqliteBook(self._session, policy.key_retention)

    def commit(self) -> None:
        self.messages.write_counts()
        self._session.commit()

    def rollback(self) -> None:
        self._session.rollback()
        self.messages.forget_counts()

    def sweep(self, now: float, limit: int) -> bool:
        deleted = [self._session.write(statement, (now, limit)) for statement in sql.SWEEPS]
        if self._session.value("PRAGMA freelist_count") > _SPARE_PAGES:
            self._session.read(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")
        return limit in (*deleted, self.chords.sweep(now, limit))

    def close(self) -> None:
        self._session.close()
