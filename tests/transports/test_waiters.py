"""Who waits for which result, and until when."""

from __future__ import annotations

import weakref

import pytest

from understudy.actors.completion import Completion
from understudy.actors.errors import Timeout
from understudy.transports.waiters import Waiter, Waiters


def waiter(until: float | None = None, since: float = 0.0) -> Waiter:
    return Waiter(Completion(), since, until)


def test_all_who_wait_for_a_task_get_its_payload_once() -> None:
    waiters, both = Waiters(), [waiter(), waiter()]

    assert [waiters.add("one", each) for each in both] == [True, False]
    assert waiters.resolve("one", b"1")
    assert not waiters.resolve("one", b"2")

    assert [each.completion.get(timeout=0) for each in both] == [b"1", b"1"]
    assert not waiters


def test_those_whose_time_is_up_fail_alone() -> None:
    waiters, late, patient = Waiters(), waiter(until=5.0), waiter()
    waiters.add("one", late)
    waiters.add("one", patient)
    waiters.add("two", waiter(until=5.0))

    assert waiters.next_deadline() == 5.0
    assert waiters.expire(5.0) == ["two"]

    with pytest.raises(Timeout, match="within 5 s"):
        late.completion.get(timeout=0)
    assert waiters.tasks() == ["one"]
    assert waiters.next_deadline() is None


def test_those_who_came_before_a_moment_are_disappointed() -> None:
    waiters, early, late = Waiters(), waiter(since=1.0), waiter(since=2.0)
    waiters.add("one", early)
    waiters.add("one", late)

    assert waiters.disappoint(OSError("gone"), 1.5) == []

    with pytest.raises(OSError, match="gone"):
        early.completion.get(timeout=0)
    assert waiters.resolve("one", b"1")
    assert late.completion.get(timeout=0) == b"1"


class Name(str):
    """The id of a task of which can be seen whether anybody keeps it."""

    __slots__ = ("__weakref__",)


def test_deadlines_of_those_who_wait_no_more_are_not_kept() -> None:
    waiters, names = Waiters(), weakref.WeakSet[Name]()
    for number in range(50_000):
        name = Name(number)
        names.add(name)
        waiters.add(name, waiter(until=100_000.0))
        waiters.resolve(name, b"")
    waiters.add("last", waiter(until=10_000.0))

    assert len(names) < 2000
    assert waiters.next_deadline() == 10_000.0
    assert waiters.expire(10_000.0) == ["last"]
