"""Outcomes where the broker and the result store are two: in an order that loses nothing, by the owner alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.transports.conformance.messages import PATIENCE, publication, publish, take, take_ids
from understudy.actors import Actor, Completion, System, on
from understudy.actors.hosts.simulated import RandomChoice, SimulatedHost
from understudy.runtime.node.commit import Carried, Commitment
from understudy.runtime.node.committer import CHORD_RETRY, Committer
from understudy.runtime.node.context import Claim, CommitPorts
from understudy.runtime.node.messages import Commit, Settled
from understudy.transports.api import Intake, ResultStore, Transport
from understudy.transports.embedded.process import WriterProcess
from understudy.transports.embedded.sqlite.file import Durability
from understudy.transports.errors import BrokerUnavailable, ChordClaimed
from understudy.transports.message import ChordPart, Delivery, Outcome, Result, Verdict
from understudy.transports.registry import connect, connect_results

Steps = list[str]


class Scene:
    """A broker and a foreign store, of which each step is noted, and which fail as they are told."""

    def __init__(self, broker: str, store: str, queue: str) -> None:
        self.transport: Transport = connect(broker)
        self.queue = queue
        self.steps: Steps = []
        self.failures: dict[str, list[Exception]] = {}
        self.store: ResultStore = connect_results(store, self.transport.publisher())
        self.ports = CommitPorts(Noted(self.transport.publisher(), self), Noted(self.store, self))

    def hold(self, owner: str, *ids: str) -> tuple[Intake, list[Delivery]]:
        """Publish messages and have an owner take them."""
        publish(self.transport, *(publication(one, self.queue) for one in ids))
        intake = self.transport.intake([self.queue], owner)
        return intake, take(intake, len(ids))

    def payloads(self, *ids: str) -> list[bytes | None]:
        """Return what is stored."""
        return self.store.get(ids).get(timeout=PATIENCE)

    def close(self) -> None:
        self.store.close()
        self.transport.close()


class Noted:
    """A publisher or store that notes what is asked of it, and fails once for each error that it was given."""

    def __init__(self, inner: Any, scene: Scene) -> None:
        self._inner = inner
        self._scene = scene

    def __getattr__(self, name: str) -> Callable[..., Completion[Any]]:
        def call(*args: Any) -> Completion[Any]:
            self._scene.steps.append(name)
            failures = self._scene.failures.get(name)
            return Completion.failed(failures.pop(0)) if failures else getattr(self._inner, name)(*args)

        return call


STORES = {
    "memory, memory": lambda _request, _path: ("memory://" + os.urandom(4).hex(), "memory://" + os.urandom(4).hex()),
    "redis, sqlite": lambda request, path: (request.getfixturevalue("redis_url"), f"sqlite:///{path}/results.db"),
    "rabbitmq, redis": lambda request, _path: (
        request.getfixturevalue("rabbitmq_url"),
        request.getfixturevalue("redis_url"),
    ),
}


@pytest.fixture(params=STORES)
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    broker, store = STORES[request.param](request, tmp_path)
    writer = WriterProcess(tmp_path / "results.db", Durability.NONE, 15.0) if "sqlite" in store else None
    made = Scene(broker, store, f"q{os.urandom(4).hex()}")
    yield made
    made.close()
    if writer is not None:
        writer.stop()


@pytest.fixture
def in_memory() -> Iterator[Scene]:
    made = Scene(*STORES["memory, memory"](None, None), "q")
    yield made
    made.close()


def success(one: str) -> Result:
    return Result(one, "SUCCESS", b'{"status":"SUCCESS","result":1}')


def run(commitment: Commitment) -> Carried:
    return commitment.run().get(timeout=PATIENCE)


def test_what_follows_is_published_then_the_result_is_stored_and_the_message_goes_last(scene: Scene) -> None:
    intake, (held,) = scene.hold("boot.1", "one")
    part = ChordPart("chord", 0, "one", "SUCCESS", b"1", publication("body", scene.queue), 2)
    outcome = Outcome(held.tag, Verdict.ACK, success("one"), (publication("next", scene.queue),), part)

    assert run(Commitment(intake, scene.ports, [outcome])) == Carried([True])

    assert scene.steps == ["publish", "store", "chord_part"]
    assert scene.payloads("one") == [success("one").payload]
    assert take_ids(intake, 1) == ["next"]
    assert run(Commitment(intake, scene.ports, [outcome])) == Carried([False])


def test_a_failure_is_stored_before_its_errbacks_are_published(scene: Scene) -> None:
    intake, held = scene.hold("boot.1", "one", "two")
    failure = Result("one", "FAILURE", b'{"status":"FAILURE","result":null}')
    failed = Outcome(held[0].tag, result=failure, follow_ups=(publication("errback", scene.queue),))
    done = Outcome(held[1].tag, result=success("two"), follow_ups=(publication("next", scene.queue),))

    assert run(Commitment(intake, scene.ports, [failed, done])) == Carried([True, True])

    assert scene.steps == ["store", "publish", "store"]
    assert scene.payloads("one") == [failure.payload]
    assert scene.payloads("two") == [success("two").payload]
    assert sorted(take_ids(intake, 2)) == ["errback", "next"]


def test_an_outcome_of_somebody_who_was_replaced_changes_nothing(scene: Scene) -> None:
    older, (held,) = scene.hold("boot.1", "one")
    if not scene.transport.capabilities.fenced:
        older.close().get(timeout=PATIENCE)
    newer = scene.transport.intake([scene.queue], "boot.2")
    (again,) = take(newer, 1)
    late = Outcome(held.tag, result=success("one"), follow_ups=(publication("next", scene.queue),))

    assert run(Commitment(older, scene.ports, [late])) == Carried([False])

    assert scene.payloads("one") == [None]
    assert "publish" not in scene.steps
    assert run(Commitment(newer, scene.ports, [Outcome(again.tag, result=success("one"))])) == Carried([True])


def test_what_belongs_to_no_message_is_carried_out_whoever_holds_the_others(scene: Scene) -> None:
    intake, _ = scene.hold("boot.1", "one")
    intake.close().get(timeout=PATIENCE)

    carried = run(
        Commitment(intake, scene.ports, [Outcome(99, result=success("two")), Outcome(-1, result=success("one"))])
    )

    assert carried == Carried([False, True])
    assert scene.payloads("one", "two") == [success("one").payload, None]


def test_a_lost_message_is_lost_and_a_dead_one_dead_with_its_result(scene: Scene) -> None:
    intake, held = scene.hold("boot.1", "one", "two")
    failure = Result("two", "FAILURE", b'{"status":"FAILURE"}')
    outcomes = [Outcome(held[0].tag, Verdict.LOST), Outcome(held[1].tag, Verdict.DEAD, failure, reason="it kills")]

    assert run(Commitment(intake, scene.ports, outcomes)) == Carried([True, True])

    assert [one.losses for one in take(intake, 1)] == [1]
    assert scene.payloads("two") == [failure.payload]
    (letter,) = scene.transport.dead_letters().list(scene.queue).get(timeout=PATIENCE)
    assert (letter.id, letter.reason) == ("two", "it kills")


def test_what_was_published_is_not_published_again_while_the_store_is_away(in_memory: Scene) -> None:
    intake, (held,) = in_memory.hold("boot.1", "one")
    in_memory.failures["store"] = [BrokerUnavailable("away"), BrokerUnavailable("still away")]
    outcome = Outcome(held.tag, result=success("one"), follow_ups=(publication("next", "q"),))
    commitment = Commitment(intake, in_memory.ports, [outcome])

    for _ in range(2):
        with pytest.raises(BrokerUnavailable):
            run(commitment)
    assert run(commitment) == Carried([True])

    assert in_memory.steps == ["publish", "store", "store", "store"]
    assert take_ids(intake, 1) == ["next"]
    assert in_memory.transport.size("q").get(timeout=PATIENCE) == 0


def test_a_part_whose_body_somebody_else_has_claimed_keeps_its_message(in_memory: Scene) -> None:
    intake, held = in_memory.hold("boot.1", "one", "two")
    in_memory.failures["chord_part"] = [ChordClaimed("claimed")]
    part = ChordPart("chord", 0, "one", "SUCCESS", b"1", publication("body", "q"), 2)
    follow_up = (publication("next", "q"),)
    outcomes = [Outcome(held[0].tag, Verdict.ACK, success("one"), follow_up, part), Outcome(held[1].tag)]

    carried = run(Commitment(intake, in_memory.ports, outcomes))

    assert carried == Carried([True, True], (Outcome(held[0].tag, chord=part),))
    assert intake.holds([one.tag for one in held]).get(timeout=PATIENCE) == [True, False]
    assert run(Commitment(intake, in_memory.ports, carried.waiting)) == Carried([True])
    assert in_memory.steps == ["publish", "store", "chord_part", "chord_part"]
    assert len(in_memory.store.chord_parts("chord").get(timeout=PATIENCE)) == 1


class Listener(Actor):
    """Stands for a dispatch."""

    def __init__(self, told: list[Settled]) -> None:
        self._told = told

    @on(Settled)
    def settled(self, message: Settled) -> None:
        self._told.append(message)


def test_a_dispatch_hears_of_a_message_when_its_part_is_recorded_at_last(in_memory: Scene) -> None:
    intake, held = in_memory.hold("boot.1", "one", "two")
    in_memory.failures["chord_part"] = [ChordClaimed("claimed")] * 3
    part = ChordPart("chord", 0, "one", "SUCCESS", b"1", publication("body", "q"), 2)
    told: list[Settled] = []
    claim = Claim("q", "boot.1", intake)
    with SimulatedHost(RandomChoice(1)) as host, System("node", host) as system:
        claim.dispatch = system.spawn(Listener, told)  # type: ignore[assignment]
        committer = system.spawn(Committer, in_memory.ports)
        committer.tell(Commit(claim, [Outcome(held[0].tag, chord=part), Outcome(held[1].tag)]))

        host.run(seconds=CHORD_RETRY / 2)
        assert told == [Settled([held[1].tag], [True])]
        host.run(seconds=3 * CHORD_RETRY)

    assert told[1:] == [Settled([held[0].tag], [True])]
    assert in_memory.steps == ["chord_part"] * 4
