"""Our clients with stock workers, stock clients with our nodes, and both kinds at once."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support import RabbitMQServer, wait_until
from understudy.transports.api import Transport
from understudy.transports.message import DeadLetter
from understudy.transports.registry import connect

from .conftest import OURS, STOCK, Sides

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(120)]

DIRECTIONS = pytest.mark.parametrize(
    ("client", "worker"), [(OURS, STOCK), (STOCK, OURS)], ids=["our client", "our node"]
)


@DIRECTIONS
def test_calls_and_their_options_cross(sides: Sides, client: str, worker: str) -> None:
    sides.worker(worker)

    seen = sides.ask(client, "calls")

    assert seen["side"] == {"value": worker, "state": "SUCCESS"}
    assert seen["positional"] == {"value": 5, "state": "SUCCESS"}
    assert seen["keywords"] == {"value": "aü", "state": "SUCCESS"}
    assert seen["late"] == {"value": 2, "state": "SUCCESS"}
    assert seen["waited"] >= 0.4
    assert seen["failed"] == {"error": "ValueError", "text": "broken", "state": "FAILURE"}
    assert "raise ValueError(arguments[-1])" in seen["traceback"]
    assert seen["refused"] == {"error": "Refused", "text": "no", "state": "FAILURE"}
    assert seen["again"] == {"value": 2, "state": "SUCCESS"}
    assert seen["too often"]["error"] == "MaxRetriesExceededError"
    assert (seen["expired"]["error"], seen["expired"]["state"]) == ("TaskRevokedError", "REVOKED")
    named = seen["named"]["value"]
    assert (named["id"], named["root_id"], named["retries"]) == ("my-own-id", "my-own-id", 0)
    assert (named["args"], named["kwargs"], named["custom"]) == ([1], {"k": "v"}, "kept")
    assert (named["argsrepr"], named["kwargsrepr"]) == ("(1,)", "{'k': 'v'}")


@DIRECTIONS
def test_time_limits_of_a_call_cross(sides: Sides, client: str, worker: str) -> None:
    sides.worker(worker, pool="prefork")

    seen = sides.ask(client, "limits")

    assert seen["hard"] == {"error": "TimeLimitExceeded", "text": "TimeLimitExceeded(0.5,)", "state": "FAILURE"}
    assert (seen["soft"]["error"], seen["soft"]["state"]) == ("SoftTimeLimitExceeded", "FAILURE")
    assert seen["within"] == {"value": 1, "state": "SUCCESS"}


@DIRECTIONS
def test_workflows_cross(sides: Sides, client: str, worker: str) -> None:
    sides.worker(worker)

    seen = sides.ask(client, "workflows")

    assert seen["chain"] == {"value": 112, "state": "SUCCESS"}
    assert seen["group"] == [0, 2, 4, 6, 8]
    assert seen["chord"] == {"value": 20, "state": "SUCCESS"}
    assert seen["failed chord"]["error"] == "ChordError"
    assert "in the header" in seen["failed chord"]["text"]
    assert seen["chord in a chain"] == {"value": 21, "state": "SUCCESS"}
    assert seen["chain in a chord"] == {"value": 8, "state": "SUCCESS"}
    assert seen["failed chain"] == {"error": "ValueError", "text": "in the chain", "state": "FAILURE"}
    assert seen["linked"] == "22"


@pytest.mark.parametrize("client", [OURS, STOCK])
def test_a_workflow_may_run_on_both_sides(sides: Sides, client: str) -> None:
    sides.worker(OURS, "ours")
    sides.worker(STOCK, "stock")

    seen = sides.ask(client, "mixed")

    assert seen["sides"] == [STOCK] * 4 + [OURS] * 4
    assert seen["body with us"] == {"value": 16, "state": "SUCCESS"}
    assert seen["body with stock"] == {"value": 16, "state": "SUCCESS"}
    assert seen["chain"] == {"value": 112, "state": "SUCCESS"}
    assert seen["failed by us"]["error"] == "ChordError"
    assert seen["failed by stock"]["error"] == "ChordError"


@pytest.mark.parametrize("client", [OURS, STOCK])
def test_a_queue_that_both_sides_serve_loses_nothing_with_a_node_of_ours(sides: Sides, client: str) -> None:
    sides.worker(STOCK)
    node = sides.worker(OURS)
    asking = sides.client(client, "many")
    asking.wait_for_output("SENT")
    node.wait_for_output("Task nap", 10)

    node.kill()
    sides.worker(OURS)  # stock workers take back what it held too, but after kombu's visibility timeout of an hour

    assert sides.answers(asking)["values"] == list(range(300))


@pytest.mark.parametrize("client", [OURS, STOCK])
def test_each_body_of_a_chord_runs_once_on_a_queue_that_both_sides_serve(
    sides: Sides, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message that starts a body may come to either side, whoever had the last part of the header."""
    monkeypatch.setenv("LEASE", "30")  # a lease that ran out on a busy machine would be another reason to run one twice
    sides.worker(STOCK)
    sides.worker(OURS)

    seen = sides.ask(client, "chords")

    assert seen["values"] == [10] * 40
    assert seen["times"] == [1] * 40


