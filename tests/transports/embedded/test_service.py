"""Rounds of requests: repeated ones, refused ones, and a storage that fails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.transports.conformance.messages import publication, success, task_id
from understudy.transports.embedded.core.broker import Broker
from understudy.transports.embedded.core.memory import MemoryStorage
from understudy.transports.embedded.core.owners import Answer
from understudy.transports.embedded.core.policy import Policy
from understudy.transports.embedded.core.records import Claimed
from understudy.transports.embedded.frames import Held
from understudy.transports.embedded.requests import (
    AnyRequest,
    Close,
    Fetch,
    Get,
    Leave,
    Open,
    Ping,
    Publish,
    Purge,
    Renew,
    Settle,
    Size,
    Store,
    Wait,
)
from understudy.transports.embedded.service import RETRY_SECONDS, Client, Service
from understudy.transports.errors import LeaseLost, StoreCorrupt, StoreUnusable, TransportError
from understudy.transports.message import Outcome, Verdict


class FullDisk(MemoryStorage):
    """A storage whose commits fail while there is an `error`, unless nothing was written."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None

    def commit(self) -> None:
        if self.error is not None and self._journal.dirty:
            raise self.error
        super().commit()


class Bench:
    """A service, some clients, and a clock."""

    def __init__(self, storage: FullDisk | None = None) -> None:
        self.storage = storage or FullDisk()
        self.service = Service(self.storage, Broker(self.storage, Policy()))
        self.mono = 100.0
        self.ids = 0

    def round(self, *asked: tuple[Client, AnyRequest]) -> list[Answer]:
        return self.service.round(asked, 1e6 + self.mono, self.mono)

    def ask(self, client: Client, *requests: AnyRequest) -> list[Any]:
        """Ask in one round; return values and errors in the order of the requests, without those that wait."""
        for request in requests:
            self.ids += 1
            request.id = self.ids
        answers = {answer.token[1]: answer for answer in self.round(*((client, request) for request in requests))}
        given = [answers[request.id] for request in requests if request.id in answers]
        return [answer.error or answer.value for answer in given]


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def client(bench: Bench) -> Client:
    return bench.service.join("client", None)


def sent(*names: str, number: int = 0) -> Publish:
    return Publish([publication(name, "q") for name in names], number=number)


def taken(bench: Bench, client: Client, credit: int = 100) -> list[Claimed]:
    (deliveries,) = bench.ask(client, Fetch("a.1", credit))
    return deliveries


def test_answers_come_for_each_request_of_a_round(bench: Bench, client: Client) -> None:
    assert bench.ask(client, Ping(), sent("one"), Size("q"), Get(["one"])) == [None, None, 1, [None]]


def test_a_publication_that_is_repeated_is_not_made_twice(bench: Bench, client: Client) -> None:
    bench.ask(client, sent("one", number=1))
    again = bench.service.join("client", None)

    assert bench.ask(again, sent("one", number=1), sent("two", number=2), Size("q")) == [None, None, 2]


def test_a_settlement_that_is_repeated_is_not_made_twice(bench: Bench, client: Client) -> None:
    outcome = Outcome(0, result=success("one"), follow_ups=(publication("next", "q"),))
    assert bench.ask(client, Settle("a.1", [outcome], number=1)) == [[True]]
    again = bench.service.join("client", None)

    assert bench.ask(again, Settle("a.1", [outcome], number=1), Size("q")) == [[True], 1]


def test_a_settlement_that_was_refused_is_refused_again(bench: Bench, client: Client) -> None:
    outcomes = [Outcome(0, result=success("one")), Outcome(99, result=success("two"))]
    assert bench.ask(client, Settle("a.1", outcomes, number=1)) == [[True, False]]
    again = bench.service.join("client", None)

    assert bench.ask(again, Settle("a.1", outcomes, number=1)) == [[True, False]]


