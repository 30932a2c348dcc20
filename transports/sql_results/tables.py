"""Celery's two tables: what they look like, and how they come to be."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.dialects import mysql

_ATTEMPTS = 10

logger: logging.Logger = logging.getLogger(__name__)


class Tables:
    """The tables by the names that the settings give them; names and schemas have Celery's keys, `task` and `group`."""

    def __init__(self, names: Mapping[str, str], schemas: Mapping[str, str]) -> None:
        self._metadata = sa.MetaData()
        self.task: sa.Table = self._table(
            names.get("task") or "celery_taskmeta",
            schemas.get("task"),
            "task_id_sequence",
            sa.Column("task_id", sa.String(155), unique=True),
            sa.Column("status", sa.String(50)),
            sa.Column("result", _bytes()),
            sa.Column("date_done", sa.DateTime, index=True),
            sa.Column("traceback", sa.Text),
            sa.Column("children", _bytes()),
            sa.Column("name", sa.String(155)),
            sa.Column("args", _bytes()),
            sa.Column("kwargs", _bytes()),
            sa.Column("worker", sa.String(155)),
            sa.Column("retries", sa.Integer),
            sa.Column("queue", sa.String(155)),
            sa.Column("stamps", _bytes()),
        )
        self.group: sa.Table = self._table(
            names.get("group") or "celery_tasksetmeta",
            schemas.get("group"),
            "taskset_id_sequence",
            sa.Column("taskset_id", sa.String(155), unique=True),
            sa.Column("result", _bytes()),
            sa.Column("date_done", sa.DateTime, index=True),
        )

    def prepare(self, engine: sa.Engine) -> frozenset[str]:
        """Create what is missing; returns the columns of the table of tasks.

        Others may do the same at the same moment, and some databases tell the slower one that it failed.
        """
        for attempt in range(_ATTEMPTS):
            try:
                self._metadata.create_all(engine)
                break
            except (exc.IntegrityError, exc.ProgrammingError, exc.OperationalError) as error:
                if attempt == _ATTEMPTS - 1 or "exist" not in str(error.orig):
                    raise
        present = self._present(engine)
        missing = [column for column in self.task.columns if column.name not in present]
        for column in missing:
            self._add(engine, column)
        return self._present(engine) if missing else frozenset(self.task.columns.keys())

    def _present(self, engine: sa.Engine) -> frozenset[str]:
        columns = sa.inspect(engine).get_columns(self.task.name, schema=self.task.schema)
        return frozenset(column["name"] for column in columns)

    def _add(self, engine: sa.Engine, column: sa.Column[Any]) -> None:
        """Add a column that an older Celery did not have; without it what belongs there is not stored."""
        prepare = engine.dialect.identifier_preparer
        kind = column.type.compile(engine.dialect)
        statement = f"ALTER TABLE {prepare.format_table(self.task)} ADD COLUMN {prepare.quote(column.name)} {kind}"
        try:
            with engine.begin() as connection:
                connection.execute(sa.text(statement))
        except exc.DatabaseError as error:
            logger.warning("results have no column %r, and it cannot be added: %s", column.name, error.orig)

    def _table(self, name: str, schema: str | None, sequence: str, *columns: sa.Column[Any]) -> sa.Table:
        key = sa.Column(
            "id",
            sa.Integer().with_variant(sa.BigInteger, "mssql"),
            sa.Sequence(sequence, schema=schema),
            primary_key=True,
            autoincrement=True,
        )
        return sa.Table(name, self._metadata, key, *columns, schema=schema, sqlite_autoincrement=True)


def _bytes() -> sa.types.TypeEngine[bytes]:
    """Return the type of encoded values: MySQL's plain BLOB would end at 64 KiB."""
    return sa.LargeBinary().with_variant(mysql.LONGBLOB(), "mysql", "mariadb")
