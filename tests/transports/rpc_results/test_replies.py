"""Results that go to their callers by message."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support import RabbitMQServer, RedisServer, Server, free_port, wait_until
from tests.support.forks import in_forked_child
from understudy.actors.errors import Timeout
from understudy.transports.chords import Chords, chords_of
from understudy.transports.errors import BrokerRefused, BrokerUnavailable, UnsupportedByTransport
from understudy.transports.message import Result
from understudy.transports.rpc_results import RpcOptions, RpcResults

from ..redis_results.conftest import Fresh

PATIENCE = 10.0
Open = Callable[..., RpcResults]


def payload(task_id: str, state: str = "SUCCESS", value: object = 1) -> bytes:
    return json.dumps({"status": state, "result": value, "task_id": task_id}).encode()


def reply(queue: str | None, task_id: str, state: str = "SUCCESS", value: object = 1) -> Result:
    return Result(task_id, state, payload(task_id, state, value), None, queue)


@pytest.fixture(params=["redis", "rabbitmq"])
def server(request: pytest.FixtureRequest) -> Server:
    """Each broker in turn; the tests that come later find it running."""
    running: Server = request.getfixturevalue(f"{request.param}_server")
    request.getfixturevalue(f"{request.param}_url")
    return running


@pytest.fixture
def open_results(server: Server) -> Iterator[Open]:
    opened: list[RpcResults] = []

    def start(url: str = server.url, **options: Any) -> RpcResults:
        opened.append(RpcResults(url, RpcOptions(**{"patience": PATIENCE, **options})))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def queue(fresh: Fresh) -> str:
    return f"replies-{fresh()}"


@pytest.fixture
def caller(open_results: Open, queue: str) -> RpcResults:
    """A process that reads `queue`."""
    results = open_results()
    results.listen(queue).get(timeout=PATIENCE)
    return results


def test_a_result_is_pushed_to_its_caller_and_kept(caller: RpcResults, open_results: Open, queue: str) -> None:
    waiting = [caller.wait("one", 60), caller.wait("one", 60)]

    open_results().store([reply(queue, "one", "STARTED"), reply(queue, "one")]).get(timeout=PATIENCE)

    assert [one.get(timeout=PATIENCE) for one in waiting] == [payload("one")] * 2
    assert caller.wait("one").get(timeout=PATIENCE) == payload("one")
    assert caller.get(["nobody", "one"]).get(timeout=PATIENCE) == [None, payload("one")]


def test_states_on_the_way_are_seen_and_the_success_stays(caller: RpcResults, open_results: Open, queue: str) -> None:
    node = open_results()
    for state in ("STARTED", "RETRY", "SUCCESS"):
        node.store([reply(queue, "one", state)]).get(timeout=PATIENCE)
        wait_until(lambda: caller.get(["one"]).get(timeout=PATIENCE) == [payload("one", state)], PATIENCE)  # noqa: B023

    node.store([reply(queue, "one", "FAILURE"), reply(queue, "last")]).get(timeout=PATIENCE)
    caller.wait("last", 60).get(timeout=PATIENCE)

    assert caller.get(["one"]).get(timeout=PATIENCE) == [payload("one")]


def test_a_batch_arrives_whole(caller: RpcResults, open_results: Open, queue: str) -> None:
    ids = [f"task-{number}" for number in range(1500)]
    waiting = [caller.wait(one, 60) for one in ids]

    open_results().store([reply(queue, one) for one in ids]).get(timeout=PATIENCE)

    assert [one.get(timeout=PATIENCE) for one in waiting] == list(map(payload, ids))


def test_what_nobody_asked_for_or_nobody_reads_is_dropped(open_results: Open, caller: RpcResults, queue: str) -> None:
    node = open_results()

    node.store([reply(None, "one"), reply("nobodys-queue", "two"), reply(queue, "three")]).get(timeout=PATIENCE)

    assert caller.wait("three", 60).get(timeout=PATIENCE) == payload("three")
    assert caller.get(["one", "two"]).get(timeout=PATIENCE) == [None, None]


def test_a_wait_ends_when_its_time_is_up(caller: RpcResults) -> None:
    with pytest.raises(Timeout):
        caller.wait("one", 0.2).get(timeout=PATIENCE)


def test_a_forgotten_result_is_gone(caller: RpcResults, open_results: Open, queue: str) -> None:
    open_results().store([reply(queue, "one")]).get(timeout=PATIENCE)
    caller.wait("one", 60).get(timeout=PATIENCE)

    caller.forget(["one"]).get(timeout=PATIENCE)

    assert caller.get(["one"]).get(timeout=PATIENCE) == [None]


def test_only_so_many_results_are_kept(open_results: Open, queue: str) -> None:
    caller = open_results(kept=10)
    caller.listen(queue).get(timeout=PATIENCE)
    ids = [f"task-{number}" for number in range(30)]

    open_results().store([reply(queue, one) for one in ids]).get(timeout=PATIENCE)
    caller.wait(ids[-1], 60).get(timeout=PATIENCE)

    assert [one is not None for one in caller.get(ids).get(timeout=PATIENCE)] == [False] * 20 + [True] * 10


def test_callers_and_nodes_outlive_a_restart_of_the_broker(
    server: Server, caller: RpcResults, open_results: Open, queue: str
) -> None:
    node = open_results()
    node.store([reply(queue, "before")]).get(timeout=PATIENCE)
    caller.wait("before", 60).get(timeout=PATIENCE)
    waiting = caller.wait("after", 60)
    if isinstance(server, RabbitMQServer):
        server.close_connections()  # a restart takes it seconds
    else:
        server.restart()

    node.store([reply(queue, "after")]).get(timeout=PATIENCE)

    assert waiting.get(timeout=PATIENCE) == payload("after")


def test_a_forked_child_has_replies_of_its_own(caller: RpcResults, open_results: Open, queue: str) -> None:
    node = open_results()
    childs = f"{queue}-child"

    def use() -> None:
        caller.listen(childs).get(timeout=PATIENCE)
        node.store([reply(childs, "childs")]).get(timeout=PATIENCE)
        assert caller.wait("childs", 60).get(timeout=PATIENCE) == payload("childs")
        caller.close()
        node.close()

    in_forked_child(use)

    node.store([reply(queue, "parents")]).get(timeout=PATIENCE)
    assert caller.wait("parents", 60).get(timeout=PATIENCE) == payload("parents")
    assert caller.get(["childs"]).get(timeout=PATIENCE) == [None]


def test_a_quiet_connection_stays_up_by_its_heartbeats(
    rabbitmq_url: str, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    results = RpcResults(rabbitmq_url, RpcOptions(heartbeat=1.0))
    results.listen(queue).get(timeout=PATIENCE)

    with pytest.raises(Timeout, match=r"within 3 s"):
        results.wait("one", 3.0).get(timeout=PATIENCE / 2)

    results.store([reply(queue, "two")]).get(timeout=PATIENCE)
    assert results.wait("two", 60).get(timeout=PATIENCE) == payload("two")
    assert "not available" not in caplog.text
    results.close()


@pytest.mark.parametrize("scheme", ["amqp", "redis"])
def test_a_broker_that_is_not_there_is_an_error_in_bounded_time(scheme: str, caplog: pytest.LogCaptureFixture) -> None:
    results = RpcResults(f"{scheme}://me:s3cr3t@127.0.0.1:{free_port()}/", RpcOptions(patience=0.5))
    started = time.monotonic()

    with pytest.raises(BrokerUnavailable, match=f"{scheme}://me:\\*\\*@127.0.0.1") as lost:
        results.listen("queue").get(timeout=PATIENCE)

    assert time.monotonic() - started < PATIENCE / 2
    assert "s3cr3t" not in str(lost.value) + caplog.text
    results.close()


def test_a_broker_that_refuses_is_an_error_at_once(rabbitmq_server: RabbitMQServer, rabbitmq_url: str) -> None:
    results = RpcResults(f"amqp://guest:wr0ng-w0rd@127.0.0.1:{rabbitmq_server.port}/")

    with pytest.raises(BrokerRefused, match="ACCESS_REFUSED") as refused:
        results.listen("queue").get(timeout=PATIENCE)

    assert "wr0ng-w0rd" not in str(refused.value)
    results.close()


def test_queues_go_with_their_callers(
    rabbitmq_server: RabbitMQServer, rabbitmq_url: str, redis_server: RedisServer, redis_url: str, queue: str
) -> None:
    vhost = rabbitmq_url.rpartition("/")[2]
    by_amqp, by_redis = RpcResults(rabbitmq_url), RpcResults(redis_url)
    for one in (by_amqp, by_redis):
        one.listen(queue).get(timeout=PATIENCE)
    (declared,) = rabbitmq_server.manage("GET", f"queues/{vhost}")
    assert (declared["durable"], declared["arguments"]) == (True, {"x-expires": 1_800_000})

    by_redis.store([reply("gone", "one")]).get(timeout=PATIENCE)
    by_amqp.close()
    by_redis.close()

    assert rabbitmq_server.manage("GET", f"queues/{vhost}") == []
    assert int(redis_server.execute("PTTL gone").lstrip(b":")) > 0
    assert redis_server.execute("DBSIZE") == b":1"


def test_there_are_no_groups_and_no_chords(redis_url: str) -> None:
    results = RpcResults(redis_url)

    assert chords_of(results) is Chords.NONE
    for refused in (results.save_group("g", b"{}", 1), results.restore_group("g"), results.set_chord_size("g", 1)):
        with pytest.raises(UnsupportedByTransport):
            refused.get(timeout=PATIENCE)
    results.close()


def test_a_broker_that_carries_no_replies_is_an_error_at_once() -> None:
    with pytest.raises(UnsupportedByTransport, match="it takes amqp://, redis:// or sentinel://"):
        RpcResults("sqlite:///somewhere.db")
