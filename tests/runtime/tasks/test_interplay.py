"""Messages of stock Celery run here, and stock Celery reads what is stored about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import celery
import pytest

from understudy.runtime.app.app import App
from understudy.runtime.exceptions import ChordError
from understudy.transports.message import Head, Publication, encode_head

from .celery_side import CelerySide, Sent
from .pumping import Pump

PATIENCE = 5.0
pytestmark = pytest.mark.interop


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> CelerySide:
    return CelerySide(monkeypatch)


def add(x: int, y: int) -> int:
    return x + y


def total(numbers: list[int]) -> int:
    return sum(numbers)


def fail(*_: Any) -> None:
    raise ZeroDivisionError


@pytest.fixture
def theirs(stock: CelerySide, app: App) -> Any:
    """The tasks of a Celery app, which our app has too."""
    made: dict[str, Any] = {}
    for function in (add, total, fail):
        app.task(name=f"proj.{function.__name__}")(function)
        made[function.__name__] = stock.task(function, f"proj.{function.__name__}")
    return SimpleNamespace(**made)


def send(app: App, message: Sent) -> None:
    """Put a message of Celery into our broker."""
    head = encode_head(Head(message.headers, message.properties))
    publication = Publication(message.headers["id"], message.routing_key, head, json.dumps(message.body).encode())
    app.publisher.publish([publication]).get(timeout=PATIENCE)


CALLS: dict[str, tuple[Callable[[Any], Any], Any]] = {
    "task": (lambda t: t.add.s(1, 2), 3),
    "chain": (lambda t: t.add.s(1, 2) | t.add.s(3) | t.add.si(4, 5), 9),
    "task, group, task": (lambda t: t.add.s(1, 2) | celery.group(t.add.s(1), t.add.s(2)) | t.total.s(), 9),
    "group, group": (
        lambda t: (
            t.add.s(1, 2) | celery.group(t.add.s(1), t.add.s(2)) | celery.group(t.total.s(), t.total.s()) | t.total.s()
        ),
        18,
    ),
    "map": (lambda t: t.total.map([[1, 2], [3]]), [3, 3]),
    "starmap": (lambda t: t.add.starmap([(1, 2), (3, 4)]), [3, 7]),
}


@pytest.mark.parametrize("name", CALLS)
def test_what_celery_sends_comes_to_its_value(name: str, app: App, pump: Pump, stock: CelerySide, theirs: Any) -> None:
    make, expected = CALLS[name]
    results: list[Any] = []
    for message in stock.messages_of(lambda: results.append(make(theirs).apply_async())):
        send(app, message)
    pump.run()
    assert app.AsyncResult(results[0].id).get(timeout=PATIENCE) == expected


CHORDS: dict[str, tuple[Callable[[Any], Any], int, Any]] = {
    "chord": (lambda t: celery.chord([t.add.s(1, 2), t.add.s(3, 4)], t.total.s()), 2, 10),
    "chord of chains": (
        lambda t: celery.chord([t.add.s(1, 2) | t.add.s(3), t.add.s(1, 1) | t.add.s(3)], t.total.s()),
        2,
        11,
    ),
    "chord then task": (lambda t: celery.chord([t.add.s(1, 2)], t.total.s()) | t.add.s(2), 1, 5),
    "failed chord": (lambda t: celery.chord([t.add.s(1, 2), t.fail.s()], t.total.s()), 2, ChordError),
}


@pytest.mark.parametrize("name", CHORDS)
def test_a_chord_of_celery_is_finished_once_its_size_is_told(
    name: str, app: App, pump: Pump, stock: CelerySide, theirs: Any
) -> None:
    """Celery's client tells the size to the store; its messages do not carry it."""
    make, size, expected = CHORDS[name]
    results: list[Any] = []
    messages = stock.messages_of(lambda: results.append(make(theirs).apply_async()))
    for message in messages:
        send(app, message)
    pump.run()
    app.results.set_chord_size(group_of(messages[0]), size).get(timeout=PATIENCE)
    pump.run()
    if isinstance(expected, type):
        with pytest.raises(expected):
            app.AsyncResult(results[0].id).get(timeout=PATIENCE)
    else:
        assert app.AsyncResult(results[0].id).get(timeout=PATIENCE) == expected


def group_of(message: Sent) -> str:
    chain = message.body[2]["chain"]
    return message.headers["group"] or chain[0]["options"]["group_id"]


def test_celery_reads_what_is_stored(app: App, pump: Pump, stock: CelerySide, theirs: Any) -> None:
    results: list[Any] = []
    for message in stock.messages_of(
        lambda: results.extend([theirs.add.delay(1, 2), theirs.fail.delay(), (theirs.add.s(1, 2) | theirs.add.s(3))()])
    ):
        send(app, message)
    pump.run()
    backend = stock.app.backend
    for result in results[:2]:
        [payload] = app.results.get([result.id]).get(timeout=PATIENCE)
        assert payload is not None
        backend.set(backend.get_key_for_task(result.id), payload)
    good, bad = results[:2]
    assert (good.get(timeout=1), good.state) == (3, "SUCCESS")
    with pytest.raises(ZeroDivisionError):
        bad.get(timeout=1)
    assert "ZeroDivisionError" in bad.traceback
