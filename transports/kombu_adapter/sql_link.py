"""`SqlLink`: kombu's `sqla+...://`, without losing what a node held when it died."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from typing import Any

from sqlalchemy.exc import DBAPIError, InternalError, OperationalError

from ..lane import now
from ..letters.letter import Letter, Taken
from ..queues import Queue
from ..server_options import ServerOptions
from .envelope import opened, sealed
from .sql_tables import SqlQueues
from .virtual_link import VirtualLink

LEASE = 10.0
"""Seconds after which the messages of a silent owner go to others, where nobody says anything else."""


class SqlLink(VirtualLink):
    """Queues in the tables of a database."""

    held_survives = True

    def __init__(self, url: str, options: ServerOptions, owner: str = "") -> None:
        super().__init__(url, options, owner)
        self._lease = LEASE if options.lease is None else options.lease
        self.renew_every: float | None = self._lease / 3
        self._engine: Any = None
        self._sql: Any = None
        self._batches = count(1)
        self._asked: int | None = None
        self._next_sweep = now()

    @property
    def lost_errors(self) -> tuple[type[BaseException], ...]:
        return (*super().lost_errors, OperationalError, InternalError)

    @property
    def refused_errors(self) -> tuple[type[BaseException], ...]:
        return (*super().refused_errors, DBAPIError)

    def refuses(self, error: BaseException) -> bool:
        return not isinstance(error, self.lost_errors)

    def close(self) -> None:
        if self._engine is not None:
            if self._queues:
                with suppress(DBAPIError, OSError):
                    self._sql.close()
            self._engine.dispose()
        super().close()

    def abandon(self) -> None:
        if self._engine is not None:
            self._engine.dispose(close=False)

    def tick(self) -> float | None:
        if self._queues and now() >= self._next_sweep:
            self._next_sweep = now() + self._lease / 3
            self._sql.beat()
            self._sql.sweep(self._lease)
        return self._lease / 3

    def size(self, queue: str) -> int:
        return self._sql.size(queue)

    def purge(self, queue: str) -> int:
        return self._sql.purge(queue)

    def publish(self, letters: Sequence[Letter], timeout: float) -> None:
        items = [(queue, sealed(self._channel, one).decode()) for one in letters for queue in self.destinations(one)]
        if items:
            self._sql.put(items)

    def consume(self, queues: Sequence[str]) -> None:
        super().consume(queues)
        self._sql.beat()

    def take(self, limit: int) -> list[Taken]:
        taken: list[Taken] = []
        self._asked = next(self._batches)
        for queue in self.in_turn():
            if limit > len(taken):
                found = self._sql.take(queue, limit - len(taken), self._asked)
                taken += [_taken(queue, *one) for one in found]
        self._asked = None
        return taken

    def in_doubt(self) -> list[str]:
        return [] if self._asked is None else [str(self._asked)]

    def give_back_doubtful(self, names: Sequence[str]) -> None:
        self._sql.give_back_batches([int(name) for name in names])

    def held(self, taken: Sequence[Taken]) -> list[bool]:
        held = self._sql.held([one.handle for one in taken])
        return [one.handle in held for one in taken]

    def renew(self, taken: Sequence[Taken]) -> bool:
        self._sql.beat()
        return all(self.held(taken))

    def ack(self, taken: Sequence[Taken]) -> None:
        if taken:
            self._sql.finish([one.handle for one in taken])

    def requeue(self, taken: Sequence[Taken]) -> None:
        if taken:
            self._sql.give_back([one.handle for one in taken])

    def sift(self, queue: str, remove: Callable[[Taken], bool], limit: int | None = None) -> None:
        for number, payload in self._sql.look(queue, limit):
            if remove(opened(queue, payload.encode(), number)):
                self._sql.delete(number)

    def _make_queue(self, queue: Queue) -> None:
        self._sql.queue(queue.name)

    def _dial(self) -> None:
        super()._dial()
        channel = self._channel
        self._engine = channel._engine_from_config()
        self._sql = SqlQueues(self._engine, channel.queue_cls.__table__, channel.message_cls.__table__, self.owner)
        self._sql.create()


def _taken(queue: str, number: int, payload: str, deaths: int | None) -> Taken:
    one = opened(queue, payload.encode(), number)
    return replace(one, redelivered=one.redelivered or deaths is not None, deaths=deaths or 0)
