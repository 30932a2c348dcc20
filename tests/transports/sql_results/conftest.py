"""Stores in databases, and what a stock Celery makes of the same tables."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from understudy.transports.message import Result
from understudy.transports.sql_results import SqlOptions, SqlResults

PATIENCE = 10.0
Open = Callable[..., SqlResults]


def meta(task_id: str, state: str = "SUCCESS", value: object = 1, **more: object) -> bytes:
    done = datetime.now(UTC).isoformat() if state != "STARTED" else None
    said = {"status": state, "result": value, "traceback": None, "children": [], "date_done": done, "task_id": task_id}
    return json.dumps({**said, **more}).encode()


def put(results: SqlResults, task_id: str, state: str = "SUCCESS", value: object = 1, **more: object) -> None:
    """Store one state, and wait until that is done."""
    results.store([Result(task_id, state, meta(task_id, state, value, **more))]).get(timeout=PATIENCE)


def look(results: SqlResults, task_id: str) -> Any:
    """Return the meta of a task, None where there is none."""
    (payload,) = results.get([task_id]).get(timeout=PATIENCE)
    return None if payload is None else json.loads(payload)


@pytest.fixture
def file_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/results.db"


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def url(request: pytest.FixtureRequest, file_url: str) -> str:
    """Each kind of database in turn."""
    return file_url if request.param == "sqlite" else str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
def open_results() -> Iterator[Open]:
    """Return a function that opens a store; all of them are closed at the end."""
    opened: list[SqlResults] = []

    def start(url: str, **options: Any) -> SqlResults:
        opened.append(SqlResults(url, SqlOptions(**{"patience": PATIENCE, **options})))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def stock() -> Iterator[Callable[..., Any]]:
    """Return a function that makes the backend of a stock Celery."""
    apps: list[Celery] = []

    def make(url: str, **conf: Any) -> Any:
        apps.append(Celery(set_as_current=False, backend=f"db+{url}"))
        apps[-1].conf.update(accept_content=["json", "pickle", "yaml", "msgpack"], **conf)
        return apps[-1].backend

    yield make
    for app in apps:
        app.close()
