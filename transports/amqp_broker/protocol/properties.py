"""The properties of a message: the content header's flags and fields."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from struct import Struct
from typing import Any

from .errors import MalformedFrame
from .tables import decode_table, encode_table

HEADERS = "headers"
"""The name of the property that is a table."""

_flags = Struct(">H")
_long = Struct(">I")
_longlong = Struct(">Q")

_NAMES = (
    "content_type",
    "content_encoding",
    HEADERS,
    "delivery_mode",
    "priority",
    "correlation_id",
    "reply_to",
    "expiration",
    "message_id",
    "timestamp",
    "type",
    "user_id",
    "app_id",
    "cluster_id",
)
"""In the order in which they are written; the first has the highest bit."""

_BITS = {name: 1 << (15 - place) for place, name in enumerate(_NAMES)}
_OCTETS = frozenset({"delivery_mode", "priority"})
_SIZES = {**dict.fromkeys(_OCTETS, 1), "timestamp": 8}
"""Of those that have one size, in bytes."""
_MORE_FLAGS = 1
_LONGEST = 255
"""Bytes of a short string."""


def encode_properties(properties: Mapping[str, Any]) -> bytes:
    """Return flags and fields; what is None is left out. Raises `TypeError` or `ValueError` for what does not fit."""
    flags = 0
    parts: list[bytes] = []
    for name in _NAMES:
        value = properties.get(name)
        if value is not None:
            flags |= _BITS[name]
            parts.append(_ENCODERS.get(name, short_string)(value))
    return _flags.pack(flags) + b"".join(parts)


def short_string(value: Any) -> bytes:
    """Return a text of at most 255 bytes with its length."""
    raw = str(value).encode()
    if len(raw) > _LONGEST:
        raise ValueError(f"{raw[:40]!r}... has {len(raw)} bytes: {_LONGEST} is the most where it stands")
    return bytes((len(raw),)) + raw


def _octet(value: Any) -> bytes:
    return bytes((int(value),))


def _timestamp(value: Any) -> bytes:
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    return _longlong.pack(int(value))


_ENCODERS: dict[str, Callable[[Any], bytes]] = {
    HEADERS: encode_table,
    "delivery_mode": _octet,
    "priority": _octet,
    "timestamp": _timestamp,
}


def decode_properties(data: bytes) -> dict[str, Any]:
    """Read flags and fields: those that are there, by name. Times are unix seconds. Raises `MalformedFrame`."""
    return {name: _decode(name, data, start, end) for name, start, end in spans(data)}


def spans(data: bytes) -> Iterator[tuple[str, int, int]]:
    """Yield where the properties stand that are there: name, and from where to where. Raises `MalformedFrame`."""
    place = 2
    try:
        (flags,) = _flags.unpack_from(data)
        for name in _present(flags):
            start = place
            if name == HEADERS:
                place += 4 + _long.unpack_from(data, place)[0]
            else:
                place += _SIZES.get(name) or 1 + data[place]
            yield name, start, place
    except (IndexError, struct.error) as error:
        raise MalformedFrame(f"the properties of a message end too early: {error}") from None
    if place != len(data):
        raise MalformedFrame(f"the properties of a message say {place} bytes, and are {len(data)}")


def _decode(name: str, data: bytes, start: int, end: int) -> Any:
    if name == HEADERS:
        return decode_table(data, start + 4, end)
    if end > len(data):
        raise MalformedFrame(f"{name} of a message ends too late")
    if name in _OCTETS:
        return data[start]
    if name == "timestamp":
        return _longlong.unpack_from(data, start)[0]
    return _text(data[start + 1 : end])


def _text(raw: bytes) -> str:
    """Return a short string; what is no UTF-8 is replaced, and cut where the string would be too long to be sent on."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("utf-8", "replace").encode()[:_LONGEST].decode("utf-8", "ignore")


@cache
def _present(flags: int) -> tuple[str, ...]:
    """Return the properties that flags announce: few combinations of them occur."""
    if flags & _MORE_FLAGS:
        raise MalformedFrame("a message has properties that AMQP 0-9-1 does not know")
    return tuple(name for name in _NAMES if flags & _BITS[name])
