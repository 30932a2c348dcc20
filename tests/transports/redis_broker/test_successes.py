"""A success stays, in whatever form it is written, when an outcome is settled in one step with its result."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.transports.conformance.messages import PATIENCE, publication, publish, settle, take
from tests.transports.redis_results.test_serializers import FORMS, Form
from understudy.transports.message import Outcome, Result, Verdict
from understudy.transports.redis_broker import RedisTransport

Fresh = Callable[[], str]


@pytest.fixture(params=[Form("json"), *FORMS], ids=str)
def form(request: pytest.FixtureRequest, transport: RedisTransport) -> Form:
    """Each way to write payloads in turn; the store knows of it."""
    transport.results().expect(request.param.serializer, request.param.accept)
    return request.param


def store(transport: RedisTransport, *results: Result) -> None:
    transport.results().store(results).get(timeout=PATIENCE)


def stored(transport: RedisTransport, *task_ids: str) -> list[bytes | None]:
    return transport.results().get(task_ids).get(timeout=PATIENCE)


def outcomes(transport: RedisTransport, *results: Result, verdict: Verdict = Verdict.ACK) -> list[bool]:
    """Settle a message for each result."""
    publish(transport, *(publication(f"{one.task_id}-message", "celery") for one in results))
    intake = transport.intake(["celery"], "boot.1")
    deliveries = take(intake, len(results))
    settled = settle(
        intake, *(Outcome(one.tag, verdict, result) for one, result in zip(deliveries, results, strict=True))
    )
    assert transport.size("celery").get(timeout=PATIENCE) == 0
    intake.close().get(timeout=PATIENCE)
    return settled


@pytest.mark.parametrize("verdict", [Verdict.ACK, Verdict.DEAD])
def test_no_outcome_takes_the_place_of_a_success(
    transport: RedisTransport, form: Form, fresh: Fresh, verdict: Verdict
) -> None:
    one, other, new = fresh(), fresh(), fresh()
    store(transport, form.result(one, "SUCCESS", 1), form.result(other, "STARTED"))

    settled = outcomes(
        transport, *(form.result(task_id, "FAILURE", 2) for task_id in (one, other, new)), verdict=verdict
    )

    assert settled == [True, True, True]
    assert stored(transport, one, other, new) == [
        form.written(one, "SUCCESS", 1), form.written(other, "FAILURE", 2), form.written(new, "FAILURE", 2),
    ]  # fmt: skip


def test_the_success_of_an_outcome_stays_in_the_settlement_of_many(
    transport: RedisTransport, form: Form, fresh: Fresh
) -> None:
    one, other = fresh(), fresh()
    store(transport, form.result(one, "STARTED"))

    outcomes(
        transport,
        form.result(one, "SUCCESS", 1),
        form.result(one, "FAILURE", 2),
        form.result(other, "RETRY"),
        form.result(other, "SUCCESS", 3),
    )

    assert stored(transport, one, other) == [form.written(one, "SUCCESS", 1), form.written(other, "SUCCESS", 3)]


@pytest.mark.parametrize("payload", [b"\xff\xff: neither", b"\0celery-compressed\0application/x-gzip\0nonsense", b"[]"])
def test_what_nobody_can_read_may_be_overwritten(
    transport: RedisTransport, redis_url: str, form: Form, fresh: Fresh, payload: bytes
) -> None:
    one = fresh()
    client: Any = redis.Redis.from_url(redis_url)
    client.set(f"celery-task-meta-{one}", payload)

    assert outcomes(transport, form.result(one, "FAILURE", 2)) == [True]

    assert stored(transport, one) == [form.written(one, "FAILURE", 2)]
    client.close()


def test_what_changes_while_it_is_read_is_read_again(
    transport: RedisTransport, fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    form, one = Form("msgpack"), fresh()
    results = transport.results()
    results.expect(form.serializer, form.accept)
    store(transport, form.result(one, "STARTED"))
    state_of = results.state

    def meanwhile(payload: bytes) -> str | None:
        state = state_of(payload)
        if state == "STARTED":
            store(transport, form.result(one, "SUCCESS", 1))
        return state

    monkeypatch.setattr(results, "state", meanwhile)
    outcomes(transport, form.result(one, "FAILURE", 2))

    assert stored(transport, one) == [form.written(one, "SUCCESS", 1)]
