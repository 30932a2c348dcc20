"""Ways to a server: a socket, a password, Sentinel, one of several; and servers that will not do."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support import RedisServer, free_port, wait_until
from tests.transports.conformance.messages import PATIENCE, publication, publish, success, take_ids
from understudy.transports.errors import BrokerRefused, BrokerUnavailable, TransportError
from understudy.transports.redis_broker import RedisTransport
from understudy.transports.redis_broker.address import Address
from understudy.transports.redis_broker.options import RedisOptions

from .conftest import Connect

Fresh = Callable[[], str]


class Optioned(RedisServer):
    """A Redis with further options."""

    def __init__(self, directory: Path, *options: str) -> None:
        super().__init__(directory)
        self.options = options

    def command(self, program: str) -> Sequence[str]:
        return [*super().command(program), *self.options]


class Secret(Optioned):
    """A Redis that wants a password."""

    def ready(self) -> bool:
        return self.execute("PING").startswith(b"-NOAUTH")


class Sentinel(RedisServer):
    """A Sentinel that watches one master, and elects another by itself."""

    def __init__(self, directory: Path, master: int) -> None:
        super().__init__(directory)
        self.master = master

    def command(self, program: str) -> Sequence[str]:
        file = self.directory / "sentinel.conf"
        file.write_text(
            f"port {self.port}\nbind 127.0.0.1\nset-proc-title no\n"
            f"sentinel monitor mymaster 127.0.0.1 {self.master} 1\n"
            "sentinel down-after-milliseconds mymaster 500\nsentinel failover-timeout mymaster 2000\n"
        )
        return [program, str(file), "--sentinel"]


def passes(transport: RedisTransport, one: str) -> None:
    """Have a message pass, and a result."""
    publish(transport, publication(one, "celery"))
    intake = transport.intake(["celery"], f"{one}.1")
    assert take_ids(intake, 1) == [one]
    waiting = transport.results().wait(one)
    transport.results().store([success(one)]).get(timeout=PATIENCE)
    assert waiting.get(timeout=PATIENCE) == success(one).payload
    intake.close().get(timeout=PATIENCE)


def has_all(master: RedisServer) -> None:
    """Wait until a replica has everything that its master was told before: a master that dies keeps the rest."""
    with redis.Redis.from_url(master.url) as client:
        client.set("the-last-of-all", 1)
        assert client.wait(1, int(PATIENCE * 1000)) == 1


def test_a_unix_socket_leads_there(transports: Connect, tmp_path: Path, fresh: Fresh) -> None:
    path = tmp_path / "redis.sock"
    with Optioned(tmp_path / "redis", "--unixsocket", str(path)) as server:
        passes(transports(f"redis+socket://{path}?virtual_host=3"), fresh())

        with redis.Redis(port=server.port, db=3) as client:
            assert client.exists("_kombu.binding.celery")


def test_a_password_lets_in_and_is_never_told(transports: Connect, tmp_path: Path, fresh: Fresh) -> None:
    with Secret(tmp_path / "redis", "--requirepass", "s3cret/pass") as server:
        address = f"127.0.0.1:{server.port}/0"
        passes(transports(f"redis://:s3cret%2Fpass@{address}"), fresh())

        wrong = transports(f"redis://:another@{address}")
        with pytest.raises(BrokerRefused, match="refuses") as failure:
            publish(wrong, publication(fresh(), "celery"))
        assert "another" not in str(failure.value)


def test_the_next_of_several_addresses_is_taken_where_one_is_down(
    transports: Connect, redis_url: str, fresh: Fresh
) -> None:
    transport = transports(f"redis://127.0.0.1:{free_port()}/0;{redis_url}")

    publish(transport, publication(fresh(), "celery"), publication(fresh(), "celery"))

    assert transport.size("celery").get(timeout=PATIENCE) == 2


def test_a_cluster_is_refused_by_name(transports: Connect, tmp_path: Path, fresh: Fresh) -> None:
    bus = str(free_port())  # else it takes one 10,000 above its own, where the kernel may have given that away
    options = ("--cluster-enabled", "yes", "--cluster-port", bus, "--appendonly", "no")
    with Optioned(tmp_path / "redis", *options) as server:
        transport = transports(server.url)

        with pytest.raises(BrokerRefused, match="Redis Cluster"):
            publish(transport, publication(fresh(), "celery"))


def test_sentinel_has_to_be_told_whose_master_is_meant(transports: Connect) -> None:
    with pytest.raises(TransportError, match="master_name"):
        transports("sentinel://127.0.0.1:26379")


@contextlib.contextmanager
def two_servers(directory: Path) -> Iterator[tuple[RedisServer, RedisServer]]:
    """Run a master and its replica."""
    with contextlib.ExitStack() as running:
        at_once = ("--repl-diskless-sync-delay", "0")  # else a master waits 5 s for further replicas
        master = running.enter_context(Optioned(directory / "one", *at_once))
        replica = running.enter_context(Optioned(directory / "two", "--replicaof", f"127.0.0.1 {master.port}"))
        wait_until(lambda: info(replica).get("master_link_status") == "up", 20.0, what="replication")
        yield master, replica


def info(server: RedisServer) -> dict[str, Any]:
    """Return what a server says of replication."""
    with redis.Redis(port=server.port) as client:
        return dict(client.info("replication"))  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_work_goes_on_where_sentinel_names_another_master(transports: Connect, tmp_path: Path, fresh: Fresh) -> None:
    with two_servers(tmp_path) as (master, replica), Sentinel(tmp_path / "sentinel", master.port) as sentinel:
        with redis.Redis(port=sentinel.port) as client:
            wait_until(lambda: client.sentinel_slaves("mymaster"), 20.0, what="the replica's discovery")
        transport = transports(f"sentinel://127.0.0.1:{sentinel.port}/0", master_name="mymaster", patience=30.0)
        passes(transport, fresh())
        has_all(master)

        master.kill()

        transport.publisher().publish([publication(fresh(), "celery")]).get(timeout=30.0)
        assert info(replica)["role"] == "master"
        assert transport.size("celery").get(timeout=PATIENCE) == 2  # what the first intake gave back, too


def test_a_server_that_has_become_a_replica_is_unavailable(transports: Connect, tmp_path: Path, fresh: Fresh) -> None:
    with two_servers(tmp_path) as (_, replica):
        transport = transports(replica.url, patience=0.5)

        with pytest.raises(BrokerUnavailable, match="READONLY"):
            publish(transport, publication(fresh(), "celery"))


def test_a_connection_may_break_any_number_of_times(redis_url: str) -> None:
    address = Address(redis_url, RedisOptions())

    for _ in range(200):  # redis-py stops at a hundred unless it is told not to
        address.dial([("PING",)]).close()
