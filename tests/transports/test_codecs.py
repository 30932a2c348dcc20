"""Codecs write and read what kombu writes and reads."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import IntEnum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.serialization import loads as kombu_loads
from kombu.serialization import register, unregister
from kombu.utils import json as kombu_json

from understudy.transports import codecs

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)
EXTENDED: list[Any] = [
    datetime(2030, 1, 2, 3, 4, 5, 6, tzinfo=UTC),
    date(2030, 1, 2),
    time(3, 4, 5),
    Decimal("1.10"),
    UUID(int=5),
    b"text",
    b"\xff\x00",
]


class Colour(IntEnum):
    RED = 1


class Own:
    def __repr__(self) -> str:
        return "Own()"

    def __json__(self) -> dict[str, int]:
        return {"own": 1}


class Words(str):
    __slots__ = ()


@given(PLAIN)
def test_json_means_what_kombu_writes(value: Any) -> None:
    ours = json.loads(codecs.encode_json(value))
    assert ours == json.loads(kombu_json.dumps(value))


@given(PLAIN)
def test_json_is_read_as_kombu_reads_it(value: Any) -> None:
    written = kombu_json.dumps(value).encode()
    assert codecs.decode_json(written) == kombu_json.loads(written)


@pytest.mark.parametrize("value", EXTENDED, ids=repr)
def test_extended_types_come_through(value: Any) -> None:
    data = codecs.encode_json([{"deep": [value]}])
    assert data == kombu_json.dumps([{"deep": [value]}]).encode()
    assert codecs.decode_json(data) == [{"deep": [value]}]


@pytest.mark.parametrize(
    "value", [Colour.RED, Own(), Words("x"), {1: 2}, {None: 1}, 2**80, "\ud800", [1.5, math.inf]], ids=repr
)
def test_what_msgspec_would_write_otherwise_is_left_to_kombu(value: Any) -> None:
    assert codecs.encode_json(value) == kombu_json.dumps(value).encode()


def test_not_a_number_comes_through() -> None:
    assert math.isnan(codecs.decode_json(codecs.encode_json([math.nan]))[0])


@pytest.mark.parametrize("value", [object(), {1, 2}, lambda: 1, {(1, 2): 3}], ids=lambda value: type(value).__name__)
def test_what_json_has_no_form_for_is_refused(value: Any) -> None:
    with pytest.raises(codecs.EncodeError, match="cannot be written as JSON"):
        codecs.encode_json([value])


@pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"nonsense", b"[1] 2", b'{"__type__": "x", "__value__": 1}'])
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(codecs.DecodeError):
        codecs.decode_json(data)


@pytest.mark.parametrize("serializer", ["json", "pickle", "cloudpickle", "msgpack", "yaml"])
def test_every_serializer_reads_what_it_wrote(serializer: str) -> None:
    value = [1, "zwölf", None, {"a": [True]}]
    data, content_type, encoding = codecs.encode(value, serializer)
    accept = codecs.accepted_types([serializer])
    assert accept == {content_type}
    assert codecs.decode(data, content_type, encoding, accept) == value


def test_a_content_type_that_is_not_accepted_is_refused() -> None:
    data, content_type, encoding = codecs.encode([1], "pickle")
    with pytest.raises(codecs.ContentDisallowed, match="accept_content"):
        codecs.decode(data, content_type, encoding, codecs.accepted_types(["json"]))


def test_an_unknown_serializer_is_a_clear_error() -> None:
    with pytest.raises(codecs.EncodeError, match="no serializer 'jsn'"):
        codecs.encode([1], "jsn")
    with pytest.raises(codecs.EncodeError, match="jsn"):
        codecs.accepted_types(["jsn"])


def test_cloudpickle_takes_what_pickle_does_not_and_any_pickle_reads_it() -> None:
    def local(x: int) -> int:
        return x + 1

    with pytest.raises(codecs.EncodeError):
        codecs.encode(local, "pickle")
    data, content_type, encoding = codecs.encode([local], "cloudpickle")
    assert kombu_loads(data, content_type, encoding, accept=codecs.accepted_types(["pickle"]))[0](1) == 2
    with pytest.raises(codecs.EncodeError, match="cloudpickle"):
        codecs.encode((x for x in ()), "cloudpickle")


def test_a_serializer_that_somebody_has_registered_is_used() -> None:
    register(
        "shouted",
        lambda value: str(value).upper(),
        lambda data: bytes(data).decode().lower(),
        "application/x-shouted",
        "utf-8",
    )
    try:
        data, content_type, encoding = codecs.encode("Quiet", "shouted")
        assert (data, content_type) == (b"QUIET", "application/x-shouted")
        assert codecs.decode(data, content_type, encoding, codecs.accepted_types(["shouted"])) == "quiet"
    finally:
        unregister("shouted")


@pytest.mark.parametrize("method", ["zlib", "gzip", "bzip2", "lzma", "zstd", "brotli"])
def test_what_is_compressed_can_be_read_again(method: str) -> None:
    data, header = codecs.compress(b"x" * 10000, method)
    assert len(data) < 1000
    assert codecs.decompress(data, header) == b"x" * 10000
    with pytest.raises(codecs.DecodeError):
        codecs.decompress(b"no such thing", header)


def test_an_unknown_compression_is_a_clear_error() -> None:
    with pytest.raises(codecs.EncodeError, match="no compression 'zp'"):
        codecs.compress(b"x", "zp")
    with pytest.raises(codecs.DecodeError):
        codecs.decompress(b"x", "application/x-zp")
