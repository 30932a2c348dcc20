"""Messages that are not due wait in the broker, and not in anybody's hands."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import wait_until
from tests.transports.conformance.messages import PATIENCE, publication, publish, settle, take, take_ids
from understudy.actors.errors import Timeout
from understudy.transports.message import Outcome, Verdict
from understudy.transports.redis_broker import RedisTransport

Fresh = Callable[[], str]


def test_a_message_that_is_not_due_is_held_by_nobody(transport: RedisTransport, server: Any, fresh: Fresh) -> None:
    publish(transport, *(publication(fresh(), "celery", eta=time.time() + 86_400) for _ in range(3)))

    with pytest.raises(Timeout):
        transport.intake(["celery"], "boot.1").fetch(1).get(timeout=0.5)

    assert (server.hlen("unacked"), server.llen("celery")) == (0, 0)
    assert server.zcard("understudy.delayed.celery") == 3


def test_what_waits_outlives_the_node_that_took_it(transport: RedisTransport, fresh: Fresh) -> None:
    one = fresh()
    publish(transport, publication(one, "celery", eta=time.time() + 2.0))
    first = transport.intake(["celery"], "boot.1")
    with pytest.raises(Timeout):
        first.fetch(1).get(timeout=0.2)
    first.close().get(timeout=PATIENCE)

    assert take_ids(transport.intake(["celery"], "other.1"), 1) == [one]


def test_a_node_that_has_no_room_sees_to_what_is_due_for_the_others(
    transport: RedisTransport, server: Any, fresh: Fresh
) -> None:
    one, first = fresh(), fresh()
    busy = transport.intake(["celery"], "busy.1")
    publish(transport, publication(one, "celery", eta=time.time() + 1.5), publication(first, "celery"))
    assert take_ids(busy, 1) == [first]

    wait_until(lambda: server.llen("celery") == 1, what="what is due among what waits")

    assert take_ids(transport.intake(["celery"], "idle.1"), 1) == [one]


def test_what_is_due_goes_to_the_list_of_its_priority(transport: RedisTransport, server: Any, fresh: Fresh) -> None:
    intake = transport.intake(["celery"], "boot.1")
    publish(transport, publication(fresh(), "celery", priority=6))
    (delivery,) = take(intake, 1)
    settle(intake, Outcome(delivery.tag, Verdict.REQUEUE, delay=60.0))
    (entry,) = server.zrange("understudy.delayed.celery", 0, 0)
    server.zadd("understudy.delayed.celery", {entry: 1.0})

    intake.close().get(timeout=PATIENCE)
    transport.intake(["celery"], "boot.2").fetch(1).get(timeout=PATIENCE)

    held = server.hvals("unacked")
    assert len(held) == 1
    assert b'"priority":6' in held[0]


def test_purge_counts_and_deletes_what_waits(transport: RedisTransport, server: Any, fresh: Fresh) -> None:
    publish(transport, publication(fresh(), "celery", eta=time.time() + 600))
    with pytest.raises(Timeout):
        transport.intake(["celery"], "boot.1").fetch(1).get(timeout=0.3)
    publish(transport, publication(fresh(), "other"))

    assert transport.purge("celery").get(timeout=PATIENCE) == 1
    assert not server.exists("understudy.delayed.celery")
