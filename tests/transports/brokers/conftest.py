"""The brokers that the adapter knows well; every test of this folder runs over both of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from tests.conftest import BreakConnections
from tests.support import FaultProxy, Server
from understudy.transports.api import Transport
from understudy.transports.registry import connect

QUICK: dict[str, object] = {"patience": 1.5, "connect_timeout": 1.0, "reply_timeout": 1.0, "heartbeat": 2.0}
"""Options with which the tests need not wait for long."""


@dataclass(frozen=True)
class Broker:
    """A real broker: its server, its address, and how to break the way there."""

    server: Server
    url: str
    breaks: BreakConnections
    opened: list[Transport]

    def transport(self, **options: object) -> Transport:
        """Return a transport that ends with the test."""
        self.opened.append(connect(self.url, **{**QUICK, **options}))
        return self.opened[-1]

    def through_proxy(self) -> tuple[Broker, FaultProxy]:
        """Return this broker with a proxy before it."""
        proxy = self.breaks(self.server.port)
        return replace(self, url=proxy.url(self.url)), proxy


@pytest.fixture(params=["kombu+redis", "redis", "kombu+rabbitmq", "rabbitmq"])
def broker(request: pytest.FixtureRequest, fault_proxy: BreakConnections) -> Iterator[Broker]:
    """A broker without any queues."""
    way, _, name = request.param.rpartition("+")
    url: str = f"{way}+" * bool(way) + request.getfixturevalue(f"{name}_url")
    server: Server = request.getfixturevalue(f"{name}_server")
    running = Broker(server, url, fault_proxy, [])
    yield running
    server.resume()
    for transport in running.opened:
        transport.close()


@pytest.fixture
def queue() -> str:
    """The name of a queue that nobody else uses."""
    return f"q{os.urandom(4).hex()}"


@pytest.fixture
def fresh() -> Callable[[], str]:
    """Return new task ids."""
    return lambda: os.urandom(8).hex()
