"""Whether the broker and the result store can be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter  # noqa: TID251 - no actor runs here
from typing import TYPE_CHECKING, TypeVar

from ....actors.errors import UnderstudyError
from ....transports.urls import scheme_of, without_passwords
from ...exceptions import NoResultBackend
from ...ids import fresh_id
from ..answers import answer
from ..failures import line_of
from .finding import Finding, Section, Verdict

if TYPE_CHECKING:
    from ...app.app import App

T = TypeVar("T")

MANY_DEAD = 1000


def connections(app: App) -> Section:
    """Try the broker and the result store of an app; a store that is the broker's own shares its fate."""
    broker = list(_broker(app))
    away = broker[0].verdict is Verdict.WRONG and app.connections.same_store(app.conf)
    return Section("Connections", broker if away else [*broker, _results(app)])


def _broker(app: App) -> Iterator[Finding]:
    url = without_passwords(app.connections.broker_url(app.conf))
    queues = app.derived.router.consumed()
    try:
        seconds, waiting = _timed(lambda: [answer(app, app.transport.size(queue)) for queue in queues])
    except UnderstudyError as error:
        yield Finding("broker", url, Verdict.WRONG, line_of(error))
        return
    yield Finding("broker", f"{url}, answers in {_milliseconds(seconds)}")
    yield Finding("waiting", ", ".join(f"{count} in {queue}" for count, queue in zip(waiting, queues, strict=True)))
    yield _dead_letters(app)


def _dead_letters(app: App) -> Finding:
    try:
        count = len(answer(app, app.transport.dead_letters().list(limit=MANY_DEAD)))
    except UnderstudyError as error:
        return Finding("dead letters", "not known", Verdict.NOTE, line_of(error))
    if not count:
        return Finding("dead letters", "none")
    value = str(count) if count < MANY_DEAD else f"{MANY_DEAD} or more"
    return Finding("dead letters", value, Verdict.WARNING, "`understudy dead list` says which and why")


def _results(app: App) -> Finding:
    own = app.connections.same_store(app.conf)
    where = f"the broker's own, {scheme_of(app.connections.broker_url(app.conf))}://" if own else ""
    value = where or without_passwords(str(app.conf.result_backend))
    try:
        seconds, _ = _timed(lambda: answer(app, app.results.get([fresh_id()])))
    except NoResultBackend as error:
        return Finding("results", "not stored", Verdict.NOTE, line_of(error))
    except UnderstudyError as error:
        return Finding("results", value, Verdict.WRONG, line_of(error))
    return Finding("results", f"{value}, answers in {_milliseconds(seconds)}")


def _timed(function: Callable[[], T]) -> tuple[float, T]:
    began = perf_counter()
    value = function()
    return perf_counter() - began, value


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