def test_what_was_given_back_is_not_claimed_again_for_want_of_an_answer(bench: Bench, client: Client) -> None:
    bench.ask(client, sent("one", number=1), Open("a.1", ["q"]))
    (held,) = taken(bench, client)
    back = Settle("a.1", [Outcome(held.tag, Verdict.REQUEUE)], number=2)
    bench.ask(client, back)
    other = bench.service.join("other", None)
    bench.ask(other, Open("b.1", ["q"]))
    ((theirs,),) = bench.ask(other, Fetch("b.1", 1))

    after = Bench(bench.storage)
    after.service.act(lambda broker: broker.recover(["a", "b"]), 1e6, after.mono)
    first, second = after.service.join("client", None), after.service.join("other", None)
    mine = Held("a.1", ["q"], [(held.tag, held.place)], [(held.tag, 2)])
    after.service.resume(first, [mine], 1e6, after.mono)
    after.service.resume(second, [Held("b.1", ["q"], [(theirs.tag, theirs.place)])], 1e6, after.mono)

    assert after.ask(first, back) == [[True]]
    assert after.ask(first, Fetch("a.1", 1)) == []
    assert after.ask(second, Settle("b.1", [Outcome(theirs.tag)], number=1), Size("q")) == [[True], 0]


def test_clients_count_apart(bench: Bench, client: Client) -> None:
    other = bench.service.join("other", None)

    bench.ask(client, sent("one", number=1))
    bench.ask(other, sent("two", number=1))

    assert bench.ask(client, Size("q")) == [2]


def test_one_request_that_is_refused_leaves_the_others_of_its_round(bench: Bench, client: Client) -> None:
    answers = bench.ask(client, sent("one"), Open("no owner", ["q"]), sent("two"), Size("q"))

    assert [type(answer) for answer in answers] == [type(None), TransportError, type(None), int]
    assert answers[-1] == 2


def test_a_request_that_ends_in_a_bug_is_an_error_to_its_sender_only(bench: Bench, client: Client) -> None:
    broken = Store(["no result"])  # type: ignore[list-item]

    answers = bench.ask(client, sent("one"), broken, Size("q"))

    assert isinstance(answers[1], TransportError)
    assert "AttributeError" in str(answers[1])
    assert answers[2] == 1


def test_a_full_disk_refuses_publications_and_answers_questions(bench: Bench, client: Client) -> None:
    bench.ask(client, sent("one", number=1))
    bench.storage.error = StoreUnusable("the disk is full")

    answers = bench.ask(client, sent("two", number=2), Size("q"), Get(["x"]))

    assert isinstance(answers[0], StoreUnusable)
    assert answers[1:] == [1, [None]]
    bench.storage.error = None
    assert bench.ask(client, sent("three", number=3), Size("q")) == [None, 2]


def test_a_settlement_waits_for_room_and_is_then_answered(bench: Bench, client: Client) -> None:
    bench.ask(client, sent("one", "two", number=1), Open("a.1", ["q"]))
    one, two = taken(bench, client)
    bench.storage.error = StoreUnusable("the disk is full")

    assert bench.ask(client, Settle("a.1", [Outcome(one.tag, result=success("one"))], number=2)) == []
    assert bench.ask(client, Settle("a.1", [Outcome(two.tag)], number=3), Size("q")) == [0]
    assert [type(answer) for answer in bench.ask(client, sent("three", number=4))] == [StoreUnusable]
    bench.storage.error = None
    assert bench.service.next_round(1e6, bench.mono) == pytest.approx(RETRY_SECONDS)
    bench.mono += RETRY_SECONDS

    assert [answer.value for answer in bench.round()] == [[True], [True]]
    assert bench.ask(client, Get(["one"])) != [[None]]
    assert bench.storage.messages.count(0) == 0


