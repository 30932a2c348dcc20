"""The transports that the suite runs over: each has a row in `HARNESSES`, and nothing else is asked of it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path

import pytest

from understudy.transports.api import Capabilities
from understudy.transports.registry import connect

from .harness import (
    DELAYED,
    PRIORITIES,
    QUORUM,
    Harness,
    kombu_filesystem,
    kombu_memory,
    kombu_rabbitmq,
    kombu_redis,
    kombu_sqlalchemy,
    memory,
    rabbitmq,
    rabbitmq_with_ladder,
    rabbitmq_with_priorities,
    rabbitmq_with_quorum_queues,
    redis,
    sqlite,
)

HARNESSES: dict[str, Callable[[pytest.FixtureRequest, Path], AbstractContextManager[Harness]]] = {
    "memory": memory,
    "sqlite": sqlite,
    "redis": redis,
    "kombu-redis": kombu_redis,
    "rabbitmq": rabbitmq,
    "rabbitmq-priorities": rabbitmq_with_priorities,
    "rabbitmq-quorum": rabbitmq_with_quorum_queues,
    "rabbitmq-delayed": rabbitmq_with_ladder,
    "kombu-rabbitmq": kombu_rabbitmq,
    "kombu-memory": kombu_memory,
    "filesystem": kombu_filesystem,
    "sqlalchemy": kombu_sqlalchemy,
}


SAMPLES: dict[str, tuple[str, dict[str, object]]] = {
    "memory": ("memory://sample", {}),
    "sqlite": ("sqlite:////nowhere/sample.db", {}),
    "redis": ("redis://127.0.0.1", {}),
    "kombu-redis": ("kombu+redis://127.0.0.1", {}),
    "rabbitmq": ("amqp://127.0.0.1", {}),
    "rabbitmq-priorities": ("amqp://127.0.0.1", PRIORITIES),
    "rabbitmq-quorum": ("amqp://127.0.0.1", QUORUM),
    "rabbitmq-delayed": ("amqp://127.0.0.1", DELAYED),
    "kombu-rabbitmq": ("kombu+amqp://127.0.0.1", PRIORITIES),
    "kombu-memory": ("kombu+memory://", {}),
    "filesystem": ("filesystem:///nowhere/sample", {}),
    "sqlalchemy": ("sqla+sqlite:////nowhere/sample.db", {}),
}
"""An address of each: what a transport claims is known before anything is opened."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of what a transport does not claim: it is held to its claims, and to those alone."""
    claims = {name: claimed(*sample) for name, sample in SAMPLES.items()}
    unclaimed = [item for item in items if needs(item) - claims.get(row(item), set())]
    items[:] = [item for item in items if item not in unclaimed]
    config.hook.pytest_deselected(items=unclaimed)


def claimed(url: str, options: dict[str, object]) -> set[str]:
    """Return the names of the capabilities that a transport claims; `results` is a result store of its own."""
    transport = connect(url, **options)
    names = {field.name for field in fields(Capabilities) if getattr(transport.capabilities, field.name)}
    if transport.results() is not None:
        names.add("results")
    transport.close()
    return names


def needs(item: pytest.Item) -> set[str]:
    """Return the capabilities that a test is about."""
    return {str(mark.args[0]) for mark in item.iter_markers("needs")}


def row(item: pytest.Item) -> str:
    """Return the name of the transport that a test runs over."""
    callspec = getattr(item, "callspec", None)
    return "" if callspec is None else str(callspec.params.get("harness", ""))


@pytest.fixture(params=HARNESSES)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Harness]:
    """A broker that runs, and the ways to reach and to break it."""
    with HARNESSES[request.param](request, tmp_path) as running:
        yield running
        running.close_transports()


@pytest.fixture
def names() -> Iterator[str]:
    """Names that no other test uses, for brokers that outlive a test."""
    return (f"t{os.urandom(4).hex()}-{number}" for number in itertools.count())
