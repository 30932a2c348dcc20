"""Connections of psycopg that wait for an answer no longer than some seconds."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar, cast

import psycopg
import sqlalchemy as sa
from sqlalchemy import event

from ..lane import now

T = TypeVar("T")

_LOOK_EVERY = 0.2


def bound(engine: sa.Engine, seconds: float) -> None:
    """Have the connections of an engine fail with `OperationalError` where the server is silent for so long."""

    class Bounded(psycopg.Connection[Any]):
        def wait(self, gen: Any, *_: Any, **__: Any) -> Any:
            return super().wait(_until(gen, seconds, self.pgconn.finish), interval=_LOOK_EVERY)

    def connect(_dialect: object, _record: object, arguments: list[Any], options: dict[str, Any]) -> Any:
        return cast("Any", Bounded).connect(*arguments, **options)

    event.listen(engine, "do_connect", connect)


def _until(gen: Generator[Any, Any, T], seconds: float, give_up: Callable[[], object]) -> Generator[Any, Any, T]:
    """Pass a generator's waits on; where nothing has come for so many seconds, give up and fail."""
    deadline = now() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if ready:
                deadline = now() + seconds
            elif now() > deadline:
                give_up()
                raise psycopg.OperationalError(f"no answer within {seconds:g} s")
            wanted = gen.send(ready)
    except StopIteration as end:
        return end.value
