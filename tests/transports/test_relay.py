"""A result store beside another broker: its chords fire there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from understudy.actors.completion import Completion
from understudy.transports.api import Publisher, ResultStore, Transport
from understudy.transports.embedded.process import WriterProcess
from understudy.transports.embedded.sqlite.file import Durability
from understudy.transports.errors import BrokerUnavailable, UnknownScheme, UnsupportedByTransport
from understudy.transports.message import ChordPart, Publication, Result
from understudy.transports.registry import connect, connect_results
from understudy.transports.relay import RelayedResults

from .conformance.messages import PATIENCE, publication, take_ids


@pytest.fixture
def broker() -> Iterator[Transport]:
    transport = connect(f"memory://{os.urandom(6).hex()}")
    yield transport
    transport.close()


@pytest.fixture(params=["memory", "sqlite", "redis"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a result store, served as a node would see to it."""
    if request.param == "sqlite":
        writer = WriterProcess(tmp_path / "results.db", Durability.PROCESS, 15.0)
        yield f"sqlite:///{tmp_path}/results.db"
        writer.stop()
    elif request.param == "redis":
        yield request.getfixturevalue("redis_url")
    else:
        yield f"memory://{os.urandom(6).hex()}"


@pytest.fixture
def results(address: str, broker: Transport) -> Iterator[ResultStore]:
    store = connect_results(address, broker.publisher())
    if isinstance(store, RelayedResults):
        store.node_children()
    yield store
    store.close()


class Shaky:
    """A publisher that fails the first time."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.failed = False

    def publish(self, publications: Sequence[Publication]) -> Completion[None]:
        if self.failed:
            return self._publisher.publish(publications)
        self.failed = True
        return Completion.failed(BrokerUnavailable("the broker is away"))


def part(index: int, trigger: Publication) -> ChordPart:
    return ChordPart("group", index, f"part{index}", "SUCCESS", b"%d" % index, trigger, None)


def test_the_last_part_of_a_chord_fires_it_in_the_other_broker(results: ResultStore, broker: Transport) -> None:
    trigger = publication("trigger", "tasks", priority=5)
    results.set_chord_size("group", 2).get(timeout=PATIENCE)
    for index in (0, 1):
        results.chord_part(part(index, trigger)).get(timeout=PATIENCE)

    (delivery,) = broker.intake(["tasks"], "node.1").fetch(1).get(timeout=PATIENCE)

    assert delivery.head == trigger.head
    assert json.loads(delivery.body)[0] == json.loads(trigger.body)[0]  # Redis adds what stock workers want to know
    parts = results.chord_parts("group").get(timeout=PATIENCE)
    assert parts == [(index, f"part{index}", "SUCCESS", b"%d" % index) for index in (0, 1)]


def test_a_size_that_comes_last_fires_it_too(results: ResultStore, broker: Transport) -> None:
    results.chord_part(part(0, publication("trigger", "tasks"))).get(timeout=PATIENCE)
    results.set_chord_size("group", 1).get(timeout=PATIENCE)

    assert take_ids(broker.intake(["tasks"], "node.1"), 1) == ["trigger"]


def test_a_trigger_waits_for_its_broker(broker: Transport) -> None:
    shaky = Shaky(broker.publisher())
    results = connect_results(f"memory://{os.urandom(6).hex()}", shaky)
    results.set_chord_size("group", 1).get(timeout=PATIENCE)
    results.chord_part(part(0, publication("trigger", "tasks"))).get(timeout=PATIENCE)

    assert take_ids(broker.intake(["tasks"], "node.1"), 1) == ["trigger"]
    assert shaky.failed
    results.close()


def test_everything_else_is_the_stores_own(results: ResultStore) -> None:
    stored = Result("one", "SUCCESS", b'{"status": "SUCCESS"}')
    results.store([stored]).get(timeout=PATIENCE)
    results.save_group("group", b"members", 60).get(timeout=PATIENCE)

    assert results.get(["one", "other"]).get(timeout=PATIENCE) == [stored.payload, None]
    assert results.wait("one").get(timeout=PATIENCE) == stored.payload
    assert results.restore_group("group").get(timeout=PATIENCE) == b"members"
    results.delete_group("group").get(timeout=PATIENCE)
    results.delete_chord("group").get(timeout=PATIENCE)
    results.forget(["one"]).get(timeout=PATIENCE)
    assert results.get(["one"]).get(timeout=PATIENCE) == [None]


def test_a_client_reads_results_before_there_is_a_node(broker: Transport, tmp_path: Path) -> None:
    store = connect_results(f"sqlite:///{tmp_path}/results.db", broker.publisher(), patience=2.0)
    stored = Result("one", "SUCCESS", b'{"status": "SUCCESS"}')
    store.store([stored]).get(timeout=PATIENCE)
    assert store.get(["one", "other"]).get(timeout=PATIENCE) == [stored.payload, None]
    store.close()


def test_a_broker_without_results_is_no_store(broker: Transport) -> None:
    with pytest.raises(UnsupportedByTransport, match="amqp"):
        connect_results("amqp://127.0.0.1", broker.publisher())


def test_an_unknown_scheme_is_named_with_the_nearest_known_one() -> None:
    with pytest.raises(UnknownScheme, match=r"did you mean redis://\?"):
        connect("reddis://me:secret@127.0.0.1")
