"""Result stores beside another broker, which is in this process."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from understudy.transports.api import ResultStore, Transport
from understudy.transports.registry import connect_results

from .harness import Harness


@dataclass
class StoreHarness(Harness):
    """A store under test; store: its address. said: its options."""

    store: str = ""
    said: dict[str, object] = field(default_factory=dict)
    opened: list[ResultStore] = field(default_factory=list)

    def results(self, transport: Transport) -> ResultStore:
        """Return a store of its own connections."""
        self.opened.append(connect_results(self.store, transport.publisher(), **self.said))
        return self.opened[-1]

    def close_transports(self) -> None:
        """Close the stores too."""
        for store in self.opened:
            store.close()
        super().close_transports()


@contextmanager
def redis(request: pytest.FixtureRequest, _directory: Path) -> Iterator[StoreHarness]:
    """A Redis that holds no tasks."""
    yield _beside(request.getfixturevalue("redis_url"))


@contextmanager
def sqlite(_request: pytest.FixtureRequest, directory: Path) -> Iterator[StoreHarness]:
    """Celery's tables in a file."""
    yield _beside(f"db+sqlite:///{directory}/results.db")


@contextmanager
def postgresql(request: pytest.FixtureRequest, _directory: Path) -> Iterator[StoreHarness]:
    """Celery's tables in PostgreSQL."""
    yield _beside("db+" + request.getfixturevalue("postgresql_url"))


@contextmanager
def mysql(request: pytest.FixtureRequest, _directory: Path) -> Iterator[StoreHarness]:
    """Celery's tables in MariaDB."""
    yield _beside("db+" + request.getfixturevalue("mysql_url"))


@contextmanager
def folder(_request: pytest.FixtureRequest, directory: Path) -> Iterator[StoreHarness]:
    """Celery's files in a folder."""
    (directory / "results").mkdir()
    yield _beside(f"file://{directory}/results")


def _beside(url: str) -> StoreHarness:
    return StoreHarness(f"memory://{os.urandom(6).hex()}", store=url)


STORES: dict[str, Callable[[pytest.FixtureRequest, Path], AbstractContextManager[StoreHarness]]] = {
    "beside-redis": redis,
    "db-sqlite": sqlite,
    "db-postgresql": postgresql,
    "db-mysql": mysql,
    "file": folder,
}
