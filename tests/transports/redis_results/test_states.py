"""States in Celery's keys, and waiting for them while connections come and go."""

from __future__ import annotations

import json
import time
import zlib
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.conftest import BreakConnections
from tests.support import RedisServer, free_port
from tests.support.forks import in_forked_child
from understudy.actors.errors import Timeout
from understudy.transports.errors import BrokerRefused, BrokerUnavailable
from understudy.transports.message import Result
from understudy.transports.redis_results import RedisResults

from .conftest import Fresh, Outbox

PATIENCE = 10.0


def meta(task_id: str, state: str) -> bytes:
    return json.dumps({"status": state, "result": None, "task_id": task_id}).encode()


def store(results: RedisResults, task_id: str, state: str, ttl: float | None = None) -> None:
    results.store([Result(task_id, state, meta(task_id, state), ttl)]).get(timeout=PATIENCE)


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "STARTED"])
def test_a_result_stands_in_celerys_key_and_is_pushed(
    results: RedisResults, server: Any, fresh: Fresh, state: str
) -> None:
    one = fresh()
    key = f"celery-task-meta-{one}"
    pushes = server.pubsub(ignore_subscribe_messages=True)
    pushes.subscribe(key)
    pushes.get_message(timeout=1)

    store(results, one, state, ttl=86_400)

    assert server.get(key) == meta(one, state)
    assert 86_300 < server.ttl(key) <= 86_400
    assert pushes.get_message(timeout=PATIENCE)["data"] == meta(one, state)
    pushes.close()


@pytest.mark.parametrize(("prefix", "begin"), [("shop", "shop_"), ("shop:", "shop:"), ("shop.", "shop."), ("", "")])
def test_keys_and_channels_begin_as_celery_has_them_begin(
    redis_url: str, outbox: Outbox, server: Any, fresh: Fresh, prefix: str, begin: str
) -> None:
    one, store_ = fresh(), RedisResults(redis_url, outbox, patience=2.0, prefix=prefix)
    waited = store_.wait(one, PATIENCE)

    store(store_, one, "SUCCESS", ttl=60)
    store_.save_group(one, b"members", 60).get(timeout=PATIENCE)

    assert waited.get(timeout=PATIENCE) == meta(one, "SUCCESS")
    assert server.get(f"{begin}celery-task-meta-{one}") == meta(one, "SUCCESS")
    assert server.get(f"{begin}celery-taskset-meta-{one}") == b"members"
    assert store_.restore_group(one).get(timeout=PATIENCE) == b"members"
    store_.close()


def test_waits_that_nobody_ends_are_over_in_time_one_after_the_other(results: RedisResults, fresh: Fresh) -> None:
    """Also where the thread that waits reads by itself: what else is due then comes after ten seconds."""
    one, began = fresh(), time.monotonic()

    for _ in range(4):
        with pytest.raises(Timeout):
            results.wait(one, 0.05).get()

    assert time.monotonic() - began < 8


def test_a_result_without_an_end_stays(results: RedisResults, server: Any, fresh: Fresh) -> None:
    one = fresh()

    store(results, one, "FAILURE")

    assert server.ttl(f"celery-task-meta-{one}") == -1


def test_what_celery_compressed_is_read(results: RedisResults, server: Any, fresh: Fresh) -> None:
    one = fresh()
    packed = b"\x00celery-compressed\x00application/x-gzip\x00" + zlib.compress(meta(one, "SUCCESS"))
    server.set(f"celery-task-meta-{one}", packed)

    assert results.get([one]).get(timeout=PATIENCE) == [meta(one, "SUCCESS")]
    assert results.wait(one).get(timeout=PATIENCE) == meta(one, "SUCCESS")


def test_a_wait_outlives_its_connection(
    redis_server: RedisServer,
    redis_url: str,
    outbox: Outbox,
    results: RedisResults,
    fresh: Fresh,
    fault_proxy: BreakConnections,
) -> None:
    proxy = fault_proxy(redis_server.port)
    shaky = RedisResults(proxy.url(redis_url), outbox)
    one, other = fresh(), fresh()
    waits = [shaky.wait(one), shaky.wait(other)]
    with pytest.raises(Timeout):
        waits[0].get(timeout=0.1)

    proxy.refuse()
    store(results, one, "SUCCESS")
    proxy.heal()

    assert waits[0].get(timeout=PATIENCE) == meta(one, "SUCCESS")
    store(results, other, "SUCCESS")
    assert waits[1].get(timeout=PATIENCE) == meta(other, "SUCCESS")
    shaky.close()


