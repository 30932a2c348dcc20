"""Replies find their calls, and what a server says while it cannot serve is no reply."""

from __future__ import annotations

from typing import Any

import hiredis
import pytest

from understudy.actors import Completion
from understudy.transports.redis_broker.calls import Call, Calls


def call(replies: int = 1, *, repeat: bool = True) -> Call:
    completion: Completion[list[Any]] = Completion()
    return Call(b"", replies, completion, until=10.0, repeat=repeat, within=1.0, sent=0.0)


def filled(*some: Call) -> Calls:
    calls = Calls()
    for one in some:
        calls.add(one)
    return calls


def test_replies_go_to_calls_in_their_order() -> None:
    first, second = call(2), call()
    calls = filled(first, second)

    assert calls.read([b"1"]) == ([], "")
    assert calls.read([b"2", b"3"]) == ([first, second], "")
    assert (first.received, second.received, len(calls)) == ([b"1", b"2"], [b"3"], 0)


@pytest.mark.parametrize(
    "error",
    [
        "LOADING Redis is loading the dataset in memory",
        "READONLY You can't write against a read only replica.",
        "NOSCRIPT No matching script.",
    ],
)
def test_a_server_that_cannot_serve_leaves_the_call_to_the_next_connection(error: str) -> None:
    first, second = call(), call()
    calls = filled(first, second)

    complete, why = calls.read([b"1", hiredis.ReplyError(error)])

    assert (complete, why) == ([first], error)
    assert calls.begin_again() == []
    assert (calls.waiting(), second.received) == ([second], [])


def test_what_is_not_to_be_repeated_ends_with_its_connection() -> None:
    once, again = call(repeat=False), call()
    calls = filled(once, again)

    assert calls.begin_again() == [once]
    assert calls.waiting() == [again]


def test_a_refusal_is_a_reply() -> None:
    asked = call()
    refusal = hiredis.ReplyError("WRONGTYPE Operation against a key holding the wrong kind of value")

    assert filled(asked).read([refusal]) == ([asked], "")


def test_a_server_that_says_more_than_it_was_asked_is_not_trusted() -> None:
    assert filled().read([b"1"]) == ([], "it says more than it was asked")
