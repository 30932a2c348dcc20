"""Several addresses of a broker: whoever loses one goes on with the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import BreakConnections, StartProgram
from tests.support import FaultProxy, RabbitMQServer, RedisServer, free_port, wait_until
from tests.transports.conformance.messages import PATIENCE, acknowledge, publication, publish, take, task_id
from tests.transports.sites import open_site
from understudy import App
from understudy.transports.api import Transport
from understudy.transports.errors import BrokerUnavailable
from understudy.transports.registry import connect

from .conftest import QUICK, Broker

Fresh = Callable[[], str]


@pytest.fixture
def ways(broker: Broker, fault_proxy: BreakConnections) -> list[tuple[str, FaultProxy]]:
    """Two ways to one broker, each of which can be broken by itself."""
    proxies = [fault_proxy(broker.server.port) for _ in range(2)]
    return [(proxy.url(broker.url), proxy) for proxy in proxies]


@pytest.fixture
def transports() -> Iterator[list[Transport]]:
    """What a test opens."""
    opened: list[Transport] = []
    yield opened
    for one in opened:
        one.close()


@pytest.mark.parametrize("strategy", ["round-robin", "shuffle"])
def test_whoever_loses_one_address_goes_on_with_the_other(
    ways: list[tuple[str, FaultProxy]], transports: list[Transport], queue: str, fresh: Fresh, strategy: str
) -> None:
    transports.append(
        connect(";".join(url for url, _ in ways), **QUICK | {"patience": 8.0}, failover_strategy=strategy)
    )
    transport, ids = transports[0], [fresh() for _ in range(4)]
    publish(transport, publication(ids[0], queue))
    intake = transport.intake([queue], "boot.1")
    acknowledge(intake, take(intake, 1))

    for broken, healed, one in ((0, 1, ids[1]), (1, 0, ids[2]), (0, 1, ids[3])):
        ways[healed][1].heal()
        ways[broken][1].refuse()
        publish(transport, publication(one, queue))
        (delivery,) = take(intake, 1)
        assert task_id(delivery) == one
        acknowledge(intake, [delivery])


def test_an_address_that_is_down_is_passed_over(broker: Broker, queue: str, fresh: Fresh) -> None:
    scheme = broker.url.partition("://")[0]
    path = broker.url.rpartition("/")[2]
    down = f"{scheme}://guest:secret@127.0.0.1:{free_port()}/{path}"
    opened = connect(f"{down};{broker.url}", **QUICK)
    try:
        publish(opened, publication(fresh(), queue))
        assert opened.size(queue).get(timeout=PATIENCE) == 1
    finally:
        opened.close()


def test_when_all_are_down_it_is_an_error_in_bounded_time(fresh: Fresh, queue: str) -> None:
    for scheme in ("amqp", "redis"):
        url = ";".join(f"{scheme}://me:secret@127.0.0.1:{free_port()}" for _ in range(2))
        opened = connect(url, **QUICK)
        began = time.monotonic()
        with pytest.raises(BrokerUnavailable) as failure:
            publish(opened, publication(fresh(), queue))
        assert "secret" not in str(failure.value)
        assert time.monotonic() - began < 6
        opened.close()


def test_an_app_takes_a_list_of_urls(redis_url: str, queue: str, fresh: Fresh) -> None:
    urls = [f"redis://127.0.0.1:{free_port()}/0", redis_url]
    with App("proj", broker=urls, broker_failover_strategy="round-robin", set_as_current=False) as app:
        app.transport.publisher().publish([publication(fresh(), queue)]).get(timeout=PATIENCE)
        assert app.transport.size(queue).get(timeout=PATIENCE) == 1


@pytest.mark.timeout(60)
def test_a_node_and_its_clients_survive_the_death_of_the_first_server(
    tmp_path: Path, program: StartProgram, redis_url: str
) -> None:
    with RedisServer(tmp_path / "first") as first:
        urls = f"{first.url};{redis_url}"
        with open_site(tmp_path, program, urls) as site:
            site.node()
            site.send("proj.quick", "before")
            wait_until(lambda: len(site.done()) == 1, what="a task by the first server")

            first.kill()
            site.send("proj.quick", "after")

            wait_until(lambda: len(site.done()) == 2, what="a task by the second server")


@pytest.mark.timeout(120)
def test_a_node_and_its_clients_survive_the_death_of_the_first_rabbitmq(
    tmp_path: Path, program: StartProgram, rabbitmq_server: RabbitMQServer
) -> None:
    first = RabbitMQServer(tmp_path / "first")
    with first, open_site(tmp_path, program, f"{first.url};{rabbitmq_server.url}") as site:
        site.node()
        site.send("proj.quick", "before")
        wait_until(lambda: len(site.done()) == 1, what="a task by the first server")

        first.kill()
        site.send("proj.quick", "after")

        wait_until(lambda: len(site.done()) == 2, what="a task by the second server")
