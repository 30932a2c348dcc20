"""What the conformance suite needs of a transport under test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from understudy.transports.api import Intake, ResultStore, Transport
from understudy.transports.embedded.process import WriterProcess
from understudy.transports.embedded.sqlite.file import Durability
from understudy.transports.registry import connect

DELAYED: dict[str, object] = {"delayed_delivery": "classic"}
QUORUM: dict[str, object] = {"queue_arguments": {"x-queue-type": "quorum"}}
PRIORITIES: dict[str, object] = {"queue_arguments": {"x-max-priority": 10}}


@dataclass
class Harness:
    """A running broker.

    stop, start: take the broker away and bring it back, where the transport has one that can go away. options: what
    `connect` gets beside the URL.
    """

    url: str
    options: dict[str, object] = field(default_factory=dict)
    stop: Callable[[], None] | None = None
    start: Callable[[], None] | None = None
    transports: list[Transport] = field(default_factory=list)
    owners: int = 0

    def transport(self) -> Transport:
        """Return a transport of its own connections, which end with the test."""
        self.transports.append(connect(self.url, **self.options))
        return self.transports[-1]

    def intake(self, transport: Transport, *queues: str) -> Intake:
        """Return an intake of a node that nobody else is."""
        self.owners += 1
        return transport.intake(queues, f"{os.urandom(6).hex()}.{self.owners}")

    def results(self, transport: Transport) -> ResultStore:
        """Return a transport's own result store, which tests of it need."""
        store = transport.results()
        assert store is not None
        return store

    def close_transports(self) -> None:
        """Close what `transport` has handed out."""
        for transport in self.transports:
            transport.close()


@contextmanager
def memory(_request: pytest.FixtureRequest, _directory: Path) -> Iterator[Harness]:
    """A broker in this process."""
    yield Harness(f"memory://{os.urandom(6).hex()}")


@contextmanager
def sqlite(_request: pytest.FixtureRequest, directory: Path) -> Iterator[Harness]:
    """A file, and a writer such as a node would have started; while it is gone clients work on the file themselves."""
    writers = [WriterProcess(directory / "broker.db", Durability.PROCESS, 15.0)]

    def stop() -> None:
        writers.pop().stop()

    def start() -> None:
        writers.append(WriterProcess(directory / "broker.db", Durability.PROCESS, 15.0))

    yield Harness(f"sqlite:///{directory}/broker.db", stop=stop, start=start)
    for writer in writers:
        writer.stop()


@contextmanager
def redis(request: pytest.FixtureRequest, _directory: Path) -> Iterator[Harness]:
    """A Redis of the session, emptied."""
    yield Harness(request.getfixturevalue("redis_url"))


@contextmanager
def kombu_redis(request: pytest.FixtureRequest, _directory: Path) -> Iterator[Harness]:
    """The same, through kombu."""
    yield Harness("kombu+" + request.getfixturevalue("redis_url"))


@contextmanager
def rabbitmq(request: pytest.FixtureRequest, _directory: Path) -> Iterator[Harness]:
    """A virtual host of the session's RabbitMQ."""
    yield Harness(request.getfixturevalue("rabbitmq_url"))


@contextmanager
def rabbitmq_with_priorities(request: pytest.FixtureRequest, _directory: Path) -> Iterator[Harness]:
    """The same, with queues that know priorities."""
    yield Harness(request.getfixturevalue("rabbitmq_url"), PRIORITIES)


@contextmanager
def rabbitmq_with_quorum_queues(request: pytest.FixtureRequest, _directory: Path) -> Iterator[Harness]:
    """The same, with queues that have replicas."""
    yield Harness(request.getfixturevalue("rabbitmq_url"), QUORUM)


@contextmanager
def rabbitmq_with_ladder(request: pytest.FixtureRequest, _directory: Path) -> Iterator[Harness]:
    """The same, where what is not due waits in the server."""
    yield Harness(request.getfixturevalue("rabbitmq_url"), DELAYED)


@contextmanager
def kombu_rabbitmq(request: pytest.FixtureRequest, _directory: Path) -> Iterator[Harness]:
    """The same, through kombu."""
    yield Harness("kombu+" + request.getfixturevalue("rabbitmq_url"), PRIORITIES)


@contextmanager
def kombu_memory(_request: pytest.FixtureRequest, _directory: Path) -> Iterator[Harness]:
    """Kombu's own queues in this process: what the adapter makes of a transport that it does not know."""
    yield Harness("kombu+memory://")


@contextmanager
def kombu_filesystem(_request: pytest.FixtureRequest, directory: Path) -> Iterator[Harness]:
    """A folder, whose messages are files."""
    yield Harness(f"filesystem://{directory}/spool")


@contextmanager
def kombu_sqlalchemy(_request: pytest.FixtureRequest, directory: Path) -> Iterator[Harness]:
    """Kombu's tables in a file of SQLite."""
    yield Harness(f"sqla+sqlite:///{directory}/kombu.db")
