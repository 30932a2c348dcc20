"""The promises of a bus, over each transport that has one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.waiting import wait_until
from understudy.actors import System
from understudy.actors.remote import Bus, Parcel, Receipt
from understudy.actors.remote.mailroom import CAPACITY
from understudy.transports.amqp_bus import amqp_bus
from understudy.transports.errors import UnsupportedByTransport
from understudy.transports.joining import bus_of
from understudy.transports.mailboxes import BrokerBus
from understudy.transports.redis_bus import RedisMailboxes, redis_bus
from understudy.transports.registry import connect

TTL = 30.0


BROKERS = {"redis": ("redis_url", redis_bus), "rabbitmq": ("rabbitmq_url", amqp_bus)}


@pytest.fixture(params=["memory", "sqlite", *BROKERS])
def bus(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bus]:
    """A bus, with somebody who serves it."""
    if request.param in BROKERS:
        url, connect_bus = BROKERS[request.param]
        served = connect_bus(request.getfixturevalue(url))
        yield served
        served.close()
        return
    if request.param == "memory":
        transport: Any = connect(f"memory://{tmp_path.name}")
        yield bus_of(transport)
        transport.close()
        return
    transport = connect(f"sqlite:///{tmp_path}/bus.db")
    with System("host") as system:
        for spec in transport.bus_children():
            system.spawn(spec.actor, *spec.args, name=spec.name)
        yield bus_of(transport)
        transport.close()


def post(bus: Bus, *parcels: Parcel) -> list[Receipt]:
    return bus.post(parcels).get(timeout=10)


def open_box(bus: Bus, name: str, *topics: str) -> Any:
    """Make a mailbox and wait for its mail."""
    waiting = bus.collect(name, topics, TTL)
    if isinstance(bus, BrokerBus) and isinstance(bus._mailboxes, RedisMailboxes):
        mailboxes = bus._mailboxes  # it is asked on one connection and told on another
        channels = [mailboxes.mailbox(name), *map(mailboxes.topic, topics)]
        wait_until(lambda: listens(mailboxes, channels), what="a mailbox that listens")
    return waiting


def listens(mailboxes: RedisMailboxes, channels: list[str]) -> bool:
    counts = mailboxes.run(lambda shelf: shelf.redis.pubsub_numsub(*channels)).get(timeout=10)
    return all(number for _, number in counts)


def grow_up(bus: Bus) -> None:
    """Wait until the mailroom knows that nobody is about to come back."""
    wait_until(lambda: post(bus, Parcel("nobody", b"")) == [Receipt.NO_MAILBOX], what="a mailroom that has grown up")


def test_mail_arrives_in_order_and_once(bus: Bus) -> None:
    waiting = open_box(bus, "a")
    assert post(bus, Parcel("a", b"1")) == [Receipt.DELIVERED]
    assert waiting.get(timeout=10) == [b"1"]
    post(bus, Parcel("a", b"2"), Parcel("a", b"3"))
    assert open_box(bus, "a").get(timeout=10) == [b"2", b"3"]
    again = open_box(bus, "a")
    post(bus, Parcel("a", b"4"))
    assert again.get(timeout=10) == [b"4"]


def test_mail_to_nobody_is_said_to_be(bus: Bus) -> None:
    grow_up(bus)
    open_box(bus, "a")
    receipts = post(bus, Parcel("nobody", b"1"), Parcel("a", b"2"), Parcel("nowhere", b"3", topic=True))
    assert receipts == [Receipt.NO_MAILBOX, Receipt.DELIVERED, Receipt.DELIVERED]


def test_a_topic_reaches_all_who_listen(bus: Bus) -> None:
    boxes = [open_box(bus, "a", "news"), open_box(bus, "b", "weather", "news"), open_box(bus, "c", "weather")]
    post(bus, Parcel("news", b"!", topic=True))
    assert [box.get(timeout=10) for box in boxes[:2]] == [[b"!"]] * 2
    assert not boxes[2].done()
    post(bus, Parcel("c", b"."))
    assert boxes[2].get(timeout=10) == [b"."]


def test_a_new_collection_answers_the_earlier_with_nothing_and_changes_the_topics(bus: Bus) -> None:
    first = open_box(bus, "a", "news")
    second = open_box(bus, "a", "weather")
    assert first.get(timeout=10) == []
    post(bus, Parcel("news", b"old", topic=True), Parcel("weather", b"new", topic=True))
    assert second.get(timeout=10) == [b"new"]


def test_a_dropped_mailbox_is_gone_with_its_mail(bus: Bus) -> None:
    grow_up(bus)
    waiting = open_box(bus, "a")
    bus.drop("a").get(timeout=10)
    assert waiting.get(timeout=10) == []
    assert post(bus, Parcel("a", b"1")) == [Receipt.NO_MAILBOX]
    bus.drop("a").get(timeout=10)


@pytest.mark.parametrize("bus", ["memory", "sqlite"], indirect=True)
def test_a_full_mailbox_takes_no_more_and_harms_nobody_else(bus: Bus) -> None:
    open_box(bus, "a")
    post(bus, Parcel("a", b"first"))
    receipts = post(bus, *[Parcel("a", b"x")] * (CAPACITY + 1))
    assert receipts == [Receipt.DELIVERED] * CAPACITY + [Receipt.FULL]
    other = open_box(bus, "b")
    post(bus, Parcel("b", b"1"))
    assert other.get(timeout=10) == [b"1"]


def test_a_mailbox_expires_where_nobody_collects(bus: Bus) -> None:
    grow_up(bus)
    open_box(bus, "a")
    first = bus.collect("a", (), 0.1)
    post(bus, Parcel("a", b"1"))
    assert first.get(timeout=10) == [b"1"]
    wait_until(lambda: post(bus, Parcel("a", b"2")) == [Receipt.NO_MAILBOX], interval=0.3, what="an expired mailbox")


def test_a_transport_without_a_bus_says_so() -> None:
    with pytest.raises(UnsupportedByTransport, match="kombu\\+memory:// carries no mail"):
        bus_of(connect("kombu+memory://"))
