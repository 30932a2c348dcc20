"""`Ear`: a connection on which PostgreSQL says which results have been stored.

Whoever writes results notifies those who listen, in the same transaction. Celery's workers write the same rows and
notify nobody, and whatever goes wrong here costs no result: those who wait look for themselves from time to time.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy import exc

from ..lane import now
from ..urls import scrub

CHANNEL = "understudy_results"
"""One for all tables of a database: ids of tasks are unique."""

_BETWEEN = "\n"
_LARGEST = 7_900
"""Bytes of one notification; the server takes less than 8,000."""
_AGAIN_AFTER = 5.0

logger: logging.Logger = logging.getLogger(__name__)


def told(task_ids: Iterable[str]) -> Iterator[str]:
    """Yield the payloads of the notifications about tasks: as many in each as it has room for."""
    ids: list[str] = []
    size = 0
    for task_id in task_ids:
        length = len(task_id.encode()) + len(_BETWEEN)
        if ids and size + length > _LARGEST:
            yield _BETWEEN.join(ids)
            ids, size = [], 0
        ids.append(task_id)
        size += length
    if ids:
        yield _BETWEEN.join(ids)


class Ear:
    """Listens on a connection of its own, which is no part of its engine's pool. Belongs to one thread.

    url: the engine's, for what is logged.
    """

    def __init__(self, engine: sa.Engine, url: str) -> None:
        self._engine = engine
        self._url = url
        self._connection: psycopg.Connection[Any] | None = None
        self._again_at = 0.0
        self._complained = False

    def listen(self) -> bool:
        """Begin, unless it has begun; returns whether it has begun just now: what was told before was not heard."""
        if self._connection is not None or now() < self._again_at:
            return False
        try:
            self._connection = self._connected()
        except (psycopg.Error, exc.SQLAlchemyError, OSError) as error:
            self._complain(error)
            return False
        self._complained = False
        return True

    def rests(self) -> float | None:
        """Return the seconds until it may be tried again to begin, None where nothing stands against it."""
        left = self._again_at - now()
        return left if self._connection is None and left > 0 else None

    def tell(self, connection: sa.Connection, task_ids: Sequence[str]) -> None:
        """Have the end of a transaction tell whoever listens that results were stored."""
        for payload in told(task_ids):
            connection.execute(sa.select(sa.func.pg_notify(CHANNEL, payload)))

    def heard(self) -> list[str]:
        """Return the tasks whose results were stored, without waiting. A connection that was lost is closed."""
        if self._connection is None:
            return []
        wire = self._connection.pgconn
        ids: list[str] = []
        try:
            wire.consume_input()
            while (notification := wire.notifies()) is not None:
                ids += notification.extra.decode().split(_BETWEEN)
        except psycopg.Error:
            self.close()
        return ids

    def sockets(self) -> Sequence[psycopg.Connection[Any]]:
        """Return what becomes readable when there is something to be heard."""
        return () if self._connection is None else (self._connection,)

    def close(self) -> None:
        """Close the connection; it may begin again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        """Forget the connection, which belongs to the process that this one was forked off."""
        self._connection = None

    def _connected(self) -> psycopg.Connection[Any]:
        try:
            return self._begun()
        except psycopg.OperationalError:  # whatever ended the last one may have ended the pool's, too
            return self._begun()

    def _begun(self) -> psycopg.Connection[Any]:
        pooled = self._engine.raw_connection()
        pooled.detach()
        connection = cast("psycopg.Connection[Any]", pooled.dbapi_connection)
        try:
            connection.autocommit = True
            connection.execute(f"LISTEN {CHANNEL}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _complain(self, error: BaseException) -> None:
        self._again_at = now() + _AGAIN_AFTER
        if not self._complained:
            text = " ".join(scrub(str(error), self._url).split())
            logger.warning("results are looked for, as the database cannot be listened to: %s", text)
        self._complained = True