def test_a_wait_outlives_its_server(own_redis: RedisServer, outbox: Outbox, fresh: Fresh) -> None:
    results = RedisResults(own_redis.url, outbox, patience=PATIENCE)
    one = fresh()
    waiting = results.wait(one)
    with pytest.raises(Timeout):
        waiting.get(timeout=0.1)

    own_redis.kill()
    stored = results.store([Result(one, "SUCCESS", meta(one, "SUCCESS"))])
    own_redis.start()

    stored.get(timeout=PATIENCE)
    assert waiting.get(timeout=PATIENCE) == meta(one, "SUCCESS")
    results.close()


def test_a_store_that_is_down_is_a_clear_error_in_bounded_time(outbox: Outbox, fresh: Fresh) -> None:
    port = free_port()
    results = RedisResults(f"redis://me:secret@127.0.0.1:{port}/0", outbox, patience=0.5)
    started = time.monotonic()

    for waiting in (
        results.store([Result(fresh(), "SUCCESS", b"{}")]),
        results.get([fresh()]),
        results.wait(fresh()),
        results.wait(fresh(), 60.0),
    ):
        with pytest.raises(BrokerUnavailable, match=str(port)) as failure:
            waiting.get(timeout=PATIENCE)
        assert "secret" not in str(failure.value)

    assert time.monotonic() - started < 5
    results.close()


@pytest.mark.parametrize("change", [{"path": "/7777"}, {"netloc": "nobody:secret@"}], ids=["database", "credentials"])
def test_a_store_that_refuses_us_is_one_clear_error(
    redis_url: str, outbox: Outbox, fresh: Fresh, change: dict[str, str]
) -> None:
    parts = urlsplit(redis_url)
    if "netloc" in change:
        change = {"netloc": change["netloc"] + parts.netloc}
    results = RedisResults(parts._replace(**change).geturl(), outbox, patience=60.0)

    for waiting in (results.get([fresh()]), results.wait(fresh())):
        with pytest.raises(BrokerRefused) as failure:
            waiting.get(timeout=PATIENCE)
        assert "secret" not in str(failure.value)

    results.close()


def test_a_closed_store_lets_those_who_wait_go(redis_url: str, outbox: Outbox, fresh: Fresh) -> None:
    results = RedisResults(redis_url, outbox)
    waiting = results.wait(fresh())
    with pytest.raises(Timeout):
        waiting.get(timeout=0.05)

    results.close()

    for late in (waiting, results.wait(fresh()), results.get([fresh()])):
        with pytest.raises(BrokerUnavailable):
            late.get(timeout=PATIENCE)


def test_a_forked_child_stores_and_waits_by_itself(results: RedisResults, fresh: Fresh) -> None:
    one, childs = fresh(), fresh()
    waiting = results.wait(one)
    results.get([one]).get(timeout=PATIENCE)

    def use() -> None:
        store(results, childs, "SUCCESS")
        assert results.wait(childs).get(timeout=PATIENCE) == meta(childs, "SUCCESS")

    in_forked_child(use)

    store(results, one, "SUCCESS")
    assert waiting.get(timeout=PATIENCE) == meta(one, "SUCCESS")


def test_many_waits_share_two_connections(results: RedisResults, server: Any, fresh: Fresh) -> None:
    before = len(server.client_list())
    ids = [fresh() for _ in range(200)]
    waits = [results.wait(one) for one in ids]

    results.store([Result(one, "SUCCESS", meta(one, "SUCCESS")) for one in ids]).get(timeout=PATIENCE)

    assert [waiting.get(timeout=PATIENCE) for waiting in waits] == [meta(one, "SUCCESS") for one in ids]
    assert len(server.client_list()) <= before + 2
