"""A thread that waits for a pushed result reads it by itself; everything else goes on meanwhile."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import Any

import pytest

from tests.support import wait_until
from tests.support.forks import in_forked_child
from understudy.actors.completion import Completion
from understudy.actors.errors import Timeout
from understudy.transports.errors import BrokerUnavailable
from understudy.transports.message import Result
from understudy.transports.redis_results import RedisResults
from understudy.transports.rpc_results import RpcResults

from .redis_results.conftest import Fresh, Outbox

PATIENCE = 10.0


@dataclass
class Side:
    """A store whose results are waited for, and another one by which they are stored."""

    waits: Any
    stores: Any
    queue: str | None

    def store(self, task_id: str) -> None:
        payload = json.dumps({"status": "SUCCESS", "result": 1, "task_id": task_id}).encode()
        self.stores.store([Result(task_id, "SUCCESS", payload, None, self.queue)]).get(timeout=PATIENCE)


@pytest.fixture(params=["redis", "rpc over redis", "rpc over rabbitmq"])
def side(request: pytest.FixtureRequest, fresh: Fresh) -> Iterator[Side]:
    url: str = request.getfixturevalue("rabbitmq_url" if "rabbitmq" in request.param else "redis_url")
    queue = f"replies-{fresh()}" if "rpc" in request.param else None
    made: list[Any] = [RpcResults(url) if queue else RedisResults(url, Outbox()) for _ in range(2)]
    if queue:
        made[0].listen(queue).get(timeout=PATIENCE)
    side = Side(made[0], made[1], queue)
    side.store("warm")
    assert side.waits.wait("warm").get(timeout=PATIENCE)
    yield side
    for store in made:
        store.close()


class Waiter(threading.Thread):
    """Waits for a result on a thread of its own; `reads` once it does the lane's work there."""

    def __init__(self, side: Side, task_id: str, timeout: float = 60) -> None:
        super().__init__(daemon=True)
        self._side = side
        self._task_id = task_id
        self._timeout = timeout
        self.reads = threading.Event()
        self.outcome: Any = None
        rest = side.waits.lane.rest

        def seen(seconds: float) -> bool:
            if threading.current_thread() is self:
                self.reads.set()
            return bool(rest(seconds))

        side.waits.lane.rest = seen

    def run(self) -> None:
        try:
            self.outcome = self._side.waits.wait(self._task_id).get(timeout=self._timeout)
        except Exception as error:  # noqa: BLE001 - it is the outcome
            self.outcome = error

    def begin(self) -> Waiter:
        """Start, and have it read."""
        self.start()
        assert self.reads.wait(PATIENCE)
        return self


def test_whoever_waits_reads(side: Side, fresh: Fresh) -> None:
    one = fresh()
    waiter = Waiter(side, one).begin()

    side.store(one)
    waiter.join(PATIENCE)

    assert json.loads(waiter.outcome)["task_id"] == one


def test_others_use_the_store_while_somebody_reads(side: Side, fresh: Fresh) -> None:
    one, other = fresh(), fresh()
    waiter = Waiter(side, one).begin()

    assert side.waits.get([other]).get(timeout=PATIENCE) == [None]
    side.store(other)

    assert side.waits.wait(other).get(timeout=PATIENCE)
    assert waiter.is_alive()
    side.store(one)
    waiter.join(PATIENCE)
    assert json.loads(waiter.outcome)["task_id"] == one


def test_those_who_only_left_a_callback_hear_of_theirs_from_whoever_reads_and_afterwards(
    side: Side, fresh: Fresh
) -> None:
    one, soon, late = fresh(), fresh(), fresh()
    heard = {soon: threading.Event(), late: threading.Event()}
    for task_id, event in heard.items():
        awaited: Completion[bytes] = side.waits.wait(task_id)
        awaited.add_done_callback(lambda _, event=event: event.set())
    side.waits.get([one]).get(timeout=PATIENCE)
    waiter = Waiter(side, one).begin()

    side.store(soon)
    assert heard[soon].wait(PATIENCE)
    side.store(one)
    waiter.join(PATIENCE)

    assert json.loads(waiter.outcome)["task_id"] == one
    side.store(late)
    assert heard[late].wait(PATIENCE)


def test_whoever_reads_stops_when_its_time_is_up(side: Side, fresh: Fresh) -> None:
    one = fresh()
    waiter = Waiter(side, one, timeout=0.2).begin()
    waiter.join(PATIENCE)

    assert isinstance(waiter.outcome, Timeout)
    side.store(one)
    assert side.waits.wait(one).get(timeout=PATIENCE)


def test_closing_ends_whoever_reads(side: Side, fresh: Fresh) -> None:
    waiter = Waiter(side, fresh()).begin()

    side.waits.close()
    waiter.join(PATIENCE)

    assert isinstance(waiter.outcome, BrokerUnavailable)


def test_whoever_reads_may_close_the_store(side: Side, fresh: Fresh) -> None:
    one, closed = fresh(), threading.Event()
    awaited: Completion[bytes] = side.waits.wait(one)
    awaited.add_done_callback(lambda _: side.waits.close())
    awaited.add_done_callback(lambda _: closed.set())
    side.waits.get([one]).get(timeout=PATIENCE)
    waiter = Waiter(side, one).begin()

    side.store(one)

    assert closed.wait(PATIENCE)
    waiter.join(PATIENCE)
    assert json.loads(waiter.outcome)["task_id"] == one


class Rang(Exception):
    """What a signal of this test raises."""


def test_an_interrupted_wait_leaves_the_store_as_it_was(side: Side, fresh: Fresh) -> None:
    def ring(_: int, __: FrameType | None) -> None:
        raise Rang

    before: Callable[..., Any] | int | None = signal.signal(signal.SIGALRM, ring)
    try:
        for _ in range(5):
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            with pytest.raises(Rang):
                side.waits.wait(fresh()).get(timeout=PATIENCE)
    finally:
        signal.signal(signal.SIGALRM, before)

    one = fresh()
    side.store(one)
    assert side.waits.wait(one).get(timeout=PATIENCE)


def test_a_child_forked_while_somebody_reads_has_a_lane_of_its_own(side: Side, fresh: Fresh) -> None:
    one = fresh()
    waiter = Waiter(side, one).begin()

    in_forked_child(lambda: side.waits.get([one]).get(timeout=PATIENCE))

    side.store(one)
    waiter.join(PATIENCE)
    assert json.loads(waiter.outcome)["task_id"] == one


def test_a_result_that_nobody_looks_at_is_not_asked_for(redis_url: str, server: Any, fresh: Fresh) -> None:
    results = RedisResults(redis_url, Outbox())
    one = fresh()
    channel = f"celery-task-meta-{one}"

    awaited = results.wait(one, 60)
    results.get([one]).get(timeout=PATIENCE)
    assert server.pubsub_numsub(channel) == [(channel.encode(), 0)]

    assert not awaited.done()
    wait_until(lambda: server.pubsub_numsub(channel) == [(channel.encode(), 1)], PATIENCE)
    results.close()


def test_subscriptions_that_nobody_needs_any_more_are_few(redis_url: str, server: Any, fresh: Fresh) -> None:
    results = RedisResults(redis_url, Outbox())
    side = Side(results, results, None)
    ids = [fresh() for _ in range(300)]
    for one in ids:
        side.store(one)
        assert results.wait(one).get(timeout=PATIENCE)

    left = [channel for channel in server.pubsub_channels("celery-task-meta-*") if channel.decode()[17:] in ids]
    assert len(left) <= 64
    results.close()
