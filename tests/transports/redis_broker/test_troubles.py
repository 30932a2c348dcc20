"""What a Redis says that cannot serve at present: a clear error or a wait, nothing lost, and nothing twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support import RedisServer, free_port, wait_until
from tests.transports.conformance.messages import (
    PATIENCE,
    acknowledge,
    publication,
    publish,
    settle,
    success,
    take,
    task_id,
)
from understudy.runtime.publishing import confirm
from understudy.runtime.publishing.confirm import RetryPolicy
from understudy.transports.errors import BrokerRefused, BrokerUnavailable, NotConfirmed
from understudy.transports.message import Outcome
from understudy.transports.redis_broker import RedisTransport

from .conftest import Connect

Fresh = Callable[[], str]
UNHURRIED: dict[str, object] = {"reply_timeout": PATIENCE, "connect_timeout": PATIENCE}
"""For servers that answer, on however busy a machine."""
Trouble = Callable[[RedisServer, Any], AbstractContextManager[None]]


@pytest.fixture
def client(own_redis: RedisServer) -> Iterator[Any]:
    made: Any = redis.Redis(port=own_redis.port, protocol=2)
    yield made
    made.close()


@contextmanager
def out_of_memory(_: RedisServer, client: Any) -> Iterator[None]:
    client.config_set("maxmemory", 1)
    yield
    client.config_set("maxmemory", 0)


@contextmanager
def disk_full(server: RedisServer, client: Any) -> Iterator[None]:
    """Have the server fail to save: a folder is in its way."""
    (server.directory / "dump.rdb" / "full").mkdir(parents=True)
    client.config_set("save", "3600 1")
    with suppress(redis.ResponseError):
        client.bgsave()
    wait_until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", what="a failure to save")
    yield
    client.config_set("stop-writes-on-bgsave-error", "no")


@contextmanager
def replica(_: RedisServer, client: Any) -> Iterator[None]:
    """Have the server follow a master that is not there."""
    client.replicaof("127.0.0.1", free_port())
    yield
    client.replicaof("NO", "ONE")


@contextmanager
def no_replicas(_: RedisServer, client: Any) -> Iterator[None]:
    client.config_set("min-replicas-to-write", 1)
    yield
    client.config_set("min-replicas-to-write", 0)


@contextmanager
def busy(server: RedisServer, client: Any) -> Iterator[None]:
    """Have the server run a script without end."""
    client.config_set("busy-reply-threshold", 10)
    other: Any = redis.Redis(port=server.port, protocol=2)
    running = threading.Thread(target=lambda: _killed(other))
    running.start()
    wait_until(lambda: _is_busy(client), what="a busy server")
    yield
    client.script_kill()
    running.join()
    other.close()


def _killed(client: Any) -> None:
    with suppress(redis.ResponseError):
        client.eval("while true do end", 0)


def _is_busy(client: Any) -> bool:
    try:
        client.ping()
    except redis.ResponseError as error:
        return str(error).startswith("BUSY")
    return False


REFUSING = [
    pytest.param(out_of_memory, "refuses: OOM .*maxmemory", id="out of memory"),
    pytest.param(disk_full, "refuses: MISCONF .*disk", id="disk full"),
]
PASSING = [
    pytest.param(replica, r"is not available: (READONLY )?You can't write", id="replica"),
    pytest.param(no_replicas, "is not available: NOREPLICAS", id="no replicas"),
    pytest.param(busy, "is not available: BUSY", id="busy"),
]


def size(transport: RedisTransport) -> int:
    return transport.size("celery").get(timeout=PATIENCE)


@pytest.mark.parametrize(("trouble", "said"), REFUSING)
def test_what_a_server_refuses_is_a_clear_error_and_not_there_in_part(
    trouble: Trouble, said: str, own_redis: RedisServer, client: Any, transports: Connect, fresh: Fresh
) -> None:
    transport = transports(own_redis.url, **UNHURRIED)
    first = publication(fresh(), "celery")
    publish(transport, first)
    many = [publication(fresh(), "celery") for _ in range(2500)]

    with trouble(own_redis, client):
        for some in (many[:1], many):
            with pytest.raises(BrokerRefused, match=said):
                confirm.publish(transport.publisher(), some, RetryPolicy())
        assert size(transport) == 1
    confirm.publish(transport.publisher(), many, RetryPolicy())

    assert size(transport) == 1 + len(many)


@pytest.mark.parametrize(("trouble", "said"), REFUSING)
def test_what_a_server_refuses_to_take_and_to_settle_is_done_later(
    trouble: Trouble, said: str, own_redis: RedisServer, client: Any, transports: Connect, fresh: Fresh
) -> None:
    transport, one = transports(own_redis.url, **UNHURRIED), fresh()
    publish(transport, publication(one, "celery"))
    intake = transport.intake(["celery"], "boot.1")
    (delivery,) = take(intake, 1)
    outcome = Outcome(delivery.tag, result=success(one))

    with trouble(own_redis, client):
        with pytest.raises(BrokerRefused, match=said):
            settle(intake, outcome)
        assert intake.holds([delivery.tag]).get(timeout=PATIENCE) == [True]

    assert settle(intake, outcome) == [True]
    assert transport.results().get([one]).get(timeout=PATIENCE) == [success(one).payload]


@pytest.mark.parametrize(("trouble", "said"), PASSING)
def test_a_server_that_cannot_serve_is_a_clear_error_in_bounded_time(
    trouble: Trouble, said: str, own_redis: RedisServer, client: Any, transports: Connect, fresh: Fresh
) -> None:
    transport = transports(own_redis.url, **UNHURRIED, patience=0.5)
    many = [publication(fresh(), "celery") for _ in range(2500)]
    publish(transport, publication(fresh(), "celery"))

    with trouble(own_redis, client):
        for _ in range(2):  # over the connection that was there, and over others
            with pytest.raises(BrokerUnavailable, match=said):
                transport.publisher().publish(many).get(timeout=PATIENCE)
        with pytest.raises(BrokerUnavailable, match=said):
            transport.results().store([success("one")]).get(timeout=2 * PATIENCE)

    assert size(transports(own_redis.url, **UNHURRIED)) == 1  # the other may yet rest for longer than its patience


@pytest.mark.parametrize(("trouble", "said"), PASSING)
def test_a_server_that_can_serve_again_is_given_everything_once(
    trouble: Trouble, said: str, own_redis: RedisServer, client: Any, transports: Connect, fresh: Fresh
) -> None:
    transport = transports(own_redis.url, **UNHURRIED, patience=60.0, lease=60.0)
    ids = [fresh() for _ in range(20)]
    publish(transport, *(publication(one, "celery") for one in ids))
    intake = transport.intake(["celery"], "boot.1")
    held = take(intake, 10)

    with trouble(own_redis, client):
        waiting = [
            transport.publisher().publish([publication(fresh(), "celery") for _ in range(1500)]),
            intake.settle([Outcome(one.tag) for one in held]),
            intake.renew(),
        ]
        wait_until(lambda: any(line._failure for line in (transport.line, transport.lease_line)), what="an error")

    for one in waiting:
        one.get(timeout=2 * PATIENCE)  # type: ignore[attr-defined]
    rest = take(intake, 10)
    assert sorted(map(task_id, [*held, *rest])) == sorted(ids)
    acknowledge(intake, rest)
    assert size(transport) == 1500


def test_a_pause_is_waited_for(own_redis: RedisServer, client: Any, transports: Connect, fresh: Fresh) -> None:
    transport = transports(own_redis.url, patience=0.2, reply_timeout=PATIENCE)
    publish(transport, publication(fresh(), "celery"))

    client.client_pause(1000, all=False)
    confirm.publish(transport.publisher(), [publication(fresh(), "celery")], RetryPolicy(patience=-0.4))

    assert size(transport) == 2


def test_a_server_that_does_not_answer_may_have_what_it_was_sent(
    own_redis: RedisServer, transports: Connect, fresh: Fresh
) -> None:
    transport = transports(own_redis.url, patience=0.2, reply_timeout=1.0)
    publish(transport, publication(fresh(), "celery"))

    with (
        own_redis.paused(),
        pytest.raises(NotConfirmed, match=r"sent to celery, and not confirmed: .*no reply within 1 s"),
    ):
        confirm.publish(transport.publisher(), [publication(fresh(), "celery")], RetryPolicy(patience=PATIENCE))

    assert size(transport) <= 2


class LoadsSlowly(RedisServer):
    """A Redis that takes a minute to start, unless it is told otherwise: it answers meanwhile."""

    def command(self, program: str) -> Sequence[str]:
        slowly = ("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
        return [*super().command(program), "--appendonly", "no", *slowly]


def test_a_server_that_is_loading_is_waited_for(tmp_path: Path, transports: Connect, fresh: Fresh) -> None:
    with LoadsSlowly(tmp_path / "redis") as server:
        transport = transports(server.url, **UNHURRIED, patience=60.0)
        impatient = transports(server.url, **UNHURRIED, patience=0.1)
        client: Any = redis.Redis(port=server.port, protocol=2)
        publish(transport, *(publication(fresh(), "celery") for _ in range(10)))
        client.mset({f"key{number}": "value" for number in range(60_000)})
        client.save()
        server.kill()
        starting = threading.Thread(target=server.start)
        starting.start()
        wait_until(lambda: server.execute("PING").startswith(b"-LOADING"), what="a server that is loading")

        with pytest.raises(BrokerUnavailable, match=r"is not available: .*loading"):
            publish(impatient, publication(fresh(), "celery"))
        waiting = transport.publisher().publish([publication(fresh(), "celery")])
        assert not waiting.done()
        assert server.execute("CONFIG SET key-load-delay 0") == b"+OK"
        waiting.get(timeout=2 * PATIENCE)

        starting.join()
        assert size(transport) == 11
        client.close()
        transport.close()
        impatient.close()
