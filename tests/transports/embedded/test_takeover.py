"""Writers and nodes that die or hang: what they held comes back, and nothing is lost or done twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support import Program, wait_until
from tests.transports.conformance.messages import PATIENCE, publication, publish, settle, success, take, task_id
from understudy.actors.completion import Completion
from understudy.actors.errors import Timeout
from understudy.transports.api import Intake, Transport
from understudy.transports.embedded.core.records import Claimed
from understudy.transports.embedded.front import EmbeddedIntake
from understudy.transports.embedded.requests import Fetch
from understudy.transports.message import Delivery, Outcome, Result

from .conftest import LEASE, Connect, StartNode, StartWriter, next_state, serving_pid


def runs(*nodes: Program) -> Counter[str]:
    """Count how often each task ran."""
    return Counter(line.split()[1] for node in nodes for line in node.output.splitlines() if line.startswith("ran "))


def take_one(intake: Intake) -> Delivery:
    """Wait for a message for longer than a lease."""
    fetched = intake.fetch(1)
    while not fetched.done():
        with suppress(Timeout):
            fetched.get(timeout=LEASE / 4)
        assert intake.renew().get(timeout=PATIENCE)
    (delivery,) = fetched.get()
    return delivery


def stop_past_its_lease(transport: Transport, start_node: StartNode) -> tuple[Program, Intake, Delivery]:
    """Stop a node that holds a message for so long that another one gets it; returns both, and what that one got."""
    publish(transport, publication("one", "q"))
    node = start_node("node", "hold")
    node.wait_for_output("holds one")
    node.signal(signal.SIGSTOP)
    intake = transport.intake(["q"], "other.1")
    return node, intake, take_one(intake)


def test_a_standby_takes_over_when_the_writer_is_killed(
    database: Path, start_writer: StartWriter, connected: Connect
) -> None:
    serving, standby = start_writer(), start_writer()
    transport = connected()
    publish(transport, publication("before", "q"))

    os.kill(serving.pid, signal.SIGKILL)

    assert next_state(standby).name == "serving"
    publish(transport, publication("after", "q"))
    intake = transport.intake(["q"], "boot.1")
    assert [task_id(one) for one in take(intake, 2)] == ["before", "after"]


def test_held_messages_are_held_over_a_takeover(start_writer: StartWriter, connected: Connect) -> None:
    serving, standby = start_writer(), start_writer()
    transport = connected()
    publish(transport, *(publication(str(number), "q") for number in range(4)))
    intake = transport.intake(["q"], "boot.1")
    held = take(intake, 3)

    os.kill(serving.pid, signal.SIGKILL)
    assert next_state(standby).name == "serving"

    rest = take(transport.intake(["q"], "other.1"), 1)
    assert [task_id(one) for one in rest] == ["3"]
    assert settle(intake, *(Outcome(one.tag) for one in held)) == [True] * 3
    assert transport.size("q").get(timeout=PATIENCE) == 0


def test_no_lease_runs_out_while_there_is_no_writer(start_writer: StartWriter, connected: Connect) -> None:
    transport = connected()
    intake = transport.intake(["q"], "boot.1")
    never_held = intake.renew()
    with pytest.raises(Timeout):
        never_held.get(timeout=0.3)
    writer = start_writer()
    assert never_held.get(timeout=PATIENCE)
    publish(transport, publication("one", "q"))
    (held,) = take(intake, 1)

    os.kill(writer.pid, signal.SIGKILL)

    assert intake.renew().get(timeout=LEASE) is True
    start_writer()
    assert settle(intake, Outcome(held.tag)) == [True]


def test_what_is_held_counts_what_has_come_and_is_not_noted_yet() -> None:
    seen: list[list[tuple[int, int]]] = []

    class Prompt:
        """A channel whose answer is there at once, while another thread wants to know what is held."""

        def join(self, claims: Any) -> None:
            self.claims = claims

        def call(self, request: Any) -> Completion[Any]:
            if not isinstance(request, Fetch):
                return Completion.of(None)
            self.asking = threading.Thread(target=lambda: seen.append(self.claims.held()))
            self.asking.start()
            self.asking.join(0.2)
            return Completion.of([Claimed(7, "q", b"", b"", place=5)])

    channel: Any = Prompt()
    EmbeddedIntake(channel, ["q"], "boot.1").fetch(1)
    channel.asking.join(PATIENCE)
    assert seen == [[(7, 5)]]


def test_a_waiting_fetch_and_a_waiting_result_outlast_the_writer(start_writer: StartWriter, connected: Connect) -> None:
    serving, standby = start_writer(), start_writer()
    transport, client = connected(), connected()
    intake = transport.intake(["q"], "boot.1")
    fetched, waiting = intake.fetch(1), client.results().wait("one")
    transport.size("q").get(timeout=PATIENCE)

    os.kill(serving.pid, signal.SIGKILL)
    assert next_state(standby).name == "serving"
    publish(client, publication("one", "q"))

    (delivery,) = fetched.get(timeout=PATIENCE)
    settle(intake, Outcome(delivery.tag, result=success("one", b"1")))
    assert waiting.get(timeout=PATIENCE) == b"1"


def test_writers_killed_under_load_lose_nothing_and_double_nothing(
    database: Path, start_node: StartNode, connected: Connect
) -> None:
    nodes = [start_node("a", "work"), start_node("b", "work")]
    transport = connected()
    ids = [str(number) for number in range(1500)]
    for node in nodes:
        node.wait_for_output("renewed True")

    killed: set[int] = set()
    for start in range(0, len(ids), 300):
        confirmations = [transport.publisher().publish([publication(one, "q")]) for one in ids[start : start + 300]]
        pid = wait_until(lambda: serving_pid(database) not in killed and serving_pid(database))
        os.kill(pid, signal.SIGKILL)
        killed.add(pid)
        for confirmation in confirmations:
            confirmation.get(timeout=PATIENCE)

    stored = transport.results()
    for one in ids:
        stored.wait(one, PATIENCE).get(timeout=PATIENCE)
    assert runs(*nodes) == Counter(ids)


def test_a_writer_that_hangs_is_killed_and_replaced(database: Path, start_node: StartNode, connected: Connect) -> None:
    nodes = [start_node("a", "work"), start_node("b", "work")]
    for node in nodes:
        node.wait_for_output("renewed True")
    transport = connected()
    stuck = serving_pid(database)

    os.kill(stuck, signal.SIGSTOP)

    publish(transport, publication("one", "q"))
    transport.results().wait("one", PATIENCE).get(timeout=PATIENCE)
    assert serving_pid(database) != stuck
    wait_until(lambda: sum(node.output.count("writer ended") for node in nodes) == 1, what="the word of its end")


def test_messages_of_a_killed_node_are_back_at_once(start_node: StartNode, connected: Connect) -> None:
    publish(connected(), *(publication(str(number), "q") for number in range(3)))
    other = start_node("other", "hold", 1)
    other.wait_for_output("holds 0")
    node = start_node("node", "hold", 2)
    node.wait_for_output("holds 1 2")

    node.kill()

    began = time.monotonic()
    back = take(connected().intake(["q"], "third.1"), 2)
    assert time.monotonic() - began < LEASE / 2
    assert [(task_id(one), one.losses, one.redelivered) for one in back] == [("1", 0, True), ("2", 0, True)]


def test_a_node_that_was_stopped_past_its_lease_settles_nothing(
    tmp_path: Path, start_writer: StartWriter, start_node: StartNode, connected: Connect
) -> None:
    start_writer()
    transport = connected()
    node, intake, again = stop_past_its_lease(transport, start_node)

    (tmp_path / "node.settle").touch()
    node.signal(signal.SIGCONT)

    node.wait_for_output("settled [False]")
    node.wait_for_output("renewed False")
    assert transport.results().get(["one"]).get(timeout=PATIENCE) == [None]
    assert settle(intake, Outcome(again.tag, result=success("one", b"other"))) == [True]
    assert transport.results().get(["one"]).get(timeout=PATIENCE) == [b"other"]


def test_a_stopped_node_settles_nothing_at_the_next_writer_either(
    tmp_path: Path, start_writer: StartWriter, start_node: StartNode, connected: Connect
) -> None:
    serving, standby = start_writer(), start_writer()
    transport = connected()
    node, intake, again = stop_past_its_lease(transport, start_node)

    os.kill(serving.pid, signal.SIGKILL)
    assert next_state(standby).name == "serving"
    (tmp_path / "node.settle").touch()
    node.signal(signal.SIGCONT)

    node.wait_for_output("settled [False]")
    assert settle(intake, Outcome(again.tag)) == [True]


def test_what_was_held_when_everything_died_is_delivered_again(
    database: Path, start_node: StartNode, connected: Connect
) -> None:
    transport = connected()
    publish(transport, *(publication(str(number), "q") for number in range(5)))
    nodes = [start_node("a", "hold", 2), start_node("b", "hold", 2)]
    for node in nodes:
        node.wait_for_output("holds")

    os.kill(serving_pid(database), signal.SIGKILL)
    for node in nodes:
        node.close()

    back = start_node("c", "work")
    for number in range(5):
        transport.results().wait(str(number), PATIENCE).get(timeout=PATIENCE)
    assert runs(back) == Counter("01234")
    assert "ran 0 again" in back.output


def test_a_writer_leaves_with_its_node_and_another_takes_over(
    database: Path, start_node: StartNode, connected: Connect
) -> None:
    first = start_node("first", "work")
    first.wait_for_output("renewed True")
    orphan = serving_pid(database)
    second = start_node("second", "work")
    second.wait_for_output("renewed True")

    first.kill()

    transport = connected()
    wait_until(lambda: serving_pid(database) != orphan, what="the second node's writer")
    publish(transport, publication("one", "q"))
    transport.results().wait("one", PATIENCE).get(timeout=PATIENCE)


def test_results_outlast_the_writer_and_can_be_read_without_one(start_writer: StartWriter, connected: Connect) -> None:
    writer = start_writer()
    connected().results().store([Result("one", "SUCCESS", b"1")]).get(timeout=PATIENCE)
    waiting = connected().results().wait("two")
    writer.stop()

    assert connected().results().wait("one", PATIENCE).get(timeout=PATIENCE) == b"1"
    start_writer()
    connected().results().store([Result("two", "SUCCESS", b"2")]).get(timeout=PATIENCE)
    assert waiting.get(timeout=PATIENCE) == b"2"


def test_a_writer_ends_when_told_to_though_its_node_has_signals_blocked(start_writer: StartWriter) -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        writer = start_writer()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    os.kill(writer.pid, signal.SIGTERM)
    assert writer.wait(PATIENCE) == 0
