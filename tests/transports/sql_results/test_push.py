"""PostgreSQL tells those who wait; nothing depends on it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from tests.support import PostgresServer, wait_until
from tests.support.forks import in_forked_child
from understudy.actors.completion import Completion
from understudy.actors.errors import Timeout
from understudy.transports import polled
from understudy.transports.message import Result
from understudy.transports.sql_results import SqlResults, ear

from ..redis_results.conftest import Fresh
from .conftest import PATIENCE, Open, look, meta, put

HOUR = 3600.0


@pytest.fixture
def server(postgresql_server: PostgresServer, postgresql_url: str) -> Iterator[Any]:
    """A connection of the test's own."""
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def name(fresh: Fresh) -> str:
    """What the connections of the store under test are called."""
    return f"waits-{fresh()}"


@pytest.fixture
def open_named(open_results: Open, postgresql_url: str, name: str) -> Callable[..., SqlResults]:
    """Return a function that opens a store whose connections have that name."""

    def start(**options: Any) -> SqlResults:
        named = {"connect_args": {"application_name": name}}
        return open_results(postgresql_url, engine_options=named, **options)

    return start


@pytest.fixture
def results(open_named: Callable[..., SqlResults], monkeypatch: pytest.MonkeyPatch) -> SqlResults:
    """A store that looks for each result once, and then only where it is told to."""
    monkeypatch.setattr(polled, "FIRST_PAUSE", HOUR)
    return open_named(poll_interval=HOUR)


@pytest.fixture
def node(open_results: Open, postgresql_url: str) -> SqlResults:
    """A store of somebody else's, who writes results."""
    return open_results(postgresql_url)


def listening(server: Any, name: str) -> list[int]:
    """Return the processes of the server whose clients listen under a name."""
    found = server.execute(
        "SELECT pid FROM pg_stat_activity WHERE application_name = %s AND query LIKE 'LISTEN%%'", (name,)
    )
    return [pid for (pid,) in found]


def begin(results: SqlResults, *task_ids: str) -> list[Completion[bytes]]:
    """Wait for results that are not there yet; when this returns, they have been looked for."""
    waiting = [results.wait(one, 60) for one in task_ids]
    for _ in range(2):  # a turn that looks is between two jobs
        assert look(results, task_ids[0]) is None
    return waiting


def states(waiting: list[Completion[bytes]]) -> list[str]:
    return [json.loads(one.get(timeout=PATIENCE))["status"] for one in waiting]


def test_a_result_is_pushed(results: SqlResults, node: SqlResults, fresh: Fresh) -> None:
    one, other = fresh(), fresh()
    waiting = begin(results, one, other)

    put(node, one, "STARTED")
    put(node, one)
    put(node, other, "FAILURE")

    assert states(waiting) == ["SUCCESS", "FAILURE"]


def test_a_batch_is_pushed_whole_over_one_connection(
    results: SqlResults, node: SqlResults, server: Any, name: str, fresh: Fresh
) -> None:
    ids = [f"{number}-ü-{fresh()}".ljust(150, "x") for number in range(500)]
    waiting = begin(results, *ids)
    assert len(listening(server, name)) == 1

    node.store([Result(one, "SUCCESS", meta(one)) for one in ids]).get(timeout=PATIENCE)

    assert states(waiting) == ["SUCCESS"] * 500
    assert len(listening(server, name)) == 1


def test_what_is_stored_while_nobody_can_hear_it_is_found(
    results: SqlResults, node: SqlResults, server: Any, name: str, fresh: Fresh
) -> None:
    ids = [fresh() for _ in range(3)]
    waiting = begin(results, *ids)

    for one in ids[:2]:
        (heard,) = listening(server, name)
        server.execute("SELECT pg_terminate_backend(%s)", (heard,))
        put(node, one)
        wait_until(lambda: len(listening(server, name)) == 1 and listening(server, name) != [heard], PATIENCE)  # noqa: B023
    put(node, ids[2])

    assert states(waiting) == ["SUCCESS"] * 3


