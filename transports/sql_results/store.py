"""`SqlResults`: results and groups in Celery's tables."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from sqlalchemy import Engine
from sqlalchemy import exc as errors

from ...actors.completion import Completion
from ..message import Result
from ..polled import PolledResults
from ..urls import without_passwords
from .database import Database
from .engine import make_engine
from .options import SqlOptions
from .rows import Row, form_of
from .tables import Tables

logger: logging.Logger = logging.getLogger(__name__)


class SqlResults(PolledResults[Database]):
    """A result store that a stock Celery shares. Thread-safe; see `ResultStore` for what its methods promise.

    url: SQLAlchemy's.
    """

    def __init__(self, url: str, options: SqlOptions | None = None) -> None:
        said = options or SqlOptions()
        tables = Tables(said.table_names or {}, said.table_schemas or {})

        def engine() -> Engine:
            made = make_engine(url, said)
            if said.engine_callback is not None:
                said.engine_callback(made)
            return made

        make_engine(url, said).dispose()  # what is wrong with the URL or the options is told here
        super().__init__(
            f"results in {without_passwords(url)}",
            lambda: Database(url, engine, tables, said.expires, notify=said.notify),
            said.patience,
            said.poll_interval,
            said.expires,
        )
        self._form = form_of(said.serializer, said.accept)

    def store(self, results: Sequence[Result]) -> Completion[None]:
        """Write results in one transaction; a stored success stays."""
        last: dict[str, Result] = {}
        for result in results:
            if result.task_id not in last or last[result.task_id].state != "SUCCESS":
                last[result.task_id] = result

        def write(database: Database) -> None:
            self._write(database, list(last.values()))
            self.stored(last)

        return self.run(write) if last else Completion.of(None)

    def look(self, link: Database, task_ids: Sequence[str]) -> list[tuple[str, bytes] | None]:
        """See `PolledResults`."""
        rows = link.read(task_ids)
        return [self._found(rows.get(task_id)) for task_id in task_ids]

    def hear(self, link: Database) -> Sequence[str]:
        """See `PolledResults`."""
        heard = link.heard()
        return self.waiters.tasks() if self.waiters and link.listen() else heard

    def forget(self, task_ids: Sequence[str]) -> Completion[None]:
        """Delete results."""
        return self.run(lambda database: database.forget(task_ids)) if task_ids else Completion.of(None)

    def save_group(self, group_id: str, payload: bytes, ttl: float | None) -> Completion[None]:
        """Keep a group's members, as long as results are kept."""
        value = self._form.group_value(payload)
        return self.run(lambda database: database.save_group(group_id, value))

    def restore_group(self, group_id: str) -> Completion[bytes | None]:
        """Return what `save_group` kept, or None."""

        def restore(database: Database) -> bytes | None:
            value = database.restore_group(group_id)
            return None if value is None else self._form.group_payload(value)

        return self.run(restore)

    def delete_group(self, group_id: str) -> Completion[None]:
        """Delete what `save_group` kept."""
        return self.run(lambda database: database.delete_group(group_id))

    def sweep(self, link: Database) -> int:
        """See `PolledResults`."""
        return link.clean()

    def _found(self, row: Row | None) -> tuple[str, bytes] | None:
        return None if row is None else (row["status"], self._form.payload(row))

    def _write(self, database: Database, results: Sequence[Result]) -> None:
        rows = {result.task_id: self._form.row(result) for result in results}
        try:
            database.write(rows)
        except errors.DataError as error:
            if len(results) > 1:  # one of them does not fit: the others are not to suffer
                for result in results:
                    self._write(database, [result])
            else:
                self._write_refused(database, rows, database.explained(error))

    def _write_refused(self, database: Database, rows: dict[str, Row], error: Exception) -> None:
        """Store instead of a result that it does not fit into the table: whoever waits for it is to be told."""
        logger.error("a result cannot be stored: %s", error)
        (task_id, row) = next(iter(rows.items()))
        told = {"exc_type": "BackendStoreError", "exc_message": [str(error)], "exc_module": "celery.exceptions"}
        empty = dict.fromkeys((*row, "children", "args", "kwargs", "stamps"))
        value = self._form.encoded(told)
        changed = {**empty, "task_id": task_id, "status": "FAILURE", "date_done": row["date_done"], "result": value}
        try:
            database.write({task_id: changed})
        except errors.DataError as second:
            logger.error("task %s has no result: %s", task_id, database.explained(second))  # noqa: TRY400
