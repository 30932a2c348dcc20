"""`Database`: one thread's way to the tables."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy import exc

from ..errors import BrokerRefused, BrokerUnavailable
from ..lane import HasFileno, unix_time
from ..payloads import READY
from ..urls import scrub, without_passwords
from .rows import Row
from .tables import Tables

if TYPE_CHECKING:
    from .ear import Ear

_AT_ONCE = 500
_ATTEMPTS = 5
_REFUSALS = frozenset({1044, 1045, 1049, 1142, 1698, 2059, 3118})
"""MySQL's errors about credentials, databases and permissions, which its driver calls operational too."""
_PASSING = ("starting up", "shutting down", "recovery mode", "too many", "connection slots", "terminating")
"""What PostgreSQL calls fatal though it passes."""


class Database:
    """Reads and writes rows; each method is one transaction.

    expires: seconds after which a result counts as gone, None for never. notify: whether PostgreSQL tells those who
    wait.
    """

    def __init__(
        self, url: str, make_engine: Callable[[], sa.Engine], tables: Tables, expires: float | None, *, notify: bool
    ) -> None:
        self._url = url
        self._engine = make_engine()
        self._reading = _reading(self._engine)
        self._tables = tables
        self._expires = expires
        self._columns: Collection[str] = ()
        self._ear = _ear_of(self._engine, url) if notify else None

    # What a session asks for

    @property
    def lost_errors(self) -> tuple[type[BaseException], ...]:
        return (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, OSError)

    @property
    def refused_errors(self) -> tuple[type[BaseException], ...]:
        return (exc.SQLAlchemyError,)

    def explained(self, error: BaseException) -> BrokerUnavailable | BrokerRefused:
        """Return an error of SQLAlchemy as one of ours, without a password and without the values of the statement."""
        where = without_passwords(self._url)
        text = " ".join(scrub(str(getattr(error, "orig", None) or error), self._url).split()).rstrip(".")
        if _is_lost(error):
            return BrokerUnavailable(f"{where} is not available: {text}")
        return BrokerRefused(f"{where} refuses: {text}")

    def open(self) -> None:
        """Connect and create what is missing; raises `BrokerUnavailable` or `BrokerRefused`."""
        try:
            self._columns = self._tables.prepare(self._engine)
        except (*self.lost_errors, *self.refused_errors) as error:
            self.close()
            raise self.explained(error) from error
        except BaseException:
            self.close()  # nobody else knows of what was opened
            raise

    def close(self) -> None:
        """Close the connections."""
        if self._ear is not None:
            self._ear.close()
        self._engine.dispose()

    def abandon(self) -> None:
        """Forget the connections, which belong to the process that this one was forked off."""
        if self._ear is not None:
            self._ear.abandon()
        self._engine.dispose(close=False)

    def sockets(self) -> Sequence[HasFileno]:
        return () if self._ear is None else self._ear.sockets()

    def tick(self) -> float | None:
        return None if self._ear is None else self._ear.rests()

    # Results

    def listen(self) -> bool:
        """Begin to hear of results, where the database tells; returns whether it has begun just now."""
        return self._ear is not None and self._ear.listen()

    def heard(self) -> list[str]:
        """Return the tasks whose results were stored, as far as the database has told."""
        return [] if self._ear is None else self._ear.heard()

    def write(self, rows: Mapping[str, Row]) -> None:
        """Write the rows of tasks, save where a success is stored already."""
        kept = [{name: row[name] for name in row if name in self._columns} for row in rows.values()]
        kept.sort(key=lambda row: row["task_id"])  # two who write the same rows do not wait for each other
        final = [row["task_id"] for row in kept if row["status"] in READY]

        def write(connection: sa.Connection) -> None:
            self._write(connection, kept)
            if self._ear is not None:
                self._ear.tell(connection, final)

        self._insisting(write)

    def read(self, task_ids: Sequence[str]) -> dict[str, Row]:
        """Return the rows of tasks."""
        table = self._tables.task
        present = [column for column in table.columns if column.name in self._columns]
        rows: dict[str, Row] = {}
        with self._reading.begin() as connection:
            for part in _parts(task_ids):
                found = connection.execute(sa.select(*present).where(table.c.task_id.in_(part), self._alive(table)))
                rows.update((row["task_id"], self._whole({**row})) for row in found.mappings())
        return rows

    def forget(self, task_ids: Sequence[str]) -> None:
        """Delete the rows of tasks."""
        table = self._tables.task
        with self._engine.begin() as connection:
            for part in _parts(task_ids):
                connection.execute(sa.delete(table).where(table.c.task_id.in_(part)))

    # Groups

    def save_group(self, group_id: str, value: bytes) -> None:
        """Write the row of a group."""
        table = self._tables.group

        def replace(connection: sa.Connection) -> None:
            connection.execute(sa.delete(table).where(table.c.taskset_id == group_id))
            connection.execute(sa.insert(table).values(taskset_id=group_id, result=value, date_done=_utc()))

        self._insisting(replace)

    def restore_group(self, group_id: str) -> bytes | None:
        """Return what the row of a group says of its members."""
        table = self._tables.group
        with self._reading.begin() as connection:
            found = connection.execute(
                sa.select(table.c.result).where(table.c.taskset_id == group_id, self._alive(table))
            ).scalar()
        return None if found is None else bytes(cast("bytes", found))

    def delete_group(self, group_id: str) -> None:
        """Delete the row of a group."""
        table = self._tables.group
        with self._engine.begin() as connection:
            connection.execute(sa.delete(table).where(table.c.taskset_id == group_id))

    # Expiry

    def clean(self) -> int:
        """Delete what has expired, in small transactions; returns how many rows that were."""
        return sum(self._clean(table) for table in (self._tables.task, self._tables.group))

    def _clean(self, table: sa.Table) -> int:
        deleted = 0
        while self._expires is not None:
            with self._engine.begin() as connection:
                old = sa.select(table.c.id).where(table.c.date_done < self._horizon()).limit(_AT_ONCE)
                ids = list(connection.execute(old).scalars())
                if not ids:
                    break
                connection.execute(sa.delete(table).where(table.c.id.in_(ids)))
            deleted += len(ids)
        return deleted

    def _alive(self, table: sa.Table) -> sa.ColumnElement[bool]:
        if self._expires is None:
            return sa.true()
        return sa.or_(table.c.date_done.is_(None), table.c.date_done >= self._horizon())

    def _horizon(self) -> datetime:
        return _utc() - timedelta(seconds=self._expires or 0)

    def _write(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        table = self._tables.task
        for part in _parts(rows):
            ids = [row["task_id"] for row in part]
            known = set(connection.execute(sa.select(table.c.task_id).where(table.c.task_id.in_(ids))).scalars())
            fresh = [row for row in part if row["task_id"] not in known]
            if fresh:
                connection.execute(sa.insert(table), fresh)
            old = [_as_change(row) for row in part if row["task_id"] in known]
            if old:
                names = [name for name in self._columns if name not in ("id", "task_id")]
                changes: dict[str, Any] = {name: sa.bindparam(f"new_{name}") for name in names}
                of_task = table.c.task_id == sa.bindparam("new_task_id")
                unfinished = sa.or_(table.c.status.is_(None), table.c.status != "SUCCESS")
                connection.execute(sa.update(table).where(of_task, unfinished).values(**changes), old)

    def _insisting(self, work: Callable[[sa.Connection], None]) -> None:
        """Do work in a transaction, and anew where somebody else has inserted the same row meanwhile."""
        for attempt in range(_ATTEMPTS):
            try:
                with self._engine.begin() as connection:
                    return work(connection)
            except exc.IntegrityError:
                if attempt == _ATTEMPTS - 1:
                    raise
        return None

    def _whole(self, row: Mapping[str, Any]) -> Row:
        return {**dict.fromkeys(self._tables.task.columns.keys()), **row}


def _reading(engine: sa.Engine) -> sa.Engine:
    """Return an engine of the same connections for statements that need no transaction.

    PostgreSQL's drivers send the beginning and the end of each by themselves, and wait for the answers.
    """
    return engine.execution_options(isolation_level="AUTOCOMMIT") if engine.dialect.name == "postgresql" else engine


def _ear_of(engine: sa.Engine, url: str) -> Ear | None:
    """Return what hears of results, where the database and its driver can tell."""
    if (engine.dialect.name, engine.dialect.driver) != ("postgresql", "psycopg"):
        return None
    from .ear import Ear  # psycopg is an extra

    return Ear(engine, url)


def _as_change(row: Row) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in row.items()}


def _parts(items: Sequence[Any]) -> list[Sequence[Any]]:
    return [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]


def _utc() -> datetime:
    return datetime.fromtimestamp(unix_time(), UTC).replace(tzinfo=None)


def _is_lost(error: BaseException) -> bool:
    """Tell whether asking again may help: drivers call a wrong password an operational error too."""
    if not isinstance(error, (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, OSError)):
        return bool(getattr(error, "connection_invalidated", False))
    original = getattr(error, "orig", None)
    arguments = getattr(original, "args", ())
    if arguments and arguments[0] in _REFUSALS:
        return False
    text = str(original)
    if "unable to open database file" in text or "readonly database" in text:
        return False
    return "FATAL" not in text or any(sign in text for sign in _PASSING)
