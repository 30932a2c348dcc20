"""How many nodes may have died of a message: what is written down, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import StartProgram
from tests.support import wait_until
from tests.transports.conformance.messages import (
    PATIENCE,
    acknowledge,
    publication,
    publish,
    settle,
    take,
    take_ids,
    task_id,
)
from understudy.transports.amqp_broker.tally import SUSPECT, merged, updated
from understudy.transports.api import Intake, Transport
from understudy.transports.message import Outcome, Verdict, decode_head
from understudy.transports.registry import connect

Connect = Callable[[], Transport]

KINDS: list[dict[str, Any]] = [{}, {"queue_arguments": {"x-queue-type": "quorum"}}]
COUNTS = st.dictionaries(st.sampled_from("abc"), st.tuples(st.integers(1, 9), st.just(1000.0)))

_HOLDER = """
import sys, threading
from understudy.transports.registry import connect

intake = connect(sys.argv[1]).intake(["q"], "other.1")
deliveries = []
while len(deliveries) < int(sys.argv[2]):
    deliveries += intake.fetch(2).get(timeout=10)
print("took", *(one.deaths for one in deliveries), "end", flush=True)
threading.Event().wait()
"""


@pytest.fixture(params=KINDS, ids=["classic", "quorum"])
def connected(request: pytest.FixtureRequest, rabbitmq_url: str) -> Iterator[Connect]:
    """Return a function that connects nodes whose queues are of one kind; they close with the test."""
    opened: list[Transport] = []

    def start() -> Transport:
        opened.append(connect(rabbitmq_url, **request.param))
        return opened[-1]

    yield start
    for transport in opened:
        transport.close()


@given(st.lists(COUNTS, max_size=4))
def test_several_tables_are_one_whichever_comes_first(tables: list[Any]) -> None:
    encoded = [msgspec.json.encode(table) for table in tables]
    counts = merged(encoded)
    assert counts == merged(reversed(encoded)) == merged([*encoded, *encoded, b"broken", b'{"a": "b"}'])
    for key, (number, _) in counts.items():
        assert number == max(table[key][0] for table in tables if key in table)


@given(COUNTS, st.dictionaries(st.sampled_from("abcd"), st.none() | st.integers(-1, 1)))
def test_what_nobody_died_of_is_not_in_the_table(counts: Any, changes: dict[str, int | None]) -> None:
    after = updated(counts, changes, 1000.0)
    for key in "abcd":
        change = changes.get(key, 0)
        number = 0 if change is None else counts.get(key, (0, 0))[0] + change
        assert after.get(key, (0, 0))[0] == max(0, number)


def test_what_is_old_is_forgotten_and_so_are_the_oldest_of_too_many() -> None:
    assert updated({"old": (3, 0.0), "young": (1, 99_000.0)}, {}, 100_000.0) == {"young": (1, 99_000.0)}
    many = {str(number): (1, float(number)) for number in range(12_000)}
    assert list(updated(many, {}, 12_000.0)) == [str(number) for number in range(2_000, 12_000)]


def deaths_of(intake: Intake, count: int = 1) -> list[int]:
    """Take messages and give them back; returns how many nodes may have died of each."""
    taken = take(intake, count)
    settle(intake, *(Outcome(one.tag, Verdict.REQUEUE) for one in taken))
    return [one.deaths for one in taken]


def test_each_node_that_dies_counts(connected: Connect, program: StartProgram, rabbitmq_url: str) -> None:
    transport = connected()
    publish(transport, publication("one", "q"))

    for deaths in range(4):
        holder = program(["-c", _HOLDER, rabbitmq_url, "1"])
        holder.wait_for_output(f"took {deaths} end")
        holder.kill()

    (delivery,) = take(transport.intake(["q"], "boot.1"), 1)
    assert (task_id(delivery), delivery.deaths, delivery.redelivered) == ("one", 4, True)
    assert decode_head(delivery.head).headers.keys() == {"id", "task", "retries"}


def test_of_several_that_nodes_may_have_died_of_one_is_handed_out_at_a_time(
    connected: Connect, program: StartProgram, rabbitmq_url: str
) -> None:
    transport = connected()
    publish(transport, publication("one", "q"), publication("two", "q"))
    for deaths in range(SUSPECT):
        holder = program(["-c", _HOLDER, rabbitmq_url, "2"])
        holder.wait_for_output(f"took {deaths} {deaths} end")
        holder.kill()

    intake = transport.intake(["q"], "boot.1")
    (first,) = take(intake, 1)
    publish(transport, publication("fresh", "q"))
    assert take_ids(intake, 1) == ["fresh"]
    acknowledge(intake, [first])
    (second,) = take(intake, 1)

    assert {task_id(first), task_id(second)} == {"one", "two"}
    assert first.deaths == second.deaths == SUSPECT


def test_what_is_given_back_in_good_order_counts_once_at_most(connected: Connect) -> None:
    publish(connected(), publication("one", "q"))
    for boot in range(4):
        intake = connected().intake(["q"], f"boot{boot}.1")
        assert deaths_of(intake) <= [1]
        (delivery,) = take(intake, 1)
        assert delivery.deaths <= 1
        intake.close().get(timeout=PATIENCE)


def test_what_an_intake_gave_back_itself_is_not_counted(connected: Connect) -> None:
    transport = connected()
    publish(transport, publication("one", "q"))
    intake = transport.intake(["q"], "boot.1")

    assert [deaths_of(intake) for _ in range(4)] == [[0]] * 4
    assert transport.size("q.deaths").get(timeout=PATIENCE) == 0


def test_what_may_have_been_died_of_is_counted_again_by_whoever_gave_it_back(
    connected: Connect, program: StartProgram, rabbitmq_url: str
) -> None:
    publish(connected(), publication("one", "q"))
    holder = program(["-c", _HOLDER, rabbitmq_url, "1"])
    holder.wait_for_output("took 0 end")
    holder.kill()

    intake = connected().intake(["q"], "boot.1")

    assert [deaths_of(intake) for _ in range(3)] == [[1]] * 3


def test_what_has_ended_is_not_remembered(connected: Connect) -> None:
    transport = connected()
    publish(transport, publication("one", "q"))
    first = transport.intake(["q"], "boot.1")
    take(first, 1)
    first.close().get(timeout=PATIENCE)
    second = transport.intake(["q"], "other.1")
    again = take(second, 1)
    assert transport.size("q.deaths").get(timeout=PATIENCE) == 1

    acknowledge(second, again)

    wait_until(lambda: transport.size("q.deaths").get(timeout=PATIENCE) == 0, what="the end of the table")


def test_what_comes_again_comes_in_its_order(rabbitmq_url: str) -> None:
    transport = connect(rabbitmq_url)
    ids = [f"task{number}" for number in range(20)]
    publish(transport, *(publication(one, "q") for one in ids[:10]))
    first = transport.intake(["q"], "boot.1")
    take(first, 10)
    publish(transport, *(publication(one, "q") for one in ids[10:]))
    first.close().get(timeout=PATIENCE)

    assert [task_id(one) for one in take(transport.intake(["q"], "other.1"), 20)] == ids
    transport.close()


def test_a_table_that_cannot_be_written_holds_nothing_up(rabbitmq_url: str) -> None:
    transport = connect(rabbitmq_url)
    publish(transport, publication("one", "q"))
    with_other_arguments = connect(rabbitmq_url, queue_arguments={"x-max-length": 1})
    with_other_arguments.intake(["q.deaths"], "boot.1").renew().get(timeout=PATIENCE)

    for boot in range(3):
        intake = transport.intake(["q"], f"boot{boot}.1")
        assert deaths_of(intake) == [0]
        intake.close().get(timeout=PATIENCE)
    with_other_arguments.close()
    transport.close()
