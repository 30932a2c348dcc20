"""The broker's state machine, over both storages, in a time that the tests set."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.transports.conformance.messages import publication, success, task_id
from understudy.actors.errors import Timeout
from understudy.transports.embedded.core.memory import MemoryStorage
from understudy.transports.embedded.core.policy import DAY
from understudy.transports.embedded.core.records import Claimed
from understudy.transports.embedded.core.storage import Storage
from understudy.transports.embedded.sqlite.file import Durability
from understudy.transports.embedded.sqlite.storage import SqliteStorage
from understudy.transports.errors import LeaseLost, TransportError
from understudy.transports.message import ChordPart, Outcome, Result, Verdict

from .bench import POLICY, START, Bench


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
    made = (
        MemoryStorage() if request.param == "memory" else SqliteStorage(tmp_path / "broker.db", Durability.NONE, POLICY)
    )
    yield made
    made.close()


@pytest.fixture
def bench(storage: Storage) -> Bench:
    return Bench(storage)


def ids(deliveries: list[Claimed]) -> list[str]:
    return [task_id(delivery) for delivery in deliveries]


def test_a_queue_longer_than_the_window_keeps_its_order(bench: Bench) -> None:
    names = [f"{number:03}" for number in range(50)]
    bench.publish(*names)
    bench.open("a.1")
    taken = ids(bench.fetch("a.1", 3))
    bench.publish("urgent", priority=9)
    bench.publish("last")

    for _ in range(18):
        taken += ids(bench.fetch("a.1", 3))

    assert taken == [*names[:3], "urgent", *names[3:], "last"]


def test_a_message_given_back_beyond_the_window_is_delivered_once(bench: Bench) -> None:
    bench.publish(*(f"{number:03}" for number in range(20)))
    bench.open("a.1")
    bench.open("b.1")
    held = bench.fetch("a.1", 10)
    bench.fetch("b.1", 2)

    bench.settle("a.1", *(Outcome(one.tag, Verdict.REQUEUE) for one in held))

    taken: list[str] = []
    while more := ids(bench.fetch("b.1", 7)):
        taken += more
    assert taken == [*(f"{number:03}" for number in range(10)), *(f"{number:03}" for number in range(12, 20))]


def test_those_who_wait_share_what_comes(bench: Bench) -> None:
    for owner in ("a.1", "b.1", "c.1"):
        bench.open(owner)
        bench.fetch(owner)

    bench.publish("1", "2", "3", "4")

    assert sorted(len(bench.deliveries(owner)) for owner in ("a.1", "b.1", "c.1")) == [1, 1, 2]


def test_a_full_queue_does_not_starve_another(bench: Bench) -> None:
    bench.publish(*map(str, range(20)), queue="busy")
    bench.publish("alone", queue="quiet")
    bench.open("a.1", "busy", "quiet")

    assert "alone" in ids(bench.fetch("a.1", 5)) + ids(bench.fetch("a.1", 5))


def test_one_fetch_at_a_time(bench: Bench) -> None:
    bench.open("a.1")
    bench.fetch("a.1")

    with pytest.raises(TransportError, match="one at a time"):
        bench.fetch("a.1")


def test_a_lease_that_ran_out_gives_back_and_fences(bench: Bench) -> None:
    bench.publish("one")
    bench.open("a.1")
    (held,) = bench.fetch("a.1")
    bench.clock += 1.0
    bench.open("b.1")

    (again,) = bench.fetch("b.1", after=POLICY.lease - 1.0)

    assert again.redelivered
    assert bench.settle("a.1", Outcome(held.tag, result=success("one"))) == [False]
    assert bench.broker.renew("a.1") is False
    with pytest.raises(LeaseLost):
        bench.open("a.1")
    bench.open("a.2")
    assert bench.settle("b.1", Outcome(again.tag)) == [True]


def test_a_waiting_fetch_hears_that_its_lease_ran_out(bench: Bench) -> None:
    bench.open("a.1")
    bench.fetch("a.1")

    bench.round(after=POLICY.lease)

    with pytest.raises(LeaseLost):
        bench.deliveries("a.1")


def test_renewing_fetching_and_settling_keep_a_lease(bench: Bench) -> None:
    bench.open("a.1")
    for _ in range(3):
        bench.round(lambda broker: broker.renew("a.1"), after=POLICY.lease - 1)
        bench.round(lambda broker: broker.settle("a.1", []), after=POLICY.lease - 1)
    bench.fetch("a.1", after=POLICY.lease - 1)
    bench.round(after=POLICY.lease - 1)

    bench.publish("one")

    assert ids(bench.deliveries("a.1")) == ["one"]


def test_time_in_which_nobody_listened_ends_no_lease(bench: Bench) -> None:
    bench.open("a.1")
    bench.broker.prolong(60.0)

    bench.round(after=60.0)

    assert bench.broker.renew("a.1") is True


def test_a_dead_node_gives_back_at_once_and_counts_no_loss(bench: Bench) -> None:
    bench.publish("one", "two")
    bench.open("a.1")
    bench.fetch("a.1", 1)

    bench.round(lambda broker: broker.bury_node("a"))

    bench.open("b.1")
    again = bench.fetch("b.1")
    assert [(task_id(one), one.losses, one.redelivered) for one in again] == [("one", 0, True), ("two", 0, False)]


def test_what_keeps_dying_with_its_nodes_is_a_dead_letter(bench: Bench) -> None:
    bench.publish("one")
    for number in range(POLICY.max_node_deaths):
        bench.open(f"node{number}.1")
        bench.fetch(f"node{number}.1")
        bench.round(lambda broker, boot=f"node{number}": broker.bury_node(boot))

    (dead,) = bench.broker.dead.list("q", 10)

    assert (dead.id, dead.losses, dead.reason) == ("one", 0, "3 nodes died while they held it")
    assert bench.size() == 0


def test_after_a_takeover_nobody_is_served_before_the_living_have_spoken(bench: Bench) -> None:
    bench.publish("one", "two")
    bench.open("a.1")
    (held,) = bench.fetch("a.1", 1)

    after = bench.takeover("a")
    after.open("b.1")
    assert after.fetch("b.1") == []
    after.round(
        lambda broker: broker.resume("a.1", ["q"], [(held.tag, held.place)]), lambda broker: broker.resumed("a")
    )

    assert ids(after.deliveries("b.1")) == ["two"]
    assert after.settle("a.1", Outcome(held.tag)) == [True]
    assert after.size() == 0


def test_after_a_takeover_the_dead_hold_nothing(bench: Bench) -> None:
    bench.publish("one")
    bench.open("a.1")
    (held,) = bench.fetch("a.1")

    after = bench.takeover()
    after.open("b.1")
    (again,) = after.fetch("b.1")

    assert again.redelivered
    assert again.tag != held.tag
    assert after.broker.resume("a.1", ["q"], [(held.tag, held.place)]) is False


def test_a_node_that_never_speaks_is_awaited_for_a_lease_only(bench: Bench) -> None:
    bench.publish("one")
    bench.open("a.1")
    (held,) = bench.fetch("a.1")

    after = bench.takeover("a")
    after.open("b.1")
    assert after.fetch("b.1") == []
    after.round(after=POLICY.lease - 1)
    after.round(lambda broker: broker.renew("b.1"))
    after.round(after=1.0)

    assert ids(after.deliveries("b.1")) == ["one"]
    assert after.broker.resume("a.1", ["q"], [(held.tag, held.place)]) is False


def test_what_was_never_handed_out_is_not_redelivered(bench: Bench) -> None:
    bench.publish("one")
    bench.open("a.1")
    bench.round(lambda broker: broker.close("a.1"))

    after = bench.takeover()
    after.open("b.1")

    assert [one.redelivered for one in after.fetch("b.1")] == [False]


def test_deliveries_that_got_lost_on_the_way_are_made_again(bench: Bench) -> None:
    bench.publish("one", "two")
    bench.open("a.1")
    arrived = bench.fetch("a.1", 1)
    bench.fetch("a.1", 1)

    bench.round(lambda broker: broker.resume("a.1", ["q"], [(one.tag, one.place) for one in arrived]))

    assert ids(bench.fetch("a.1")) == ["two"]
    assert bench.settle("a.1", Outcome(arrived[0].tag)) == [True]


def test_a_newer_epoch_leaves_other_queues_of_its_node_alone(bench: Bench) -> None:
    bench.publish("one", queue="first")
    bench.publish("two", queue="second")
    bench.open("a.1", "first")
    bench.open("a.2", "second")
    (first,), (second,) = bench.fetch("a.1"), bench.fetch("a.2")

    bench.open("a.3", "second")

    assert bench.settle("a.1", Outcome(first.tag)) == [True]
    assert bench.settle("a.2", Outcome(second.tag)) == [False]
    assert ids(bench.fetch("a.3")) == ["two"]


def test_an_older_epoch_that_comes_after_a_newer_one_gets_nothing(bench: Bench) -> None:
    bench.open("a.2")

    with pytest.raises(LeaseLost):
        bench.open("a.1")
    bench.round(lambda broker: broker.resume("a.1", ["q"], []))

    bench.publish("one")
    with pytest.raises(LeaseLost):
        bench.fetch("a.1")
    assert ids(bench.fetch("a.2")) == ["one"]


@pytest.mark.parametrize("owner", ["", "boot", "boot.", ".1", "boot.one"])
def test_a_name_that_is_no_owner_is_refused(bench: Bench, owner: str) -> None:
    with pytest.raises(TransportError, match="is no owner"):
        bench.open(owner)


def test_a_rolled_back_round_never_was(bench: Bench) -> None:
    bench.publish("one", "two", "three")
    bench.open("a.1")
    held = bench.fetch("a.1", 2)
    outcomes = [
        Outcome(held[0].tag, result=success("one"), follow_ups=(publication("next", "new"),)),
        Outcome(held[1].tag, Verdict.LOST),
    ]

    bench.broker.begin(START, 0.0)
    bench.broker.settle("a.1", outcomes)
    bench.broker.publish([publication("four", "q"), publication("delayed", "q", eta=START + 5)])
    bench.broker.open("b.1", ["other"])
    bench.broker.fetch("a.1", 5, "token")
    bench.broker.rollback()

    assert bench.settle("a.1", *outcomes) == [True, True]
    assert bench.size("new") == 1
    assert ids(bench.fetch("a.1")) == ["two", "three"]
    with pytest.raises(LeaseLost):
        bench.fetch("b.1")
    bench.round(after=6.0)
    assert bench.size() == 0


def test_what_a_lost_lease_held_is_ready_even_if_the_round_is_rolled_back(bench: Bench) -> None:
    bench.publish("one")
    bench.open("a.1")
    (held,) = bench.fetch("a.1")

    bench.broker.begin(START, POLICY.lease)
    bench.broker.settle("a.1", [Outcome(held.tag)])
    bench.broker.bury_node("a")
    bench.broker.rollback()

    bench.open("b.1")
    assert ids(bench.fetch("b.1")) == ["one"]


def test_purging_leaves_what_is_held_and_what_comes_later(bench: Bench) -> None:
    bench.publish(*map(str, range(10)))
    bench.open("a.1")
    held = bench.fetch("a.1", 3)
    bench.settle("a.1", Outcome(held[1].tag, Verdict.REQUEUE))

    assert bench.finish(lambda broker: broker.queues.purge("q")) == 8

    bench.publish("later")
    assert ids(bench.fetch("a.1")) == ["later"]
    assert bench.settle("a.1", Outcome(held[0].tag), Outcome(held[2].tag)) == [True, True]


def test_an_expired_message_waits_for_whoever_revokes_it_and_is_deleted_where_nobody_comes(bench: Bench) -> None:
    bench.publish("revoked", expires=START - 5)
    bench.open("a.1")
    assert ids(bench.fetch("a.1")) == ["revoked"]
    bench.publish("stale", expires=START + 5)
    bench.publish("fresh", expires=START + 2 * POLICY.expired_retention)
    assert bench.size() == 2

    bench.round(lambda broker: broker.bury_node("a"))
    bench.round(after=POLICY.expired_retention + 6)

    bench.open("b.1")
    assert ids(bench.fetch("b.1")) == ["fresh"]


def test_a_wait_is_told_once_and_in_time(bench: Bench) -> None:
    results = bench.broker.results
    bench.round(lambda _: results.wait("one", "patient", None), lambda _: results.wait("one", "hasty", 5.0))
    bench.round(after=5.0)
    bench.round(lambda broker: results.store([Result("one", "SUCCESS", b"1")], broker.now))

    assert isinstance(bench.told["hasty"].error, Timeout)
    assert bench.told["patient"].value == b"1"


def test_a_push_is_what_is_stored_not_what_was_refused(bench: Bench) -> None:
    results = bench.broker.results
    bench.round(lambda broker: results.store([Result("one", "SUCCESS", b"1")], broker.now))

    bench.round(
        lambda _: results.wait("one", "token", None),
        lambda broker: results.store([Result("one", "FAILURE", b"2")], broker.now),
    )

    assert bench.told["token"].value == b"1"


def test_nobody_is_told_of_a_wait_that_was_abandoned(bench: Bench) -> None:
    results = bench.broker.results
    bench.round(lambda _: results.wait("one", "gone", 5.0), lambda _: results.wait("one", "there", None))
    results.abandon(lambda token: token == "gone")

    bench.round(lambda broker: results.store([Result("one", "SUCCESS", b"1")], broker.now), after=9.0)

    assert set(bench.told) == {"there"}


def test_everything_that_is_kept_for_a_time_goes_after_it(bench: Bench) -> None:
    part = ChordPart("chord", 0, "part", "SUCCESS", b"1", publication("body", "q"), None)
    bench.publish("one", dedupe="key")
    bench.open("a.1")
    (held,) = bench.fetch("a.1")
    bench.settle("a.1", Outcome(held.tag, Verdict.DEAD, Result("one", "FAILURE", b"1", ttl=DAY), reason="it kills"))
    bench.round(
        lambda broker: broker.chords.add(part, broker.now),
        lambda broker: bench.storage.results.put_group("group", b"1", broker.now + DAY),
        lambda _: bench.storage.book.remember_number("client", 7, START),
    )

    bench.round(after=max(POLICY.dead_retention, POLICY.chord_retention) + 1)

    assert bench.broker.dead.list(None, 10) == []
    assert bench.broker.chords.parts("chord") == []
    assert bench.storage.results.get(["one"], 0.0) == [None]
    assert bench.storage.results.get_group("group", 0.0) is None
    bench.publish("one", dedupe="key")
    assert bench.size() == 1


def test_it_says_when_it_has_something_to_do(bench: Bench) -> None:
    bench.publish("late", eta=START + 7)
    assert bench.broker.next_tick(START + 1, 1.0) == 6.0
    bench.open("a.1")
    bench.round(lambda _: bench.broker.results.wait("one", "token", 3.0))
    assert bench.broker.next_tick(START + 1, 1.0) == 2.0
    bench.round(after=7.0)
    assert bench.broker.next_tick(START + 7, 7.0) == 3.0


def test_queues_without_messages_are_forgotten_by_the_next_incarnation(bench: Bench) -> None:
    bench.publish("one", queue="kept")
    bench.publish("two", queue="delayed", eta=START + 500)
    bench.publish("three", queue="empty")
    bench.finish(lambda broker: broker.queues.purge("empty"))

    bench.takeover()

    assert set(bench.storage.book.queues()) == {"kept", "delayed"}