def test_a_wait_outlives_every_connection(
    results: SqlResults, node: SqlResults, server: Any, name: str, fresh: Fresh
) -> None:
    one = fresh()
    waiting = begin(results, one)

    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", (name,))
    put(node, one)

    assert states(waiting) == ["SUCCESS"]


def test_whoever_lost_every_connection_listens_on_a_new_one(
    open_results: Open,
    node: SqlResults,
    server: Any,
    postgresql_url: str,
    name: str,
    fresh: Fresh,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polled, "FIRST_PAUSE", HOUR)
    monkeypatch.setattr(ear, "_AGAIN_AFTER", HOUR)
    unasked = {"connect_args": {"application_name": name}, "pool_pre_ping": False}  # it takes the pool's for alive
    one = fresh()
    waiting = begin(open_results(postgresql_url, engine_options=unasked, poll_interval=HOUR), one)

    server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", (name,))
    put(node, one)

    assert states(waiting) == ["SUCCESS"]


def test_who_could_not_listen_tries_again(
    results: SqlResults,
    node: SqlResults,
    fresh: Fresh,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(ear, "_AGAIN_AFTER", 0.1)
    one = fresh()
    with monkeypatch.context() as change:
        change.setattr(ear, "CHANNEL", "no channel")
        waiting = begin(results, one)
        assert "cannot be listened to" in caplog.text
        put(node, one)

    assert states(waiting) == ["SUCCESS"]


def test_what_a_stock_worker_stores_is_looked_for(
    open_named: Callable[..., SqlResults], postgresql_url: str, stock: Callable[..., Any], fresh: Fresh
) -> None:
    one = fresh()
    waiting = begin(open_named(), one)

    stock(postgresql_url.replace("://", "+psycopg://")).store_result(one, 1, "SUCCESS")

    assert states(waiting) == ["SUCCESS"]


def test_nobody_listens_who_does_not_wait_or_is_not_to(
    open_named: Callable[..., SqlResults], node: SqlResults, server: Any, name: str, fresh: Fresh
) -> None:
    one = fresh()
    store, deaf = open_named(), open_named(notify=False)

    put(store, fresh())
    waiting = [deaf.wait(one, 60)]
    look(deaf, one)
    assert listening(server, name) == []
    put(node, one)

    assert states(waiting) == ["SUCCESS"]


def test_a_node_that_is_not_to_tells_nobody(
    results: SqlResults, open_results: Open, node: SqlResults, postgresql_url: str, fresh: Fresh
) -> None:
    quiet, loud = fresh(), fresh()
    waiting = begin(results, quiet, loud)

    put(open_results(postgresql_url, notify=False), quiet)
    put(node, loud)

    assert states(waiting[1:]) == ["SUCCESS"]
    assert not waiting[0].done()


def test_a_database_that_cannot_be_listened_to_is_looked_at(
    open_results: Open,
    postgresql_url: str,
    node: SqlResults,
    fresh: Fresh,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    one = fresh()
    monkeypatch.setattr(ear, "CHANNEL", "no channel")
    waiting = [open_results(postgresql_url).wait(one, 60)]
    with pytest.raises(Timeout):
        waiting[0].get(timeout=0.1)

    put(node, one)

    assert states(waiting) == ["SUCCESS"]
    assert caplog.text.count("cannot be listened to") == 1


def test_a_forked_child_listens_for_itself(
    results: SqlResults, node: SqlResults, server: Any, name: str, fresh: Fresh
) -> None:
    parents, childs = fresh(), fresh()
    waiting = begin(results, parents)
    heard = listening(server, name)
    assert len(heard) == 1

    def use() -> None:
        mine = begin(results, childs)
        put(node, childs)
        assert states(mine) == ["SUCCESS"]
        results.close()
        node.close()

    in_forked_child(use)

    wait_until(lambda: listening(server, name) == heard, PATIENCE, what="the end of the child's ear")
    put(node, parents)
    assert states(waiting) == ["SUCCESS"]
