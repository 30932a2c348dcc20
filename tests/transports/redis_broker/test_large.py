"""Large messages over a slow connection: what takes its time is not taken for dead, nor asked for twice."""

from __future__ import annotations

from tests.conftest import BreakConnections
from tests.support import RedisServer
from tests.transports.conformance.messages import PATIENCE, publication, publish, take
from understudy.transports.message import Publication

from .conftest import Connect

LARGE = 1 << 20
PIECE_TAKES = 0.1
"""Seconds: at this rate the message takes two seconds, and a reply may be silent for one."""


def large(task_id: str) -> Publication:
    small = publication(task_id, "celery")
    return Publication(task_id, "celery", small.head, b"x" * LARGE)


def test_a_message_may_take_longer_than_a_reply_may_be_silent(
    redis_server: RedisServer, redis_url: str, fault_proxy: BreakConnections, transports: Connect
) -> None:
    publish(transports(redis_url), large("waits"))
    proxy = fault_proxy(redis_server.port)
    intake = transports(proxy.url(redis_url)).intake(["celery"], "boot.1")
    assert intake.renew().get(timeout=PATIENCE)
    connections = proxy.connections
    proxy.delay(PIECE_TAKES)

    (delivery,) = take(intake, 1)

    assert len(delivery.body) == LARGE
    assert proxy.connections == connections
    proxy.heal()


def test_a_lease_is_renewed_while_a_large_message_is_under_way(
    redis_server: RedisServer, redis_url: str, fault_proxy: BreakConnections, transports: Connect
) -> None:
    publish(transports(redis_url), large("waits"))
    proxy = fault_proxy(redis_server.port)
    intake = transports(proxy.url(redis_url)).intake(["celery"], "boot.1")
    assert intake.renew().get(timeout=PATIENCE)
    proxy.delay(PIECE_TAKES)

    fetched, renewed = intake.fetch(1), 0
    while not fetched.done():
        assert intake.renew().get(timeout=PATIENCE)
        renewed += 1

    assert renewed > 1  # one that waited for the message would have been the only one
    proxy.heal()


def test_nobody_renews_who_has_not_entered(
    redis_server: RedisServer, redis_url: str, fault_proxy: BreakConnections, transports: Connect
) -> None:
    proxy = fault_proxy(redis_server.port)
    transport = transports(proxy.url(redis_url), patience=60.0)
    assert transport.lease_line.call("PING").get(timeout=PATIENCE) == b"PONG"  # this connection is there already
    proxy.delay(PIECE_TAKES)

    for boot in range(5):
        assert transport.intake(["celery"], f"boot{boot}.1").renew().get(timeout=PATIENCE)
    proxy.heal()
