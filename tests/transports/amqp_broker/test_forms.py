"""Heads by their form: the same as those that are read in full, whatever comes."""

from __future__ import annotations

import random
import uuid
from typing import Any

import pytest

from understudy.transports.amqp_broker.forms import Forms
from understudy.transports.amqp_broker.parcel import head_of, parcel_of
from understudy.transports.amqp_broker.protocol.properties import encode_properties
from understudy.transports.message import Head, Publication, encode_head

WHERE = ("", "celery")


class Reader:
    """Reads messages as an intake does, and counts those that have a form."""

    def __init__(self) -> None:
        self._forms = Forms()
        self.by_form = 0

    def read(self, properties: bytes) -> bytes:
        for form in self._forms.of(len(properties)):
            head = form.head(properties)
            if head is not None:
                self.by_form += 1
                return head
        head = head_of(properties, *WHERE, redelivered=False)
        self._forms.learn(len(properties), properties, head)
        return encode_head(head)


class Writer:
    """Writes messages as a publisher does; each has to have the bytes that it has without forms."""

    def __init__(self) -> None:
        self._forms = Forms()
        self.by_form = 0

    def check(self, headers: dict[str, Any], priority: int = 0, **properties: str) -> None:
        head = encode_head(Head(headers, {"delivery_mode": 2, **properties}))
        one = Publication("its-id", "celery", head, b"[[], {}, {}]", priority=priority)

        self.by_form += any(form.properties(head) for form in self._forms.of((len(head), priority)))
        assert parcel_of(one, 0.0, forms=self._forms) == parcel_of(one, 0.0)


def in_full(properties: bytes) -> bytes:
    return encode_head(head_of(properties, *WHERE, redelivered=False))


def message(headers: dict[str, Any], **properties: Any) -> bytes:
    return encode_properties(
        {
            "content_type": "application/json",
            "content_encoding": "utf-8",
            "headers": headers,
            "delivery_mode": 2,
            "priority": 0,
            **properties,
        }
    )


def headers_of(task_id: str, **more: Any) -> dict[str, Any]:
    headers = {
        "lang": "py",
        "task": "tasks.add",
        "id": task_id,
        "eta": None,
        "group": None,
        "group_index": None,
        "retries": 0,
        "timelimit": [None, None],
        "root_id": task_id,
        "parent_id": None,
        "argsrepr": "(1, 2)",
        "kwargsrepr": "{}",
        "origin": "gen1@host",
        "stamps": {"by": ["x"]},
    }
    return {**headers, **more}


def fresh() -> str:
    return str(uuid.uuid4())


def call(**more: Any) -> bytes:
    task_id = fresh()
    return message(headers_of(task_id, **more), correlation_id=task_id, reply_to=fresh())


def check(reader: Reader, messages: list[bytes]) -> None:
    for one in messages:
        assert reader.read(one) == in_full(one)


def test_calls_of_a_task_have_a_form_once_some_were_seen() -> None:
    reader = Reader()

    check(reader, [call() for _ in range(100)])

    assert reader.by_form == 97


def test_tasks_take_turns() -> None:
    reader = Reader()

    check(reader, [call(task=f"tasks.{'abcd'[number % 4] * 5}") for number in range(200)])

    assert reader.by_form > 150


@pytest.mark.parametrize("text", ['say "a\\b"\n', "zwölf", "\0\1\2", "日本", "</script>", "\u2028", "{'id': 'x'}"])
def test_texts_are_those_that_were_sent(text: str) -> None:
    reader = Reader()

    check(reader, [call(argsrepr=text[number % 2 :] + text[: number % 2]) for number in range(20)])

    assert reader.by_form > 5


def test_members_of_a_group_differ_in_their_index() -> None:
    reader = Reader()

    check(reader, [call(group=str(uuid.uuid4()), group_index=number) for number in range(300)])

    assert reader.by_form == 297


