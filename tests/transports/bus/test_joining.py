"""Joining: what it refuses, what it waits for, and what it leaves behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.actors.remote.world import Add, Counter, Observer
from understudy.actors import System, Timeout
from understudy.actors.hosts.asyncio import AsyncioHost
from understudy.remote import AlreadyJoined, BadAddress, NotEncodable, NotJoined, ajoin, join
from understudy.transports.errors import BrokerUnavailable, UnsupportedByTransport


def test_a_system_that_has_not_joined_says_so() -> None:
    with System("shop") as system:
        with pytest.raises(NotJoined, match="'shop' has joined no broker"):
            system.resolve("name://shop/a/x")
        with pytest.raises(NotJoined):
            _ = system.spawn(Counter).address


@pytest.mark.parametrize(
    ("error", "node", "options"),
    [
        (TypeError, "a", {"color": "red"}),
        (ValueError, "a", {"interval": 0}),
        (BadAddress, "a node", {}),
        (BadAddress, "a", {"host": "some/where"}),
        (NotEncodable, "a", {"actors": [Observer]}),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_the_system_as_it_was(error: Any, node: str, options: Any) -> None:
    with System("shop") as system:
        with pytest.raises(error):
            join(system, "memory://refused", node, **options)
        assert system.remoting is None
        assert system.paths() == [""]
        join(system, "memory://refused", "a")


def test_a_system_joins_once() -> None:
    with System("shop") as system:
        join(system, "memory://once", "a")
        with pytest.raises(AlreadyJoined, match="is the node a@"):
            join(system, "memory://once", "b")


def test_a_broker_that_carries_no_mail_is_refused() -> None:
    with System("shop") as system, pytest.raises(UnsupportedByTransport):
        join(system, "kombu+memory://")


def test_a_broker_that_nobody_serves_is_an_error_in_bounded_time(tmp_path: Path) -> None:
    with System("shop") as system:
        with pytest.raises(BrokerUnavailable, match="somebody else has to run its writer"):
            join(system, f"sqlite:///{tmp_path}/mail.db", standby=False, timeout=0.5)
        with pytest.raises(BrokerUnavailable, match=r"redis://:\*\*@localhost:1 was not to be reached within 0.5 s"):
            join(system, "redis://:secret@localhost:1", timeout=0.5)
        assert system.paths() == [""]


def test_who_has_left_can_join_again() -> None:
    with System("shop") as system, System("shop") as other:
        join(other, "memory://again", "other")
        first = join(system, "memory://again", "a")
        first.wait_for("other")
        first.leave()
        first.leave()
        assert system.paths() == [""]
        assert join(system, "memory://again", "a").wait_for("other") == other.joined().node


def test_waiting_for_a_node_that_does_not_come_ends() -> None:
    with System("shop") as system, pytest.raises(Timeout):
        join(system, "memory://alone").wait_for("nobody", timeout=0.1)


def test_everything_that_waits_can_be_awaited() -> None:
    async def main() -> int:
        system, other = System("shop", AsyncioHost()), System("shop")
        remoting = await ajoin(system, "memory://loop", "a")
        other_remoting = await ajoin(other, "memory://loop", "b")
        await other.start(Counter, 40, name="counter")
        await remoting.await_for("b")
        answer = await system.resolve("name://shop/b/counter", Counter).ask(Add(2), block=False)
        await other_remoting.aleave()
        await remoting.aleave()
        with pytest.raises(BrokerUnavailable):
            await ajoin(system, "redis://localhost:1", timeout=0.3)
        for each in (system, other):
            await asyncio.to_thread(each.stop)
        return answer

    assert asyncio.run(main()) == 42
