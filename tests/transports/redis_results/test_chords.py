"""Chords in keys that stock workers share: their own backend does the other half here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery

from tests.transports.conformance.messages import publication
from understudy.transports.errors import BrokerUnavailable, ChordClaimed
from understudy.transports.message import ChordPart
from understudy.transports.redis_results import RedisResults

from .conftest import Fresh, Outbox

PATIENCE = 10.0


def part(group: str, index: int, size: int | None = None, value: object = 1) -> ChordPart:
    return ChordPart(
        group, index, f"{group}-{index}", "SUCCESS", json.dumps(value).encode(), publication("trigger", "q"), size
    )


@pytest.fixture
def stock(redis_url: str) -> Iterator[Any]:
    """A stock worker's backend, and the bodies that it has started."""
    app = Celery("stock", broker="memory://", backend=redis_url, set_as_current=False)
    app.bodies = []

    @app.task(name="body", shared=False)
    def body(results: list[object]) -> None: ...

    app.amqp._retry_publish = lambda delay, results: app.bodies.append(results)
    yield app
    app.backend.client.close()
    app.close()


def stock_part(stock: Any, group: str, index: int, value: object = 1) -> None:
    """Let the stock worker finish a member of a chord's header."""
    request = SimpleNamespace(id=f"{group}-{index}", group=group, group_index=index, chord=stock.signature("body"))
    stock.backend.on_chord_part_return(request, "SUCCESS", value)


def test_a_stock_worker_may_have_the_last_part(results: RedisResults, stock: Any, outbox: Outbox, fresh: Fresh) -> None:
    group = fresh()
    results.set_chord_size(group, 2).get(timeout=PATIENCE)

    results.chord_part(part(group, 1, value={"b": 2})).get(timeout=PATIENCE)
    stock_part(stock, group, 0, "a")

    assert stock.bodies == [["a", {"b": 2}]]
    assert outbox.sent == []
    results.chord_part(part(group, 1)).get(timeout=PATIENCE)
    assert outbox.sent == []


def test_we_may_have_the_last_part(results: RedisResults, stock: Any, outbox: Outbox, fresh: Fresh) -> None:
    group = fresh()
    stock.backend.set_chord_size(group, 2)

    stock_part(stock, group, 0, "a")
    results.chord_part(part(group, 1, value={"b": 2})).get(timeout=PATIENCE)

    assert outbox.sent == ["trigger"]
    assert results.chord_parts(group).get(timeout=PATIENCE) == [
        (0, f"{group}-0", "SUCCESS", b'"a"'),
        (1, f"{group}-1", "SUCCESS", b'{"b": 2}'),
    ]
    stock_part(stock, group, 0, "a")
    assert stock.bodies == []


def test_a_trigger_tells_a_stock_worker_what_it_wants_to_know(
    results: RedisResults, outbox: Outbox, fresh: Fresh
) -> None:
    group = fresh()
    for index in (1, 0):
        results.chord_part(part(group, index, size=2)).get(timeout=PATIENCE)

    args, kwargs, _ = json.loads(outbox.publications[0].body)

    assert args == ["trigger"]
    assert kwargs["result"] == [[[f"{group}-0", None], None], [[f"{group}-1", None], None]]


def test_what_stock_workers_add_to_a_header_counts(
    results: RedisResults, stock: Any, outbox: Outbox, fresh: Fresh
) -> None:
    group = fresh()
    results.set_chord_size(group, 1).get(timeout=PATIENCE)
    stock.backend.add_to_chord(group, None)

    results.chord_part(part(group, 0)).get(timeout=PATIENCE)
    assert outbox.sent == []
    results.chord_part(part(group, 1)).get(timeout=PATIENCE)
    assert outbox.sent == ["trigger"]


def test_a_claim_of_somebody_else_that_is_not_finished_holds_our_part_back(
    results: RedisResults, server: Any, outbox: Outbox, fresh: Fresh
) -> None:
    group = fresh()
    results.set_chord_size(group, 1).get(timeout=PATIENCE)
    server.set(f"celery-taskset-meta-{group}.c", "a stock worker's token", ex=60)

    with pytest.raises(ChordClaimed):
        results.chord_part(part(group, 0)).get(timeout=PATIENCE)
    assert outbox.sent == []

    server.delete(f"celery-taskset-meta-{group}.c")  # the worker died, and its claim ran out
    results.chord_part(part(group, 0)).get(timeout=PATIENCE)
    assert outbox.sent == ["trigger"]


def test_a_claim_of_ours_is_finished_by_whoever_gets_the_part_again(
    results: RedisResults, outbox: Outbox, fresh: Fresh
) -> None:
    group = fresh()
    outbox.away = True
    with pytest.raises(BrokerUnavailable):
        results.chord_part(part(group, 0, size=1)).get(timeout=PATIENCE)

    outbox.away = False
    results.chord_part(part(group, 0, size=1)).get(timeout=PATIENCE)
    results.chord_part(part(group, 0, size=1)).get(timeout=PATIENCE)

    assert outbox.sent == ["trigger"]


def test_a_chord_may_be_run_again_under_its_id(results: RedisResults, outbox: Outbox, fresh: Fresh) -> None:
    group = fresh()
    for _ in range(2):
        results.set_chord_size(group, 1).get(timeout=PATIENCE)
        results.chord_part(part(group, 0)).get(timeout=PATIENCE)
        results.delete_chord(group).get(timeout=PATIENCE)

    assert outbox.sent == ["trigger", "trigger"]


def test_nothing_of_a_chord_stays_for_ever(results: RedisResults, server: Any, fresh: Fresh) -> None:
    group = fresh()
    results.chord_part(part(group, 0)).get(timeout=PATIENCE)
    results.set_chord_size(group, 2).get(timeout=PATIENCE)
    results.chord_part(part(group, 1)).get(timeout=PATIENCE)

    keys = list(server.scan_iter(f"celery-taskset-meta-{group}*"))

    assert len(keys) >= 4
    assert all(server.ttl(key) > 0 for key in keys)
