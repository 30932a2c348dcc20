"""Field tables: maps of names to typed values, as they stand in headers and arguments.

Values are written with the types that py-amqp gives them, so that a message looks the same whoever has sent it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from struct import Struct
from typing import Any, cast

from .errors import MalformedFrame

DEEPEST = 32
"""Levels of tables within tables: more are taken for an attack."""

_long = Struct(">I")
_longlong = Struct(">Q")
_string = Struct(">cI")
_int = Struct(">ci")
_longint = Struct(">cq")
_double = Struct(">cd")
_timestamp = Struct(">cQ")
_decimal = Struct(">cBi")

_TRUE, _FALSE, _VOID = b"t\1", b"t\0", b"V"
_STRING, _NOTHING, _INTEGER, _BOOLEAN = b"SVIt"
_32_BITS = range(-(2**31), 2**31)
_64_BITS = range(-(2**63), 2**63)


def encode_table(table: Mapping[str, Any]) -> bytes:
    """Return a table with its length; raises `TypeError` or `ValueError` for what no table can hold."""
    parts: list[bytes] = []
    for name, value in table.items():
        if type(value) is str:
            raw = value.encode("utf-8", "surrogatepass")
            parts += (_name(name), _string.pack(b"S", len(raw)), raw)
        else:
            parts += (_name(name), _VOID if value is None else encode_value(value))
    content = b"".join(parts)
    return _long.pack(len(content)) + content


@lru_cache(4096)
def _name(name: str) -> bytes:
    raw = name.encode()
    if len(raw) > 255:
        raise ValueError(f"the name of a header has {len(raw)} bytes: 255 is the most")
    return bytes((len(raw),)) + raw


def encode_value(value: Any) -> bytes:
    """Return a value with its type."""
    if isinstance(value, str):
        raw = value.encode("utf-8", "surrogatepass")
        return _string.pack(b"S", len(raw)) + raw
    if value is None:
        return _VOID
    if isinstance(value, bool):
        return _TRUE if value else _FALSE
    if isinstance(value, int):
        return _encode_int(value)
    if isinstance(value, float):
        return _double.pack(b"d", value)
    return _encode_rarity(value)


def _encode_int(value: int) -> bytes:
    if value in _32_BITS:
        return _int.pack(b"I", value)
    if value in _64_BITS:
        return _longint.pack(b"l", value)
    raise ValueError(f"{value} has more than 64 bits")


def _encode_rarity(value: Any) -> bytes:
    if isinstance(value, Mapping):
        return b"F" + encode_table(cast("Mapping[str, Any]", value))
    if isinstance(value, (list, tuple)):
        content = b"".join(map(encode_value, cast("Sequence[Any]", value)))
        return _string.pack(b"A", len(content)) + content
    if isinstance(value, (bytes, bytearray)):
        return _string.pack(b"x", len(value)) + value
    if isinstance(value, datetime):
        return _timestamp.pack(b"T", int((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()))
    if isinstance(value, Decimal):
        sign, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int) or not -255 <= exponent <= 0:
            raise ValueError(f"{value} does not fit into a decimal field")
        whole = int("".join(map(str, digits)) or "0")
        return _decimal.pack(b"D", -exponent, -whole if sign else whole)
    raise TypeError(f"a header cannot hold a {type(value).__name__}: {value!r}")


def decode_table(data: bytes, start: int, end: int, depth: int = 0) -> dict[str, Any]:
    """Read the table between two places; raises `MalformedFrame`."""
    if end > len(data) or depth > DEEPEST:
        raise MalformedFrame(f"a table of {end - start} bytes does not end where its frame does, or is too deep")
    table: dict[str, Any] = {}
    place = start
    size_at = _long.unpack_from
    try:
        while place < end:
            after = place + 1 + data[place]
            name = data[place + 1 : after].decode()
            place = after
            kind = data[place]
            if kind == _STRING:
                after = place + 5 + size_at(data, place + 1)[0]
                try:
                    table[name] = data[place + 5 : after].decode()
                except UnicodeDecodeError:
                    table[name] = data[place + 5 : after]  # a long string may hold any bytes
                place = after
            elif kind == _NOTHING:
                table[name] = None
                place += 1
            else:
                table[name], place = _decode_value(data, place, depth)
    except (IndexError, struct.error, UnicodeDecodeError, OverflowError) as error:
        raise MalformedFrame(f"a table cannot be read at byte {place - start} of {end - start}: {error}") from None
    if place != end:
        raise MalformedFrame(f"the last entry of a table of {end - start} bytes ends {place - end} bytes after it")
    return table


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw  # a long string may hold any bytes


def _decode_value(data: bytes, place: int, depth: int) -> tuple[Any, int]:
    kind = data[place]
    place += 1
    fixed = _FIXED.get(kind)
    if fixed is not None:
        layout, make = fixed
        return make(*layout.unpack_from(data, place)), place + layout.size
    if kind == _NOTHING:
        return None, place
    (size,) = _long.unpack_from(data, place)
    place += 4
    end = place + size
    if end > len(data):
        raise MalformedFrame(f"a value of {size} bytes does not end where its frame does")
    if kind == _STRING:
        return _text(data[place:end]), end
    if kind == ord("x"):
        return data[place:end], end
    if kind == ord("F"):
        return decode_table(data, place, end, depth + 1), end
    if kind == ord("A"):
        return _decode_array(data, place, end, depth + 1), end
    raise MalformedFrame(f"a table has a value of an unknown type, {chr(kind)!r}")


def _decode_array(data: bytes, place: int, end: int, depth: int) -> list[Any]:
    if depth > DEEPEST:
        raise MalformedFrame(f"a table is more than {DEEPEST} levels deep")
    values: list[Any] = []
    while place < end:
        value, place = _decode_value(data, place, depth)
        values.append(value)
    if place != end:
        raise MalformedFrame("the last value of an array ends after it")
    return values


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OSError):
        raise OverflowError(f"{seconds} seconds are no time") from None


def _scaled(scale: int, whole: int) -> Decimal:
    return Decimal(whole).scaleb(-scale)


def _exactly(value: Any) -> Any:
    return value


_FIXED: dict[int, tuple[Struct, Callable[..., Any]]] = {
    ord("t"): (Struct(">B"), bool),
    ord("b"): (Struct(">b"), _exactly),
    ord("B"): (Struct(">B"), _exactly),
    ord("s"): (Struct(">h"), _exactly),
    ord("u"): (Struct(">H"), _exactly),
    ord("I"): (Struct(">i"), _exactly),
    ord("i"): (Struct(">I"), _exactly),
    ord("l"): (Struct(">q"), _exactly),
    ord("L"): (Struct(">q"), _exactly),  # as RabbitMQ and py-amqp read it
    ord("f"): (Struct(">f"), _exactly),
    ord("d"): (Struct(">d"), _exactly),
    ord("D"): (Struct(">Bi"), _scaled),
    ord("T"): (_longlong, _moment),
}
