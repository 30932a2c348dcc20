"""Results by message, by way of the master that Sentinel names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.support import RedisServer, wait_until
from understudy import App
from understudy.transports.errors import TransportError
from understudy.transports.message import Result
from understudy.transports.rpc_results import RpcOptions, RpcResults

from ..redis_broker.test_ways import Sentinel, two_servers
from ..redis_results.conftest import Fresh

PATIENCE = 10.0
MASTER: dict[str, Any] = {"master_name": "mymaster"}


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[RedisServer, str]]:
    """A master with a replica, and the address of the Sentinel that watches them."""
    with ExitStack() as running:
        master, _ = running.enter_context(two_servers(tmp_path))
        sentinel = running.enter_context(Sentinel(tmp_path / "sentinel", master.port))
        with redis.Redis(port=sentinel.port) as client:
            wait_until(lambda: client.sentinel_slaves("mymaster"), 20.0, what="the replica's discovery")
        yield master, f"sentinel://127.0.0.1:{sentinel.port}/0"


def reply(queue: str, task_id: str) -> Result:
    return Result(task_id, "SUCCESS", json.dumps({"status": "SUCCESS", "task_id": task_id}).encode(), None, queue)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_results_arrive_before_and_after_another_master_is_named(
    watched: tuple[RedisServer, str], fresh: Fresh
) -> None:
    master, url = watched
    queue = fresh()
    caller, node = (RpcResults(url, RpcOptions(**MASTER, patience=30.0)) for _ in range(2))
    caller.listen(queue).get(timeout=PATIENCE)
    before, after = caller.wait("before"), caller.wait("after")

    node.store([reply(queue, "before")]).get(timeout=PATIENCE)
    assert before.get(timeout=PATIENCE) == reply(queue, "before").payload
    master.kill()
    node.store([reply(queue, "after")]).get(timeout=40.0)

    assert after.get(timeout=40.0) == reply(queue, "after").payload
    caller.close()
    node.close()


def test_the_master_that_the_broker_has_is_the_one_that_replies_go_by() -> None:
    with App("proj", broker="sentinel://127.0.0.1:1/0", backend="rpc://", set_as_current=False) as app:
        app.conf.broker_transport_options = MASTER

        assert isinstance(app.results, RpcResults)


def test_sentinel_has_to_be_told_whose_master_is_meant() -> None:
    with pytest.raises(TransportError, match="master_name"):
        RpcResults("sentinel://127.0.0.1:26379")
