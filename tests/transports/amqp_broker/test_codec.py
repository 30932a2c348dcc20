"""The codec: what is written is read back, and what is no AMQP is one clear error."""

from __future__ import annotations

import struct
from contextlib import suppress
from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import amqp.serialization
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from understudy.transports.amqp_broker.protocol import methods
from understudy.transports.amqp_broker.protocol.errors import MalformedFrame
from understudy.transports.amqp_broker.protocol.frames import (
    BODY,
    HEADER,
    METHOD,
    Cutter,
    ack_frame,
    content_frames,
    content_header,
    frame,
    method_frame,
    requeue_frame,
)
from understudy.transports.amqp_broker.protocol.properties import decode_properties, encode_properties
from understudy.transports.amqp_broker.protocol.tables import DEEPEST, decode_table, encode_table

NAMES = st.text(max_size=60).filter(lambda text: len(text.encode()) <= 255)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(max_size=200),
    st.binary(max_size=50),
    st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**5), max_value=10**5),
    st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)
TABLES = st.dictionaries(NAMES, VALUES, max_size=8)
OF_KIND = {
    "octet": st.integers(0, 2**8 - 1),
    "short": st.integers(0, 2**16 - 1),
    "long": st.integers(0, 2**32 - 1),
    "longlong": st.integers(0, 2**64 - 1),
    "bit": st.booleans(),
    "shortstr": NAMES,
    "longstr": st.binary(max_size=300),
    "table": TABLES,
}
KINDS = [kind for kind in vars(methods).values() if isinstance(kind, type) and issubclass(kind, methods.Method)]
METHODS = st.sampled_from([kind for kind in KINDS if kind is not methods.Method]).flatmap(
    lambda kind: st.tuples(*(OF_KIND[one] for one in kind.kinds)).map(lambda values: kind(*values))
)


def read(raw: bytes) -> dict[str, Any]:
    return decode_table(raw, 4, len(raw))


@given(TABLES)
def test_a_table_is_read_as_it_was_written(table: dict[str, Any]) -> None:
    assert read(encode_table(table)) == table


@given(st.dictionaries(NAMES, st.none() | st.booleans() | st.integers(1 - 2**31, 2**31 - 1) | st.text(), max_size=8))
def test_a_table_stands_on_the_wire_as_py_amqp_writes_it(table: dict[str, Any]) -> None:
    assert encode_table(table) == amqp.serialization.dumps("F", [table])


@given(TABLES)
def test_py_amqp_reads_our_tables(table: dict[str, Any]) -> None:
    raw = encode_table(table)

    (found,), size = amqp.serialization.loads("F", raw, 0)

    assert size == len(raw)
    assert set(found) == set(table)