@DIRECTIONS
def test_results_that_nobody_wants_are_not_stored(sides: Sides, client: str, worker: str) -> None:
    sides.worker(worker)

    assert sides.ask(client, "ignored") == {
        "ran": True,
        "own": 0,
        "said": 0,
        "kept": {"value": 2, "state": "SUCCESS"},
    }


def test_messages_of_protocol_1_are_taken(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    sides.worker(OURS)
    monkeypatch.setenv("SETTINGS", '{"task_protocol": 1}')

    seen = sides.ask(STOCK, "first_protocol")

    assert seen["positional"] == {"value": 5, "state": "SUCCESS"}
    assert seen["keywords"] == {"value": "aü", "state": "SUCCESS"}
    assert seen["failed"] == {"error": "ValueError", "text": "broken", "state": "FAILURE"}
    assert seen["again"] == {"value": 2, "state": "SUCCESS"}
    assert (seen["expired"]["error"], seen["expired"]["state"]) == ("TaskRevokedError", "REVOKED")
    assert seen["late"] == {"value": 2, "state": "SUCCESS"}
    assert seen["group"] == [0, 2, 4, 6, 8]
    assert seen["chord"] == {"value": 20, "state": "SUCCESS"}
    assert seen["linked"] == "22"


@pytest.mark.parametrize("sides", ["rabbitmq"], indirect=True)
@pytest.mark.parametrize("client", [OURS, STOCK])
def test_a_node_makes_what_clients_need_who_have_calls_wait_in_the_broker(
    sides: Sides, client: str, rabbitmq_server: RabbitMQServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Celery's clients send to the exchanges of native delayed delivery without making them."""
    settings = {
        "task_default_queue_type": "quorum",
        "task_default_exchange_type": "topic",
        "broker_native_delayed_delivery_queue_type": "classic",
    }
    monkeypatch.setenv("SETTINGS", json.dumps(settings))
    monkeypatch.setenv("OPTIONS", '{"patience": 20.0}')
    sides.worker(OURS)
    wait_until(lambda: is_led_to(rabbitmq_server, sides.broker, "celery"), what="the way to the queue")

    seen = sides.ask(client, "delayed")

    assert seen["now"] == {"value": 6, "state": "SUCCESS"}
    assert seen["later"] == [{"value": 2, "state": "SUCCESS"}, {"value": 4, "state": "SUCCESS"}]


def is_led_to(server: RabbitMQServer, url: str, queue: str) -> bool:
    """Tell whether what has waited in the broker goes on to a queue: the last of what a node declares for that."""
    found: Any = server.manage("GET", f"queues/{url.rpartition('/')[2]}/{queue}/bindings")
    return any(one["routing_key"] == f"#.{queue}" and one["source"] == queue for one in found)


def test_what_no_worker_can_run_is_put_away_and_holds_up_nobody(sides: Sides, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEASE", "30")  # with 2 s a large message may cost a busy machine its lease, which is no crash
    node = sides.worker(OURS)

    seen = sides.ask(STOCK, "oddities")

    assert (seen["unknown"]["error"], seen["unknown"]["state"]) == ("NotRegistered", "FAILURE")
    assert seen["large"] == {"value": 10_000_000, "state": "SUCCESS"}
    assert seen["then"] == {"value": 5, "state": "SUCCESS"}
    transport = connect(sides.broker)
    try:
        letters = wait_until(lambda: five(transport), what="what cannot be run among the dead letters")
    finally:
        transport.close()
    assert all(letter.reason for letter in letters)
    assert node.running
    assert "crashed" not in node.output


def five(transport: Transport) -> list[DeadLetter]:
    """Return the dead letters once all five are there."""
    letters = transport.dead_letters().list("celery").get(timeout=10)
    return letters if len(letters) == 5 else []
