"""Fixtures of every test: real servers, isolation, and the check that no process is left behind."""

from __future__ import annotations

import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .support import FaultProxy, MariaServer, PostgresServer, Program, RabbitMQServer, RedisServer
from .support.processes import adopt_orphans, nothing_left_behind

StartProgram = Callable[..., Program]
BreakConnections = Callable[[int], FaultProxy]

# How long an example takes says something of the machine alone.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    chaos = parser.getgroup("chaos")
    chaos.addoption("--chaos-rounds", type=int, default=17, help="rounds of three kills each (default: 17)")
    chaos.addoption("--chaos-seed", type=int, default=0, help="seed of the first round (default: 0)")


def pytest_configure() -> None:
    adopt_orphans()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in a shell's background, where programs inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def runtime_directory(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give each test a directory of its own for sockets, so that it sees no node of another test, nor of this machine.

    It has a short name: those of sockets have about a hundred bytes.
    """
    made = Path(tempfile.mkdtemp(prefix="us"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(made))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(autouse=True)
def no_process_left_behind(runtime_directory: Path) -> Iterator[None]:
    """Fail a test whose processes outlive it."""
    with nothing_left_behind():
        yield


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a data directory of its own, so that apps without a broker share nothing."""
    home = tmp_path / "understudy-home"
    monkeypatch.setenv("UNDERSTUDY_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """Run one Redis for the whole session; take `redis_url` to share it, `own_redis` to break it."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """The address of an empty Redis."""
    redis_server.resume()
    redis_server.start()
    redis_server.flush()
    return redis_server.url


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis for one test, which may kill, pause and restart it; it starts in a tenth of a second."""
    with RedisServer(tmp_path / "redis") as server:
        yield server


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQServer]:
    """A RabbitMQ for the whole session (it takes seconds to start); a test that breaks it starts it again."""
    with RabbitMQServer(tmp_path_factory.mktemp("rabbitmq")) as server:
        yield server


@pytest.fixture(scope="session")
def vhost_names() -> Iterator[str]:
    """Names of virtual hosts, none of them given out twice."""
    return (f"test{number}" for number in count())


@pytest.fixture
def rabbitmq_url(rabbitmq_server: RabbitMQServer, vhost_names: Iterator[str]) -> Iterator[str]:
    """The address of an empty virtual host."""
    rabbitmq_server.resume()
    rabbitmq_server.start()
    name = next(vhost_names)
    yield rabbitmq_server.create_vhost(name)
    rabbitmq_server.resume()
    rabbitmq_server.start()
    rabbitmq_server.delete_vhost(name)


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL for the whole session (it starts in a second); a test that breaks it starts it again."""
    with PostgresServer(tmp_path_factory.mktemp("postgresql")) as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: PostgresServer) -> str:
    """SQLAlchemy's URL of a database that all tests share."""
    postgresql_server.resume()
    postgresql_server.start()
    return postgresql_server.url


@pytest.fixture(scope="session")
def mysql_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MariaServer]:
    """A MariaDB for the whole session (it starts in a second); a test that breaks it starts it again."""
    with MariaServer(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture
def mysql_url(mysql_server: MariaServer) -> str:
    """SQLAlchemy's URL of a database that all tests share."""
    mysql_server.resume()
    mysql_server.start()
    return mysql_server.url


@pytest.fixture
def fault_proxy() -> Iterator[BreakConnections]:
    """Return a function that puts a `FaultProxy` before a port: `fault_proxy(server.port)`."""
    proxies: list[FaultProxy] = []

    def start(upstream: int) -> FaultProxy:
        proxies.append(FaultProxy(upstream).__enter__())
        return proxies[-1]

    yield start
    for proxy in proxies:
        proxy.__exit__()


@pytest.fixture
def program(tmp_path: Path) -> Iterator[StartProgram]:
    """Return a function that starts a `Program` in this test's directory; all of them end with the test."""
    programs: list[Program] = []

    def start(arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Program:
        programs.append(Program(arguments, tmp_path, environment))
        return programs[-1]

    yield start
    for one in programs:
        one.close()
