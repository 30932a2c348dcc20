"""Chords whose parts are counted in the script that settles them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.support import wait_until
from tests.transports.conformance.messages import PATIENCE, publication, publish, settle, take, take_ids
from understudy.transports.message import ChordPart, Outcome, Publication
from understudy.transports.redis_broker import RedisTransport

Fresh = Callable[[], str]


def part(group: str, index: int, one: str, trigger: Publication, size: int | None = 2) -> ChordPart:
    return ChordPart(group, index, one, "SUCCESS", b"%d" % index, trigger, size)


def test_the_trigger_tells_stock_workers_the_ids_of_the_header(transport: RedisTransport, fresh: Fresh) -> None:
    group, ids = fresh(), [fresh(), fresh()]
    publish(transport, *(publication(one, "celery") for one in ids))
    intake = transport.intake(["celery"], "boot.1")
    trigger = publication(fresh(), "bodies", priority=6)

    deliveries = take(intake, 2)
    for index in (1, 0):
        settle(intake, Outcome(deliveries[index].tag, chord=part(group, index, ids[index], trigger)))

    (body,) = take(transport.intake(["bodies"], "boot.2"), 1)
    assert json.loads(body.body) == [[trigger.id], {"result": [[[one, None], None] for one in ids]}, {}]


def test_a_body_in_another_serializer_is_sent_as_it_is(transport: RedisTransport, fresh: Fresh) -> None:
    group, one = fresh(), fresh()
    publish(transport, publication(one, "celery"))
    intake = transport.intake(["celery"], "boot.1")
    plain = publication(fresh(), "bodies")
    trigger = Publication(plain.id, "bodies", plain.head, b"\x80\x04N.")
    (delivery,) = take(intake, 1)

    settle(intake, Outcome(delivery.tag, chord=part(group, 0, one, trigger, size=1)))

    (body,) = take(transport.intake(["bodies"], "boot.2"), 1)
    assert body.body == trigger.body


def test_a_size_that_comes_last_fires_the_chord(transport: RedisTransport, fresh: Fresh) -> None:
    group, one = fresh(), fresh()
    publish(transport, publication(one, "celery"))
    intake = transport.intake(["celery"], "boot.1")
    trigger = publication(fresh(), "bodies")
    (delivery,) = take(intake, 1)
    assert settle(intake, Outcome(delivery.tag, chord=part(group, 0, one, trigger, size=None))) == [True]

    transport.results().set_chord_size(group, 1).get(timeout=PATIENCE)

    assert take_ids(transport.intake(["bodies"], "boot.2"), 1) == [trigger.id]


def test_a_part_waits_for_a_body_that_a_stock_worker_has_claimed(
    transport: RedisTransport, server: Any, fresh: Fresh
) -> None:
    group, one = fresh(), fresh()
    publish(transport, publication(one, "celery"))
    intake = transport.intake(["celery"], "boot.1")
    (delivery,) = take(intake, 1)
    claim = f"celery-taskset-meta-{group}.c"
    server.set(claim, "a stock worker's token")

    follow_up = publication(fresh(), "next")
    chord = part(group, 0, one, publication(fresh(), "bodies"), size=1)
    assert settle(intake, Outcome(delivery.tag, follow_ups=(follow_up,), chord=chord)) == [True]
    assert (server.hlen("unacked"), server.llen("next")) == (1, 0)
    server.set(claim, "done")

    wait_until(lambda: server.hlen("unacked") == 0, what="the end of the message")
    assert (server.llen("next"), server.llen("bodies")) == (1, 0)


def test_the_end_of_a_chord_is_part_of_an_outcome(transport: RedisTransport, server: Any, fresh: Fresh) -> None:
    group, one = fresh(), fresh()
    publish(transport, publication(one, "celery"))
    intake = transport.intake(["celery"], "boot.1")
    (delivery,) = take(intake, 1)
    server.set(f"celery-taskset-meta-{group}.s", 3)

    settle(intake, Outcome(delivery.tag, ended_chord=group))

    assert server.get(f"celery-taskset-meta-{group}.c") == b"done"
    assert not server.exists(f"celery-taskset-meta-{group}.s")
