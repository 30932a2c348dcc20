"""What the tests of several transports need."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis


@pytest.fixture
def server(redis_url: str) -> Iterator[Any]:
    """The session's Redis, emptied, as redis-py sees it."""
    with redis.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def fresh() -> Callable[[], str]:
    """Return new ids."""
    return lambda: os.urandom(8).hex()
