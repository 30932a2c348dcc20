"""Result stores: states, waiting, groups, chords."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec
import pytest

from understudy.actors.errors import Timeout
from understudy.transports.api import ResultStore, Transport
from understudy.transports.message import ChordPart, Result

from .harness import Harness
from .messages import PATIENCE, publication, publish, take_ids

pytestmark = pytest.mark.needs("results")


@pytest.fixture
def transport(harness: Harness) -> Transport:
    return harness.transport()


@pytest.fixture
def results(harness: Harness, transport: Transport) -> ResultStore:
    return harness.results(transport)


def kept(task_id: str, state: str = "SUCCESS", value: object = None, ttl: float | None = None) -> Result:
    """Return a state as the runtime would store it."""
    done = datetime.now(UTC).isoformat() if state in ("SUCCESS", "FAILURE", "REVOKED") else None
    meta = {"status": state, "result": value, "traceback": None, "children": [], "date_done": done, "task_id": task_id}
    return Result(task_id, state, msgspec.json.encode(meta), ttl)


def put(results: ResultStore, *states: Result) -> None:
    """Store and wait until that is done."""
    results.store(states).get(timeout=PATIENCE)


def seen(payloads: Sequence[bytes | None]) -> list[tuple[str, object] | None]:
    """Return what payloads say, state and value; None for none."""
    metas = [None if payload is None else msgspec.json.decode(payload) for payload in payloads]
    return [None if meta is None else (meta["status"], meta["result"]) for meta in metas]


def look(results: ResultStore, *task_ids: str) -> list[tuple[str, object] | None]:
    """Return what is stored about tasks."""
    return seen(results.get(task_ids).get(timeout=PATIENCE))


def test_an_unknown_task_has_no_result(results: ResultStore, names: Iterator[str]) -> None:
    assert results.get([next(names), next(names)]).get(timeout=PATIENCE) == [None, None]


def test_results_come_in_the_order_asked_for(results: ResultStore, names: Iterator[str]) -> None:
    one, other = next(names), next(names)
    put(results, kept(one, "STARTED", 1), kept(other, "SUCCESS", 2))

    assert look(results, other, next(names), one) == [("SUCCESS", 2), None, ("STARTED", 1)]


def test_a_payload_says_what_was_stored(results: ResultStore, names: Iterator[str]) -> None:
    one = next(names)
    child = [[next(names), None], None]
    meta = {
        "status": "FAILURE",
        "result": {"exc_type": "ValueError", "exc_message": ["ü"], "exc_module": "builtins"},
        "traceback": "Traceback: ü",
        "children": [child],
        "date_done": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "name": "tests.task",
        "args": [1, {"a": None}],
        "kwargs": {},
        "worker": "w1@h",
        "retries": 2,
        "queue": "celery",
        "stamped_headers": ["stamp"],
        "stamp": ["a"],
        "task_id": one,
    }

    put(results, Result(one, "FAILURE", msgspec.json.encode(meta)))

    (payload,) = results.get([one]).get(timeout=PATIENCE)
    assert payload is not None
    assert msgspec.json.decode(payload) == meta


def test_a_later_state_takes_the_place_of_an_earlier_one(results: ResultStore, names: Iterator[str]) -> None:
    one = next(names)
    for value, state in enumerate(("STARTED", "RETRY", "FAILURE", "SUCCESS")):
        put(results, kept(one, state, value))
        assert look(results, one) == [(state, value)]


def test_no_other_state_takes_the_place_of_success(results: ResultStore, names: Iterator[str]) -> None:
    one = next(names)
    put(results, kept(one, "SUCCESS", 1))

    put(results, kept(one, "FAILURE", 2), kept(one, "STARTED", 3))

    assert look(results, one) == [("SUCCESS", 1)]


def test_a_batch_ends_as_its_results_would_one_after_the_other(results: ResultStore, names: Iterator[str]) -> None:
    one, other = next(names), next(names)

    put(results, kept(one, "STARTED"), kept(other, "SUCCESS", 1), kept(one, "FAILURE", 2), kept(other, "FAILURE"))

    assert look(results, one, other) == [("FAILURE", 2), ("SUCCESS", 1)]


def test_a_result_goes_when_its_time_is_up(results: ResultStore, names: Iterator[str]) -> None:
    one, other = next(names), next(names)
    stored = time.time()
    put(results, kept(one, ttl=1.0), kept(other, ttl=600))
    assert look(results, one) == [("SUCCESS", None)] or time.time() - stored > 1.0

    while look(results, one) != [None]:
        assert time.time() - stored < PATIENCE

    assert look(results, other) == [("SUCCESS", None)]


def test_a_forgotten_result_is_gone(results: ResultStore, names: Iterator[str]) -> None:
    one, other = next(names), next(names)
    put(results, kept(one, value=1), kept(other, value=2))

    results.forget([one]).get(timeout=PATIENCE)

    assert look(results, one, other) == [None, ("SUCCESS", 2)]


def test_a_wait_ends_when_the_result_is_stored(harness: Harness, results: ResultStore, names: Iterator[str]) -> None:
    one = next(names)
    waiting = results.wait(one, 60)
    with pytest.raises(Timeout):
        waiting.get(timeout=0.1)

    put(harness.results(harness.transport()), kept(one, value=1))

    assert seen([waiting.get(timeout=PATIENCE)]) == [("SUCCESS", 1)]


def test_a_wait_for_what_is_there_ends_at_once(results: ResultStore, names: Iterator[str]) -> None:
    one = next(names)
    put(results, kept(one, value=1))

    assert seen([results.wait(one).get(timeout=PATIENCE)]) == [("SUCCESS", 1)]


def test_a_wait_outlasts_states_that_are_not_the_last(results: ResultStore, names: Iterator[str]) -> None:
    one = next(names)
    waiting = results.wait(one, 60)

    put(results, kept(one, "STARTED"))
    with pytest.raises(Timeout):
        waiting.get(timeout=0.1)
    put(results, kept(one, "REVOKED"))

    assert seen([waiting.get(timeout=PATIENCE)]) == [("REVOKED", None)]


def test_every_waiter_for_one_task_hears_of_it(harness: Harness, results: ResultStore, names: Iterator[str]) -> None:
    one = next(names)
    elsewhere = harness.results(harness.transport())
    waiting = [results.wait(one), results.wait(one), elsewhere.wait(one)]

    put(results, kept(one, value=1))

    assert seen([one.get(timeout=PATIENCE) for one in waiting]) == [("SUCCESS", 1)] * 3


def test_a_wait_ends_when_its_time_is_up(results: ResultStore, names: Iterator[str]) -> None:
    with pytest.raises(Timeout):
        results.wait(next(names), timeout=0.2).get(timeout=PATIENCE)


def test_a_group_is_kept_until_it_is_deleted(results: ResultStore, names: Iterator[str]) -> None:
    group = next(names)
    assert results.restore_group(group).get(timeout=PATIENCE) is None
    results.save_group(group, b'{"result":[]}', 600).get(timeout=PATIENCE)
    assert results.restore_group(group).get(timeout=PATIENCE) == b'{"result":[]}'

    results.delete_group(group).get(timeout=PATIENCE)

    assert results.restore_group(group).get(timeout=PATIENCE) is None


def part(group: str, index: int, queue: str, size: int | None) -> ChordPart:
    return ChordPart(
        group, index, f"{group}-{index}", "SUCCESS", b"%d" % index, publication(f"{group}-body", queue), size
    )


def fence(transport: Transport, queue: str, one: str) -> str:
    """Put a message behind whatever was published before, to see that nothing was."""
    publish(transport, publication(one, queue))
    return one


def test_the_last_part_fires_the_chord_once(
    harness: Harness, transport: Transport, results: ResultStore, names: Iterator[str]
) -> None:
    group, queue = next(names), next(names)
    for index in (2, 0, 1):
        results.chord_part(part(group, index, queue, 3)).get(timeout=PATIENCE)
    last = fence(transport, queue, next(names))

    assert take_ids(harness.intake(transport, queue), 2) == [f"{group}-body", last]
    assert results.chord_parts(group).get(timeout=PATIENCE) == [
        (index, f"{group}-{index}", "SUCCESS", b"%d" % index) for index in range(3)
    ]


def test_a_part_that_comes_twice_counts_once(
    harness: Harness, transport: Transport, results: ResultStore, names: Iterator[str]
) -> None:
    group, queue = next(names), next(names)
    for index in (0, 0):
        results.chord_part(part(group, index, queue, 2)).get(timeout=PATIENCE)
    before = fence(transport, queue, next(names))
    for index in (1, 1):
        results.chord_part(part(group, index, queue, 2)).get(timeout=PATIENCE)
    after = fence(transport, queue, next(names))

    assert take_ids(harness.intake(transport, queue), 3) == [before, f"{group}-body", after]


@pytest.mark.parametrize("parts_before", [0, 1, 2])
def test_the_size_may_come_before_between_or_after_the_parts(
    harness: Harness, transport: Transport, results: ResultStore, names: Iterator[str], parts_before: int
) -> None:
    group, queue = next(names), next(names)
    for index in range(parts_before):
        results.chord_part(part(group, index, queue, None)).get(timeout=PATIENCE)
    results.set_chord_size(group, 2).get(timeout=PATIENCE)
    for index in range(parts_before, 2):
        results.chord_part(part(group, index, queue, None)).get(timeout=PATIENCE)
    last = fence(transport, queue, next(names))

    assert take_ids(harness.intake(transport, queue), 2) == [f"{group}-body", last]


def test_late_parts_of_a_deleted_chord_are_ignored(
    harness: Harness, transport: Transport, results: ResultStore, names: Iterator[str]
) -> None:
    group, queue = next(names), next(names)
    results.chord_part(part(group, 0, queue, 2)).get(timeout=PATIENCE)

    results.delete_chord(group).get(timeout=PATIENCE)

    results.chord_part(part(group, 1, queue, 2)).get(timeout=PATIENCE)
    results.chord_part(part(group, 0, queue, 2)).get(timeout=PATIENCE)
    last = fence(transport, queue, next(names))
    assert results.chord_parts(group).get(timeout=PATIENCE) == []
    assert take_ids(harness.intake(transport, queue), 1) == [last]


@pytest.mark.parametrize("size_first", [True, False])
def test_a_chord_that_was_extended_waits_for_that_part_too(
    harness: Harness, transport: Transport, results: ResultStore, names: Iterator[str], size_first: bool
) -> None:
    group, queue = next(names), next(names)
    far = 1 << 48
    if size_first:
        results.set_chord_size(group, 2).get(timeout=PATIENCE)
    results.chord_part(part(group, 0, queue, None)).get(timeout=PATIENCE)
    for _ in range(2):  # said twice it counts once
        results.extend_chord(group, far, "added").get(timeout=PATIENCE)
    if not size_first:
        results.set_chord_size(group, 2).get(timeout=PATIENCE)
    results.chord_part(part(group, 1, queue, None)).get(timeout=PATIENCE)
    before = fence(transport, queue, next(names))
    results.chord_part(part(group, far, queue, None)).get(timeout=PATIENCE)
    after = fence(transport, queue, next(names))

    assert take_ids(harness.intake(transport, queue), 3) == [before, f"{group}-body", after]
    assert [index for index, _, _, _ in results.chord_parts(group).get(timeout=PATIENCE)] == [0, 1, far]


def test_a_part_that_knows_the_size_does_not_know_what_was_added(
    harness: Harness, transport: Transport, results: ResultStore, names: Iterator[str]
) -> None:
    group, queue = next(names), next(names)
    results.extend_chord(group, 1 << 48, "added").get(timeout=PATIENCE)
    results.chord_part(part(group, 0, queue, 1)).get(timeout=PATIENCE)
    before = fence(transport, queue, next(names))
    results.chord_part(part(group, 1 << 48, queue, 1)).get(timeout=PATIENCE)
    after = fence(transport, queue, next(names))

    assert take_ids(harness.intake(transport, queue), 3) == [before, f"{group}-body", after]
