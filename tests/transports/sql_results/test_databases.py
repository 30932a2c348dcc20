"""Databases that go away, refuse, or are used by many at once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support import DatabaseServer, free_port, wait_until
from tests.support.databases import PASSWORD
from tests.support.forks import in_forked_child
from understudy.actors.errors import Timeout
from understudy.runtime.app.app import App
from understudy.transports.errors import BrokerRefused, BrokerUnavailable, UnsupportedByTransport
from understudy.transports.message import Result
from understudy.transports.polled import Pace
from understudy.transports.registry import connect_results
from understudy.transports.sql_results import engine

from ..redis_results.conftest import Fresh
from .conftest import PATIENCE, Open, look, meta, put


@pytest.fixture(params=["postgresql", "mysql"])
def server(request: pytest.FixtureRequest) -> DatabaseServer:
    """Each server in turn; the tests that come later find it running."""
    request.getfixturevalue(f"{request.param}_url")
    running: DatabaseServer = request.getfixturevalue(f"{request.param}_server")
    return running


def test_results_survive_a_restart_of_the_server(server: DatabaseServer, open_results: Open, fresh: Fresh) -> None:
    one, other = fresh(), fresh()
    results = open_results(server.url)
    put(results, one)

    server.restart()

    put(results, other)
    assert look(results, one)["status"] == "SUCCESS"
    assert look(results, other)["status"] == "SUCCESS"


def test_a_wait_outlives_a_server_that_is_killed(server: DatabaseServer, open_results: Open, fresh: Fresh) -> None:
    one = fresh()
    results, elsewhere = open_results(server.url), open_results(server.url)
    waiting = results.wait(one, 60)
    look(results, one)

    server.kill()
    server.start()
    put(elsewhere, one)

    assert json.loads(waiting.get(timeout=PATIENCE))["status"] == "SUCCESS"


def test_a_server_that_is_silent_is_an_error_in_bounded_time(
    server: DatabaseServer, open_results: Open, fresh: Fresh
) -> None:
    one = fresh()
    put(open_results(server.url), one)
    results = open_results(server.url, reply_timeout=1.0, connect_timeout=1.0, patience=1.0)

    with server.paused():
        with pytest.raises(BrokerUnavailable):
            results.get([one]).get(timeout=PATIENCE)
        with pytest.raises((BrokerUnavailable, Timeout)):
            results.wait("nobody", 0.5).get(timeout=PATIENCE)

    def answers() -> bool:
        try:
            return look(results, one) is not None
        except BrokerUnavailable:  # a busy machine may take longer than it is given here
            return False

    wait_until(answers, PATIENCE, what="an answer")


@pytest.mark.parametrize("wrong", ["password", "user", "database"])
def test_a_server_that_will_not_have_us_is_an_error_at_once(
    server: DatabaseServer, open_results: Open, caplog: pytest.LogCaptureFixture, wrong: str
) -> None:
    url = {
        "password": server.url_of(password="wr0ng-w0rd"),
        "user": server.url_of(user="nobody"),
        "database": server.url_of("nowhere"),
    }[wrong]
    results = open_results(url)
    started = time.monotonic()

    with pytest.raises(BrokerRefused) as refused:
        results.get(["one"]).get(timeout=PATIENCE)
    with pytest.raises(BrokerRefused):
        results.wait("one").get(timeout=PATIENCE)

    assert time.monotonic() - started < PATIENCE / 2
    assert f"127.0.0.1:{server.port}" in str(refused.value)
    assert not {PASSWORD, "wr0ng-w0rd"} & {word for word in (PASSWORD, "wr0ng-w0rd") if word in str(refused.value)}
    assert PASSWORD not in caplog.text
    assert "wr0ng-w0rd" not in caplog.text


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_is_not_there_is_an_error_in_bounded_time(
    open_results: Open, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{scheme}://me:s3cr3t@127.0.0.1:{free_port()}/results"
    results = open_results(url, patience=0.5)

    with pytest.raises(BrokerUnavailable) as lost:
        results.get(["one"]).get(timeout=PATIENCE)
    with pytest.raises(BrokerUnavailable):
        results.wait("one").get(timeout=PATIENCE)

    assert f"{scheme}://me:**@127.0.0.1:{urlsplit(url).port}/results is not available" in str(lost.value)
    assert "s3cr3t" not in str(lost.value) + caplog.text


def test_a_file_that_cannot_be_opened_is_an_error_at_once(tmp_path: Path, open_results: Open) -> None:
    results = open_results(f"sqlite:///{tmp_path}/nowhere/results.db")

    with pytest.raises(BrokerRefused, match="unable to open database file"):
        results.get(["one"]).get(timeout=PATIENCE)


@pytest.mark.parametrize(
    ("url", "remedy"),
    [
        ("postgresql://me:s3cr3t@host/db", r"pip install 'understudy\[postgresql\]'"),
        ("mysql://me:s3cr3t@host/db", r"pip install 'understudy\[mysql\]'"),
        ("oracle+oracledb://me:s3cr3t@host/db", "install its driver"),
    ],
)
def test_a_driver_that_is_missing_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, open_results: Open, url: str, remedy: str
) -> None:
    monkeypatch.setattr(engine, "find_spec", lambda name: None)

    with pytest.raises(UnsupportedByTransport, match=remedy) as missing:
        open_results(url)

    assert "s3cr3t" not in str(missing.value)


@pytest.mark.parametrize("url", ["nonsense://me:s3cr3t@host/db", "no url"])
def test_a_url_that_leads_nowhere_is_an_error_at_once(open_results: Open, url: str) -> None:
    with pytest.raises(UnsupportedByTransport, match="is no database that can be used") as nowhere:
        open_results(url)

    assert "s3cr3t" not in str(nowhere.value)


def test_an_option_that_sqlalchemy_does_not_have_is_an_error_at_once(open_results: Open, file_url: str) -> None:
    with pytest.raises(UnsupportedByTransport, match="nonsense"):
        open_results(file_url, engine_options={"nonsense": 1})


def test_settings_reach_the_engine(file_url: str) -> None:
    engines: list[Any] = []
    app = App(
        "settings",
        broker_url="memory://sql-settings",
        result_backend="database",
        database_url=file_url,
        database_engine_options={"echo": False, "pool_size": 3, "logging_name": "told"},
        database_engine_callback=engines.append,
        database_table_names={"task": "my_tasks"},
    )

    assert app.AsyncResult("nobody").state == "PENDING"

    assert [one.logging_name for one in engines] == ["told"]
    app.close()


def test_many_who_write_the_same_results_agree_on_the_success(url: str, open_results: Open, fresh: Fresh) -> None:
    ids = [fresh() for _ in range(20)]
    stores = [open_results(url) for _ in range(3)]
    states = ["STARTED", "FAILURE", "SUCCESS"]

    written = [
        store.store([Result(one, state, meta(one, state)) for one in order])
        for _ in range(3)
        for store, state, order in zip(stores, states, (ids, ids[::-1], ids), strict=True)
    ]

    for one in written:
        one.get(timeout=PATIENCE)
    assert {look(stores[0], one)["status"] for one in ids} == {"SUCCESS"}


def test_a_forked_child_has_a_connection_of_its_own(url: str, open_results: Open, fresh: Fresh) -> None:
    one, other, third = fresh(), fresh(), fresh()
    results = open_results(url)
    put(results, one)

    in_forked_child(lambda: put(results, other))

    put(results, third)
    assert [look(results, name)["status"] for name in (one, other, third)] == ["SUCCESS"] * 3


def test_what_has_expired_is_gone_and_can_be_cleaned(url: str, open_results: Open, fresh: Fresh) -> None:
    old, new, running = fresh(), fresh(), fresh()
    results, keeper = open_results(url, expires=86_400.0), open_results(url, expires=None)
    put(keeper, old, date_done="2020-01-01T00:00:00+00:00")
    put(keeper, new)
    put(keeper, running, "STARTED")

    assert look(results, old) is None
    assert results.clean().get(timeout=PATIENCE) >= 1

    assert look(keeper, old) is None
    assert look(keeper, new)["status"] == "SUCCESS"
    assert look(keeper, running)["status"] == "STARTED"


def test_a_process_that_stores_cleans_by_itself(file_url: str, open_results: Open, fresh: Fresh) -> None:
    old = fresh()
    keeper, results = open_results(file_url, expires=None), open_results(file_url, expires=0.5)
    put(keeper, old)

    put(results, fresh())

    wait_until(lambda: look(keeper, old) is None, PATIENCE, what="cleaning")


def test_a_store_needs_sqlalchemy_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    import builtins

    real: Callable[..., Any] = builtins.__import__

    def without(name: str, *arguments: Any, **named: Any) -> Any:
        if name == "sql_results" or name.startswith("sqlalchemy"):
            raise ModuleNotFoundError(name="sqlalchemy")
        return real(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UnsupportedByTransport, match=r"pip install 'understudy\[sqlalchemy\]'"):
        connect_results("db+sqlite://", None)  # type: ignore[arg-type]


def test_a_wait_looks_less_and_less_often() -> None:
    pace, moment, looks = Pace(0.5), 0.0, 0
    pace.soon(["one"], moment)
    while moment < 60:
        assert pace.due(moment) == ["one"]
        looks += 1
        pace.later("one", moment)
        moment = pace.next() or moment

    assert looks < 60 / 0.5 + 20
