"""The connection that listens for what is pushed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import wait_until
from understudy.transports.redis_results.shelf import Shelf


@pytest.fixture
def shelf(redis_url: str) -> Iterator[Shelf]:
    """A shelf that tries its listening connection each time it is asked to."""
    made = Shelf(redis_url, connect_timeout=4.0, ping_every=-1.0)
    yield made
    made.close()


def listen(shelf: Shelf, count: int) -> list[tuple[str, str, bytes]]:
    heard: list[tuple[str, str, bytes]] = []
    wait_until(lambda: heard.extend(shelf.pushed()) or len(heard) >= count)
    return heard


def test_the_answer_to_a_ping_is_no_news(shelf: Shelf, server: Any) -> None:
    shelf.subscribe(["a"])

    shelf.tick()

    assert [kind for kind, _, _ in listen(shelf, 2)] == ["subscribe", "pong"]
    server.publish("a", "hello")
    assert listen(shelf, 1) == [("message", "a", b"hello")]


def test_a_ping_is_answered_also_where_nobody_waits_any_more(shelf: Shelf, server: Any) -> None:
    shelf.subscribe(["a"])
    shelf.unsubscribe(["a"])

    shelf.tick()
    shelf.subscribe(["b"])

    assert [kind for kind, _, _ in listen(shelf, 3)] == ["subscribe", "unsubscribe", "subscribe"]
    server.publish("b", "hello")
    assert listen(shelf, 1) == [("message", "b", b"hello")]
