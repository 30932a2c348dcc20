"""How many bytes are taken ahead: what a node holds stays bounded, however large the messages are."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import StartProgram
from tests.support import wait_until
from tests.transports.conformance.messages import PATIENCE, acknowledge, publication, publish, task_id
from tests.transports.sites import open_site
from understudy.transports.api import Transport
from understudy.transports.message import Publication
from understudy.transports.registry import connect

MIB = 1 << 20
COUNT = 40


@pytest.fixture(params=["redis_url", "rabbitmq_url", "quorum", "memory"])
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    """A transport that bounds what is taken ahead."""
    options: dict[str, object] = {}
    if request.param == "memory":
        url = f"memory://{os.urandom(4).hex()}"
    elif request.param == "quorum":
        url, options = request.getfixturevalue("rabbitmq_url"), {"queue_arguments": {"x-queue-type": "quorum"}}
    else:
        url = request.getfixturevalue(request.param)
    made = connect(url, **options)
    yield made
    made.close()


def large(name: str, size: int = MIB) -> Publication:
    """Return a publication with a body of so many bytes."""
    plain = publication(name, "q")
    return Publication(name, "q", plain.head, bytes(size))


def test_a_fetch_takes_what_there_is_room_for_and_the_rest_stays_for_others(transport: Transport) -> None:
    intake = transport.intake(["q"], "boot.1")
    names = [f"task{number}" for number in range(COUNT)]
    publish(transport, *map(large, names))

    taken = intake.fetch(1000, 8 * MIB).get(timeout=PATIENCE)
    assert 1 <= len(taken) <= 10
    wait_until(lambda: transport.size("q").get(timeout=PATIENCE) >= COUNT - 10, what="the rest to be the broker's")

    done = list(map(task_id, taken))
    acknowledge(intake, taken)
    while len(done) < COUNT:
        taken = intake.fetch(1000, 8 * MIB).get(timeout=PATIENCE)
        assert len(taken) <= 10
        done += map(task_id, taken)
        acknowledge(intake, taken)
    assert sorted(done) == sorted(names)


def test_a_message_that_is_larger_than_the_room_is_taken_alone(transport: Transport) -> None:
    intake = transport.intake(["q"], "boot.1")
    publish(transport, large("one", 5 * MIB))
    publish(transport, large("two", 5 * MIB))
    done: list[str] = []
    while len(done) < 2:
        taken = intake.fetch(100, 1).get(timeout=PATIENCE)
        done += map(task_id, taken)
        acknowledge(intake, taken)
    assert sorted(done) == ["one", "two"]


@pytest.mark.timeout(90)
@pytest.mark.parametrize("broker", ["redis_url", "rabbitmq_url"])
def test_a_node_holds_no_more_than_its_bound(
    request: pytest.FixtureRequest, tmp_path: Path, program: StartProgram, broker: str
) -> None:
    with open_site(tmp_path, program, request.getfixturevalue(broker), f"worker_prefetch_bytes={8 * MIB}") as site:
        for number in range(200):  # which take no time, so that a node takes many ahead
            site.send("proj.quick", f"quick{number}")
        node = site.node()
        wait_until(lambda: len(site.done()) == 200, what="the end of the small tasks")

        names = [f"task{number}" for number in range(COUNT)]
        for name in names:
            site.send("proj.work", name, "x" * MIB)
        wait_until(lambda: len(site.begun()) == 2, what="two tasks to begin")
        wait_until(lambda: site.size() >= COUNT - 12, what="the rest to be the broker's")
        (site.directory / "go").touch()

        wait_until(lambda: len(site.done()) == 200 + COUNT, 30, what="the end of all tasks")
        assert sorted(site.done()[200:]) == sorted(names)
        assert node.running