def test_bytes_that_are_no_text_are_read_in_full() -> None:
    reader = Reader()
    check(reader, [call() for _ in range(10)])
    good = call()

    bad = good.replace(b"(1, 2)", b"(\xff, 2)")

    assert reader.read(bad) == in_full(bad)
    assert reader.read(good) == in_full(good)


@pytest.mark.parametrize("again", ["id", "argsrepr"])
def test_a_value_that_looks_like_a_header_is_no_header(again: str) -> None:
    reader = Reader()
    lookalike = "\x02idS\0\0\0\x24" + str(uuid.uuid4())

    for _ in range(20):
        task_id = str(uuid.uuid4())
        fake = "\x02idS\0\0\0\x24" + task_id if again == "id" else lookalike
        check(reader, [message({"task": "t", "id": task_id, "argsrepr": fake, "retries": 0}, correlation_id=task_id)])


@pytest.mark.parametrize("seed", range(30))
def test_messages_of_any_shape_are_read_as_if_there_were_no_forms(seed: int) -> None:
    """Values that differ in type, size or place from those that a form was learned from."""
    dice = random.Random(seed)
    reader = Reader()
    values: list[Any] = [None, "", "x", "y", "xx", 0, 1, -1, 2**40, True, 1.5, b"\xff", ["a"], {"id": "x"}, "a" * 36]
    names = ["id", "root_id", "group_index", "argsrepr", "origin", "task", "retries", "other", "expires"]

    for _ in range(400):
        some = dice.sample(names, dice.randint(0, 4))
        headers = {name: dice.choice(values) for name in (some if dice.random() < 0.5 else sorted(some))}
        more = {
            name: dice.choice(["", "x", "y", "zz"]) for name in ("correlation_id", "reply_to") if dice.random() < 0.5
        }
        one = message(headers, **more)
        assert reader.read(one) == in_full(one)


def test_what_never_repeats_leaves_little_behind() -> None:
    reader = Reader()

    check(reader, [message({"id": "x" * size, "task": "t"}) for size in range(3000)])

    assert reader.by_form == 0


TEXTS = ["(1, 2)", 'say "a\\b"\n', "zwölf", "\0\1\2", "日本", "\u2028", "{'id': 'x'}", "", '"', "\\", 'a"', "a\\"]


def test_what_is_published_has_the_bytes_that_it_has_without_forms() -> None:
    writer = Writer()

    for number in range(200):
        task_id = fresh()
        headers = headers_of(task_id, group=fresh(), group_index=number, argsrepr=f"({number},)")
        writer.check(headers, priority=number % 3, correlation_id=task_id, reply_to=fresh())

    assert writer.by_form > 10


@pytest.mark.parametrize("seed", range(30))
def test_publications_of_any_shape_have_them_too(seed: int) -> None:
    """Texts that need escapes, values of other types, and properties that are given or left to the transport."""
    dice = random.Random(seed)
    writer = Writer()
    names = ["id", "root_id", "group_index", "argsrepr", "origin", "task", "retries", "other"]
    values: list[Any] = [None, 0, 1, -1, 10, 2**31 - 1, True, ["a"], {"id": "x"}, *TEXTS]

    for _ in range(400):
        headers = {name: dice.choice(values) for name in dice.sample(names, dice.randint(0, 3))}
        some = dice.choices([(), ("correlation_id",), ("correlation_id", "reply_to")], [1, 1, 8])[0]
        writer.check(headers, 0, **{name: dice.choice(["", "x", "y", 'a"', "\\\\"]) for name in some})

    assert writer.by_form


def test_a_text_that_has_room_for_another_value_is_no_value() -> None:
    """The same head, byte by byte, but for what stands where an id was."""
    writer = Writer()
    for _ in range(5):
        task_id = "0123456789"
        writer.check({"id": task_id, "root_id": "x"}, correlation_id=task_id, reply_to="")

    for value in ([12345678, 1], {"a": 12345}, "\\u00e901234", "\x1f01\\34", 'a"', 123456789012):
        writer.check({"id": value, "root_id": "x"}, correlation_id="0123456789", reply_to="")
