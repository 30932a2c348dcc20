"""A Redis, transports to it, and what stands in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from understudy.transports.redis_broker import RedisTransport, connect

QUICK: dict[str, object] = {"patience": 3.0, "connect_timeout": 1.0, "reply_timeout": 1.0}
"""Options with which the tests need not wait for long."""

Connect = Callable[..., RedisTransport]


@pytest.fixture
def transports() -> Iterator[Connect]:
    """Return a function that connects; what it returns ends with the test."""
    made: list[RedisTransport] = []

    def start(url: str, **options: object) -> RedisTransport:
        made.append(connect(url, {**QUICK, **options}))
        return made[-1]

    yield start
    for transport in made:
        transport.close()


@pytest.fixture
def transport(transports: Connect, redis_url: str) -> RedisTransport:
    """A transport to an empty Redis."""
    return transports(redis_url)