@pytest.mark.parametrize("value", [2**63, object(), Decimal("1e300"), Decimal("1e-300")])
def test_what_no_table_can_hold_is_an_error(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode_table({"value": value})


def test_a_text_that_is_no_text_stays_bytes() -> None:
    assert read(encode_table({"x": "ab"}).replace(b"ab", b"\xff\xfe")) == {"x": b"\xff\xfe"}


def test_tables_that_are_too_deep_are_refused() -> None:
    table: dict[str, Any] = {}
    for _ in range(DEEPEST + 2):
        table = {"t": table}
    with pytest.raises(MalformedFrame):
        read(encode_table(table))


PROPERTIES = st.fixed_dictionaries(
    {},
    optional={
        "content_type": NAMES,
        "content_encoding": NAMES,
        "headers": TABLES,
        "delivery_mode": st.integers(0, 255),
        "priority": st.integers(0, 255),
        "correlation_id": NAMES,
        "reply_to": NAMES,
        "expiration": NAMES,
        "message_id": NAMES,
        "timestamp": st.integers(0, 2**40),
        "type": NAMES,
        "user_id": NAMES,
        "app_id": NAMES,
    },
)


@given(PROPERTIES)
def test_properties_are_read_as_they_were_written(properties: dict[str, Any]) -> None:
    assert decode_properties(encode_properties(properties)) == properties


@given(st.binary(max_size=255))
@example(b"\xff" * 255)
@example(b"x" * 253 + b"\xc3\xff")
def test_a_short_string_that_is_no_text_can_be_sent_on(raw: bytes) -> None:
    correlation_id = 1 << 10

    found = decode_properties(correlation_id.to_bytes(2, "big") + bytes((len(raw),)) + raw)

    assert decode_properties(encode_properties(found)) == found


@given(METHODS)
def test_a_method_is_read_as_it_was_written(method: methods.Method) -> None:
    assert methods.decode_method(method.encode()) == method


@given(METHODS, st.data())
def test_a_method_that_ends_too_early_is_refused(method: methods.Method, data: st.DataObject) -> None:
    raw = method.encode()
    if not fields(method):  # type: ignore[arg-type]
        raw = raw[:4]
    cut = raw[: data.draw(st.integers(0, max(0, len(raw) - 1)))]
    with pytest.raises(MalformedFrame):
        methods.decode_method(cut)


@given(st.integers(1, 2**16 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_frames_made_by_hand_are_those_of_their_methods(channel: int, tag: int, multiple: bool) -> None:
    assert ack_frame(channel, tag, multiple=multiple) == method_frame(channel, methods.Ack(tag, multiple))
    assert requeue_frame(channel, tag) == method_frame(channel, methods.Nack(tag, False, True))


@given(PROPERTIES, st.binary(max_size=500), st.integers(16, 200))
def test_a_body_is_cut_into_frames_that_are_small_enough(
    properties: dict[str, Any], body: bytes, frame_max: int
) -> None:
    raw = encode_properties(properties)
    cutter = Cutter()
    cutter.frame_max = 10**6

    (kind, channel, header), *rest = cutter.feed(content_frames(7, raw, body, frame_max))

    assert (kind, channel, content_header(header)) == (HEADER, 7, (len(body), raw))
    assert all(kind == BODY and len(part) + 8 <= frame_max for kind, _, part in rest)
    assert b"".join(part for _, _, part in rest) == body


FRAMES = st.lists(st.tuples(st.sampled_from([METHOD, HEADER, BODY]), st.integers(0, 100), st.binary(max_size=200)))


@given(FRAMES, st.data())
def test_frames_may_arrive_in_pieces_of_any_size(frames: list[tuple[int, int, bytes]], data: st.DataObject) -> None:
    stream = b"".join(frame(*one) for one in frames)
    cutter = Cutter()
    found: list[tuple[int, int, bytes]] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += cutter.feed(stream[:size])
        stream = stream[size:]
    assert found == frames


@given(st.binary(max_size=400))
def test_bytes_that_mean_nothing_are_refused_or_awaited(noise: bytes) -> None:
    for read_it in (
        lambda: list(Cutter().feed(noise)),
        lambda: methods.decode_method(noise),
        lambda: decode_properties(noise),
        lambda: decode_table(noise, 0, len(noise)),
    ):
        with suppress(MalformedFrame):  # and nothing else
            read_it()


def test_a_broker_of_another_version_is_named() -> None:
    with pytest.raises(MalformedFrame, match=r"AMQP 0\.9\.2"):
        list(Cutter().feed(b"AMQP\0\0\x09\2"))


def test_a_frame_that_is_larger_than_agreed_is_refused_before_it_is_there() -> None:
    with pytest.raises(MalformedFrame, match="larger"):
        list(Cutter().feed(struct.pack(">BHI", METHOD, 1, 2**31) + b"x"))


def test_a_frame_without_its_end_is_refused() -> None:
    with pytest.raises(MalformedFrame, match="0xce"):
        list(Cutter().feed(frame(METHOD, 1, b"abcd")[:-1] + b"\0"))
