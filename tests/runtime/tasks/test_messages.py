"""Messages are those that stock Celery would send for the same call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import celery
import pytest
from kombu import Exchange, Queue
from kombu.common import Broadcast

from understudy.runtime import canvas
from understudy.runtime.app.app import App
from understudy.runtime.exceptions import QueueNotFound
from understudy.runtime.publishing.gathering import gathering
from understudy.runtime.publishing.saferepr import saferepr
from understudy.transports.codecs import decode_json
from understudy.transports.message import Publication, decode_head

from .celery_side import CelerySide, Sent

MOMENT = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
OWN = frozenset({"origin", "chord_size", "reply_to", "argsrepr", "kwargsrepr"})
"""What each side says in its own way; reprs are compared by themselves."""


@pytest.fixture
def stock(monkeypatch: pytest.MonkeyPatch) -> CelerySide:
    return CelerySide(monkeypatch)


def add(x: int, y: int) -> int:
    return x + y


def total(numbers: list[int]) -> int:
    return sum(numbers)


def failed(task_id: str) -> None:
    """An errback of the old style."""


def define(make: Callable[..., Any]) -> dict[str, Any]:
    """Make the same tasks in either app; returns them by name."""
    return {function.__name__: make(function, name=f"proj.{function.__name__}") for function in (add, total, failed)}


def messages_of(app: App, call: Callable[[], object]) -> list[Sent]:
    """Return what `call` sends by way of our app."""
    with gathering() as gathered:
        call()
    return [opened(publication) for publication in gathered.publications]


def opened(publication: Publication) -> Sent:
    head = decode_head(publication.head)
    body = decode_json(publication.body)
    properties = {name: head.properties[name] for name in ("correlation_id", "delivery_mode", "priority")}
    return Sent(head.headers, body, properties, publication.exchange, publication.routing_key)


def normal(messages: list[Sent]) -> list[Any]:
    """Return messages with their ids numbered in order of appearance, without what is each side's own.

    Places in the options of signatures are left out too: Celery notes some that the worker works out again.
    """
    names: dict[str, str] = {}

    def walk(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            left = OWN | {"group_id", "group_index", "root_id", "parent_id"} if key == "options" else OWN
            return {name: walk(value[name], name) for name in sorted(value) if name not in left}
        if isinstance(value, (list, tuple)):
            return [walk(item, key) for item in value]
        if isinstance(value, str) and len(value) == 36 and value.count("-") == 4:
            return names.setdefault(value, f"id {len(names)}")
        return value

    return [walk(list(message)) for message in messages]


CALLS: dict[str, Callable[[Any, Any], object]] = {
    "positional": lambda tasks, _: tasks["add"].delay(1, 2),
    "by name": lambda tasks, _: tasks["add"].delay(x=1, y=[{"a": "b"}]),
    "own id and headers": lambda tasks, _: tasks["add"].apply_async((1, 2), task_id="own", headers={"mine": 1}),
    "queue": lambda tasks, _: tasks["add"].apply_async((1, 2), queue="other", priority=3),
    "routing key": lambda tasks, _: tasks["add"].apply_async((1, 2), exchange="x", routing_key="y"),
    "eta": lambda tasks, _: tasks["add"].apply_async((1, 2), eta=MOMENT, expires=MOMENT + timedelta(hours=1)),
    "limits": lambda tasks, _: tasks["add"].apply_async((1, 2), time_limit=5, soft_time_limit=3, shadow="s"),
    "ignored": lambda tasks, _: tasks["add"].apply_async((1, 2), ignore_result=True),
    "links": lambda tasks, _: tasks["add"].apply_async(
        (1, 2), link=[tasks["add"].s(3), tasks["add"].si(4, 5)], link_error=tasks["failed"].s()
    ),
    "map": lambda tasks, _: tasks["total"].map([[1], [2]]).apply_async(),
    "starmap": lambda tasks, _: tasks["add"].starmap([(1, 2), (3, 4)]).apply_async(),
    "chunks": lambda tasks, _: tasks["add"].chunks([(1, 2), (3, 4), (5, 6)], 2).apply_async(),
    "chain": lambda tasks, _: (tasks["add"].s(1, 2) | tasks["add"].s(3) | tasks["add"].si(4, 5)).apply_async(),
    "group": lambda tasks, canvas: canvas.group(tasks["add"].s(1, 2), tasks["add"].s(3, 4)).apply_async(),
    "nested chain": lambda tasks, canvas: canvas.chain(
        tasks["add"].s(1, 2), canvas.chain(tasks["add"].s(3), tasks["add"].s(4))
    ).apply_async(),
    "group in chain": lambda tasks, canvas: canvas.chain(
        tasks["add"].s(1, 2), canvas.group(tasks["add"].s(3), tasks["add"].s(4))
    ).apply_async(),
    "chord": lambda tasks, canvas: canvas.chord(
        [tasks["add"].s(1, 2), tasks["add"].s(3, 4)], tasks["total"].s()
    ).apply_async(),
    "chord in chain": lambda tasks, canvas: (
        tasks["add"].s(1, 2) | canvas.group(tasks["add"].s(1), tasks["add"].s(2)) | tasks["total"].s()
    ).apply_async(),
    "chord of chains": lambda tasks, canvas: canvas.chord(
        [tasks["add"].s(1, 2) | tasks["add"].s(3), tasks["add"].s(1, 1) | tasks["add"].s(3)], tasks["total"].s()
    ).apply_async(),
    "chain after chord": lambda tasks, canvas: (
        canvas.chord([tasks["add"].s(1, 2), tasks["add"].s(3, 4)], tasks["total"].s()) | tasks["add"].s(2)
    ).apply_async(),
    "group after group": lambda tasks, canvas: (
        canvas.group(tasks["add"].s(1, 2), tasks["add"].s(3, 4)) | canvas.group(tasks["total"].s(), tasks["total"].s())
    ).apply_async(),
}

TOPIC = Exchange("ax", type="topic")
TOPOLOGIES: dict[str, dict[str, Any]] = {
    "defaults": {},
    "queues": {"task_queues": [Queue("a", TOPIC, routing_key="a.#"), Queue("b")]},
    "queues by name": {"task_queues": {"a": {"exchange": "ax", "exchange_type": "topic", "routing_key": "a.k"}}},
    "default topic": {
        "task_default_queue": "d",
        "task_default_exchange": "dx",
        "task_default_exchange_type": "topic",
        "task_default_routing_key": "d.k",
    },
    "a route": {
        "task_routes": {"proj.add": {"queue": "a", "routing_key": "r.k"}},
        "task_queues": [Queue("a", TOPIC, routing_key="a.#")],
    },
    "no keys": {"task_queues": [Queue("a", TOPIC), Queue("b", Exchange("bx"))]},
    "a broadcast": {"task_queues": [Broadcast("a"), Queue("b")]},
    "missing ones by topic": {"task_create_missing_queue_exchange_type": "topic"},
    "a quorum queue": {"task_default_queue_type": "quorum", "task_default_exchange_type": "topic"},
}
ADDRESSES: list[dict[str, Any]] = [
    {},
    {"queue": "a"},
    {"queue": "b"},
    {"queue": "new"},
    {"exchange": "x", "routing_key": "k"},
    {"routing_key": "k"},
    {"queue": "a", "routing_key": "k"},
    {"queue": "b", "exchange": "x", "routing_key": "k"},
    {"exchange": "x", "exchange_type": "topic", "routing_key": "k"},
    {"queue": "a", "exchange_type": "topic"},
    {"queue": "b", "exchange_type": "fanout"},
]

VALUES: list[tuple[Any, ...]] = [
    (1, 2.5, None, True, "text", b"bytes"),
    ([1, (2,)], {"a": {1}}, frozenset(), ()),
    ([[[[[1]]]]], {1: {2: {3: {4: 5}}}}),
    ("x" * 2000, "left out"),
    (list(range(1000)), "left out"),
    (object, {}),
]


@pytest.mark.interop
@pytest.mark.parametrize("name", CALLS)
def test_a_call_makes_the_message_that_celery_makes(name: str, app: App, stock: CelerySide) -> None:
    theirs, ours = define(stock.task), define(app.define)
    expected = stock.messages_of(lambda: CALLS[name](theirs, celery))
    assert normal(messages_of(app, lambda: CALLS[name](ours, canvas))) == normal(expected)


@pytest.mark.interop
@pytest.mark.parametrize("address", ADDRESSES, ids=repr)
@pytest.mark.parametrize("topology", TOPOLOGIES)
def test_a_message_goes_where_celery_sends_it(
    topology: str, address: dict[str, Any], app: App, stock: CelerySide
) -> None:
    stock.app.conf.update(TOPOLOGIES[topology])
    app.conf.update(TOPOLOGIES[topology])
    [expected] = stock.messages_of(lambda: stock.app.send_task("proj.add", (1, 2), **address))
    [sent] = messages_of(app, lambda: app.send_task("proj.add", (1, 2), **address))
    assert (sent.exchange, sent.routing_key) == (expected.exchange, expected.routing_key)


def test_a_queue_that_must_not_be_made_is_refused(app: App) -> None:
    app.conf.update(task_queues=["a", "b"], task_create_missing_queues=False)
    with pytest.raises(QueueNotFound, match="no queue 'c': there are a, b, celery"):
        app.send_task("proj.add", queue="c")
    app.conf.task_queues = None
    with pytest.raises(QueueNotFound, match="no queue 'a': there are celery"):
        app.send_task("proj.add", queue="a")


@pytest.mark.interop
@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_arguments_are_shown_as_celery_shows_them(value: tuple[Any, ...]) -> None:
    from celery.utils.saferepr import saferepr as theirs

    assert saferepr(value) == theirs(value, 1024)


def test_a_repr_that_fails_does_not_keep_a_message_from_being_sent() -> None:
    class Unspeakable:
        def __repr__(self) -> str:
            raise RuntimeError

    assert saferepr((Unspeakable(), 1)) == "(<Unspeakable: its repr failed>, 1)"


def test_a_list_within_itself_has_a_repr() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    assert saferepr(loop) == "[1, [...]]"
