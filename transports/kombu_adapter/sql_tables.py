"""`SqlQueues`: kombu's tables of queues and messages, and beside them ours, which say who has taken what.

Kombu hides the row of a message that it has read, and nobody ever brings it back, nor deletes it. Here a hidden row has
an entry in `understudy_claim`, and its owner one in `understudy_owner`, whose `beat` it raises as long as it lives.
What others compare are beats, by clocks of their own, so that nobody's time has to agree with anybody's.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ..lane import now

Connection = Any  # SQLAlchemy's types are narrower than what its own tables need

_OURS = sa.MetaData()
_CLAIMS = sa.Table(
    "understudy_claim",
    _OURS,
    sa.Column("message_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("owner", sa.String(200), nullable=False, index=True),
    sa.Column("batch", sa.Integer, nullable=False),
    mysql_engine="InnoDB",
)
_OWNERS = sa.Table(
    "understudy_owner",
    _OURS,
    sa.Column("owner", sa.String(200), primary_key=True),
    sa.Column("beat", sa.Integer, nullable=False),
    mysql_engine="InnoDB",
)
_RETURNS = sa.Table(
    "understudy_return",
    _OURS,
    sa.Column("message_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("deaths", sa.Integer, nullable=False),
    mysql_engine="InnoDB",
)


class SqlQueues:
    """Queues in a database. Not thread-safe. Raises SQLAlchemy's `DBAPIError`s."""

    def __init__(self, engine: Any, queues: Any, messages: Any, owner: str) -> None:
        self._engine = engine
        self._queues = queues
        self._messages = messages
        self._owner = owner
        self._ids: dict[str, int] = {}
        self._seen: dict[str, tuple[int, float]] = {}
        self._looked = 0.0

    def create(self) -> None:
        """Create the tables that are missing."""
        for metadata in (self._queues.metadata, _OURS):
            metadata.create_all(self._engine)

    def close(self) -> None:
        """Say goodbye: what is still held goes to others."""
        with self._writing() as connection:
            connection.execute(sa.delete(_OWNERS).where(_OWNERS.c.owner == self._owner))

    def size(self, queue: str) -> int:
        """Return the number of messages that wait."""
        with self._engine.connect() as connection:
            counting = sa.select(sa.func.count()).select_from(self._messages).where(*self._waiting(queue))
            return int(connection.execute(counting).scalar_one())

    def purge(self, queue: str) -> int:
        """Delete what waits; returns its number."""
        condition = self._waiting(queue)
        with self._writing() as connection:
            return int(connection.execute(sa.delete(self._messages).where(*condition)).rowcount)

    def put(self, items: Sequence[tuple[str, str]]) -> None:
        """Add messages to queues, all of them or none."""
        rows = [
            {"queue_id": self.queue(queue), "visible": True, "payload": item, "version": 1} for queue, item in items
        ]
        with self._writing() as connection:
            connection.execute(sa.insert(self._messages), rows)

    def take(self, queue: str, limit: int, batch: int) -> list[tuple[int, str, int | None]]:
        """Take up to `limit` messages: number, content, and with how many owners it died, None for a new one."""
        messages, queue_id = self._messages.c, self.queue(queue)
        looking = (
            sa.select(messages.id, messages.payload, _RETURNS.c.deaths)
            .select_from(self._messages.outerjoin(_RETURNS, _RETURNS.c.message_id == messages.id))
            .where(messages.queue_id == queue_id, messages.visible.is_(True))
            .order_by(messages.id)
            .limit(limit)
            .with_for_update(skip_locked=True, of=self._messages)
        )
        with self._writing() as connection:
            found = [(int(row[0]), str(row[1]), row[2]) for row in connection.execute(looking)]
            if found:
                self._show(connection, [number for number, _, _ in found], visible=False)
                claims = [{"message_id": number, "owner": self._owner, "batch": batch} for number, _, _ in found]
                connection.execute(sa.insert(_CLAIMS), claims)
        return found

    def look(self, queue: str, limit: int | None) -> list[tuple[int, str]]:
        """Return messages that nobody has taken, the oldest first."""
        messages = self._messages.c
        looking = sa.select(messages.id, messages.payload).where(*self._waiting(queue)).order_by(messages.id)
        with self._engine.connect() as connection:
            return [(int(row[0]), str(row[1])) for row in connection.execute(looking.limit(limit))]

    def delete(self, number: int) -> None:
        """Delete a message that nobody has taken."""
        messages = self._messages.c
        with self._writing() as connection:
            connection.execute(sa.delete(self._messages).where(messages.id == number, messages.visible.is_(True)))

    def held(self, numbers: Sequence[int]) -> set[int]:
        """Return which messages this owner holds."""
        with self._engine.connect() as connection:
            return self._claimed(connection, numbers)

    def finish(self, numbers: Sequence[int]) -> None:
        """Delete messages, as far as this owner holds them."""
        with self._writing() as connection:
            ours = list(self._claimed(connection, numbers, locked=True))
            self._unclaim(connection, ours)
            connection.execute(sa.delete(_RETURNS).where(_RETURNS.c.message_id.in_(ours)))
            connection.execute(sa.delete(self._messages).where(self._messages.c.id.in_(ours)))

    def give_back(self, numbers: Sequence[int]) -> None:
        """Show messages again, as far as this owner holds them."""
        with self._writing() as connection:
            self._return(connection, list(self._claimed(connection, numbers, locked=True)), deaths=0)

    def give_back_batches(self, batches: Sequence[int]) -> None:
        """Show again what was taken in these batches."""
        condition = (_CLAIMS.c.owner == self._owner, _CLAIMS.c.batch.in_(batches))
        with self._writing() as connection:
            found = connection.execute(sa.select(_CLAIMS.c.message_id).where(*condition)).scalars().all()
            self._return(connection, list(found), deaths=0)

    def beat(self) -> None:
        """Say that this owner lives."""
        raised = sa.update(_OWNERS).where(_OWNERS.c.owner == self._owner).values(beat=_OWNERS.c.beat + 1)
        with self._writing() as connection:
            if not connection.execute(raised).rowcount:
                connection.execute(sa.insert(_OWNERS).values(owner=self._owner, beat=1))

    def sweep(self, lease: float) -> None:
        """Show again what owners held of whom nothing was heard for `lease` seconds, or who have left."""
        with self._engine.connect() as connection:
            beats = {str(owner): int(beat) for owner, beat in connection.execute(sa.select(_OWNERS))}
            holders = set(connection.execute(sa.select(_CLAIMS.c.owner).distinct()).scalars())
        if now() > self._looked + lease / 2:
            self._seen.clear()  # whoever did not look cannot say that there was nothing to be seen
        self._looked = now()
        self._seen = {owner: self._since(owner, beat) for owner, beat in beats.items()}
        silent = {owner for owner, (_, since) in self._seen.items() if now() > since + lease}
        for owner in (silent | holders - set(beats)) - {self._owner}:
            self._bury(owner, beats.get(owner))

    def queue(self, name: str) -> int:
        """Return the number of a queue, which is made if it is missing."""
        known = self._ids.get(name)
        if known is None:
            known = self._ids[name] = self._find(name) or self._make(name)
        return known

    def _since(self, owner: str, beat: int) -> tuple[int, float]:
        """Return an owner's beat, and since when it is that."""
        seen = self._seen.get(owner)
        return seen if seen is not None and seen[0] == beat else (beat, now())

    def _bury(self, owner: str, beat: int | None) -> None:
        """Take from an owner what it holds, unless it has been heard of again."""
        with self._writing() as connection:
            if beat is not None:
                dead = sa.delete(_OWNERS).where(_OWNERS.c.owner == owner, _OWNERS.c.beat == beat)
                if not connection.execute(dead).rowcount:
                    return
            held = sa.select(_CLAIMS.c.message_id).where(_CLAIMS.c.owner == owner).with_for_update(skip_locked=True)
            self._return(connection, list(connection.execute(held).scalars()), deaths=1)

    def _find(self, name: str) -> int | None:
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(self._queues.c.id).where(self._queues.c.name == name)).scalar()
        return None if found is None else int(found)

    def _make(self, name: str) -> int:
        try:
            with self._writing() as connection:
                connection.execute(sa.insert(self._queues).values(name=name))
        except IntegrityError:
            pass  # somebody else was faster
        found = self._find(name)
        if found is None:
            raise ConnectionError(f"the queue {name} was deleted in the moment in which it was made")
        return found

    def _waiting(self, queue: str) -> tuple[Any, ...]:
        return self._messages.c.queue_id == self.queue(queue), self._messages.c.visible.is_(True)

    def _claimed(self, connection: Connection, numbers: Sequence[int], *, locked: bool = False) -> set[int]:
        found = sa.select(_CLAIMS.c.message_id).where(
            _CLAIMS.c.owner == self._owner, _CLAIMS.c.message_id.in_(list(numbers))
        )
        return set(connection.execute(found.with_for_update() if locked else found).scalars())

    def _unclaim(self, connection: Connection, numbers: Sequence[int]) -> None:
        connection.execute(sa.delete(_CLAIMS).where(_CLAIMS.c.message_id.in_(list(numbers))))

    def _show(self, connection: Connection, numbers: Sequence[int], *, visible: bool) -> None:
        shown = sa.update(self._messages).where(self._messages.c.id.in_(list(numbers)))
        connection.execute(shown.values(visible=visible))

    def _return(self, connection: Connection, numbers: Sequence[int], deaths: int) -> None:
        if not numbers:
            return
        self._unclaim(connection, numbers)
        before = sa.select(_RETURNS).where(_RETURNS.c.message_id.in_(list(numbers)))
        counts = {int(number): int(count) for number, count in connection.execute(before)}
        connection.execute(sa.delete(_RETURNS).where(_RETURNS.c.message_id.in_(list(numbers))))
        rows = [{"message_id": number, "deaths": counts.get(number, 0) + deaths} for number in numbers]
        connection.execute(sa.insert(_RETURNS), rows)
        self._show(connection, numbers, visible=True)

    @contextmanager
    def _writing(self) -> Generator[Connection]:
        with self._engine.begin() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # one that reads first may not be let write after
            yield connection