def test_what_waits_for_room_is_dropped_with_its_client_and_repeated_by_it(bench: Bench, client: Client) -> None:
    bench.ask(client, sent("one", number=1), Open("a.1", ["q"]))
    (one,) = taken(bench, client)
    bench.storage.error = StoreUnusable("the disk is full")
    settlement = Settle("a.1", [Outcome(one.tag, result=success("one"))], number=2)
    bench.ask(client, settlement)

    bench.service.leave(client)
    bench.storage.error = None
    again = bench.service.join("client", None)
    bench.service.resume(again, [Held("a.1", ["q"], [(one.tag, one.place)])], 1e6, bench.mono)

    assert bench.ask(again, settlement) == [[True]]
    bench.mono += RETRY_SECONDS
    assert bench.round() == []


def test_a_damaged_file_is_nothing_to_go_on_with(bench: Bench, client: Client) -> None:
    bench.storage.error = StoreCorrupt("damaged")

    with pytest.raises(StoreCorrupt):
        bench.ask(client, sent("one"))


def test_a_client_that_leaves_gives_back_what_it_held(bench: Bench, client: Client) -> None:
    other = bench.service.join("other", None)
    bench.ask(client, sent("one"), Open("a.1", ["q"]))
    taken(bench, client)

    bench.ask(client, Leave())

    bench.ask(other, Open("b.1", ["q"]))
    ((again,),) = bench.ask(other, Fetch("b.1", 5))
    assert (task_id(again), again.losses) == ("one", 0)


def test_an_owner_is_heard_on_its_last_connection_only(bench: Bench, client: Client) -> None:
    bench.ask(client, Open("a.1", ["q"]))
    newer = bench.service.join("client", None)
    bench.service.resume(newer, [Held("a.1", ["q"], [])], 1e6, bench.mono)
    assert bench.ask(newer, Fetch("a.1", 5)) == []

    assert [type(answer) for answer in bench.ask(client, Fetch("a.1", 5))] == [LeaseLost]
    bench.service.leave(client)

    answers = bench.round((newer, sent("one")))
    assert [type(answer.value) for answer in answers] == [list, type(None)]


def test_a_fetch_refused_in_its_round_can_be_made_again(bench: Bench, client: Client) -> None:
    bench.ask(client, Open("a.1", ["q"]))
    bench.storage.error = StoreUnusable("the disk is full")
    bench.ask(client, Fetch("a.1", 1), sent("one", number=1))
    bench.storage.error = None

    answers = bench.ask(client, sent("two", number=2))

    assert answers == [None]
    assert bench.ask(client, Size("q")) == [0]


def test_a_wait_that_was_left_is_not_answered(bench: Bench, client: Client) -> None:
    other = bench.service.join("other", None)
    bench.ask(other, Wait("one"))

    bench.service.leave(other)

    assert len(bench.round((client, Store([success("one")])))) == 1


def test_renew_close_and_purge_answer(bench: Bench, client: Client) -> None:
    bench.ask(client, Open("a.1", ["q"]), sent("one"))

    assert bench.ask(client, Renew("a.1"), Close("a.1"), Renew("a.1"), Purge("q")) == [True, None, False, 1]


@pytest.mark.parametrize("verdict", [Verdict.REQUEUE, Verdict.LOST])
def test_a_message_given_back_to_a_writer_that_died_before_it_said_so_is_handed_out_again(
    bench: Bench, client: Client, verdict: Verdict
) -> None:
    bench.ask(client, Open("a.1", ["q"]), sent("one"))
    (delivery,) = taken(bench, client)
    assert bench.ask(client, Settle("a.1", [Outcome(delivery.tag, verdict)], number=1)) == [[True]]

    bench.service = Service(bench.storage, Broker(bench.storage, Policy()))
    bench.service.broker.recover(["a"])
    again = bench.service.join("client", None)
    held = [Held("a.1", ["q"], [(delivery.tag, delivery.place)])]
    bench.service.resume(again, held, 1e6, bench.mono)
    assert bench.ask(again, Settle("a.1", [Outcome(delivery.tag, verdict)], number=1)) == [[True]]

    assert [one.place for one in taken(bench, again)] == [delivery.place]
