"""`Forms`: the heads of messages that differ from earlier ones in a few places only, without reading the rest again.

The messages of one task are alike: the same headers in the same order, with other ids. What stands between the ids is
compared, and not decoded; of the head, as JSON, everything else is there already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Any

import msgspec

from ..message import Head, encode_head
from .protocol.properties import short_string, spans

_HEADERS = ("id", "root_id", "parent_id", "group", "group_index", "argsrepr", "kwargsrepr", "origin", "expires")
_PROPERTIES = ("correlation_id", "reply_to")
"""What differs from one message of a task to the next."""
_LEARN_AFTER = 2
"""Messages that are read in full before another like them is worth a form: where nothing repeats, forms are wasted."""
_MOST_FORMS = 500
_MOST_SEEN = 2000
_ALIKE = 4

_MARK = "\0differs:"
_MARKS = re.compile(rb'"\\u0000differs:\w+"')

_long = Struct(">I")
_int = Struct(">i")
_json = msgspec.json.encode

Like = tuple[int, str, str]
"""The size of a message's properties, its exchange, and its routing key: messages of one form share them."""


class Form:
    """One head: what has to be the same in the properties of a message, and what that is as JSON.

    head: what the properties say. Raises `ValueError` where that cannot be told by comparing.
    """

    __slots__ = ("_json", "_layout", "_read", "_same")

    def __init__(self, properties: bytes, head: Head) -> None:
        sizes: list[int] = []
        end = 0
        differing = sorted(_differing(properties, head))
        for start, size, _ in differing:
            sizes += (start - end, size)
            end = start + size
        if min(sizes, default=-1) < 0:
            raise ValueError("there is nothing that may differ, or two such values are in one place")
        self._layout = Struct("".join(f"{size}s" for size in [*sizes, len(properties) - end]))
        self._same = self._layout.unpack(properties)[0::2]
        names = [name for _, _, name in differing]
        self._read = [_number if isinstance(head.headers.get(name), int) else _text for name in names]
        self._json = _cut(head, names)
        if len(self._json) != 2 * len(names) + 1 or self.fill(properties) != encode_head(head):
            raise ValueError("as JSON the values are others, or in another order")

    def fill(self, properties: bytes) -> bytes | None:
        """Return the head of a message with properties of the same size; None where they are not of this form."""
        parts = self._layout.unpack(properties)
        if parts[0::2] != self._same:
            return None
        filled = self._json.copy()
        try:
            filled[1::2] = [read(part) for read, part in zip(self._read, parts[1::2], strict=True)]
        except UnicodeDecodeError:
            return None
        return b"".join(filled)


class Forms:
    """Forms that were learned from messages. Not thread-safe."""

    def __init__(self) -> None:
        self._forms: dict[Like, list[Form]] = {}
        self._seen: dict[Like, int] = {}

    def head(self, properties: bytes, exchange: str, routing_key: str) -> bytes | None:
        """Return the head of a message as JSON; None where it has no form that is known."""
        for form in self._forms.get((len(properties), exchange, routing_key), ()):
            head = form.fill(properties)
            if head is not None:
                return head
        return None

    def learn(self, properties: bytes, exchange: str, routing_key: str, head: Head) -> None:
        """Note a head that had to be read, and what was read of it."""
        like = len(properties), exchange, routing_key
        seen = self._seen.get(like, 0)
        if len(self._seen) > _MOST_SEEN:
            self._seen.clear()
        self._seen[like] = seen + 1
        if seen < _LEARN_AFTER:
            return
        del self._seen[like]
        if len(self._forms) >= _MOST_FORMS:
            self._forms.clear()
        try:
            form = Form(properties, head)
        except ValueError:
            return
        self._forms[like] = [form, *self._forms.get(like, ())][:_ALIKE]


def _differing(properties: bytes, head: Head) -> Iterator[tuple[int, int, str]]:
    """Yield place, size and name of the values that may differ."""
    for name in _HEADERS:
        before, value = _entry(name, head.headers.get(name))
        if value and properties.count(before + value) == 1:
            yield properties.find(before + value) + len(before), len(value), name
    for name, start, end in spans(properties):
        if name in _PROPERTIES:
            yield start + 1, end - start - 1, name


def _entry(name: str, value: Any) -> tuple[bytes, bytes]:
    """Return how a header begins and its value, as bytes of AMQP; nothing for one that has to be the same."""
    if isinstance(value, str):
        raw = value.encode()
        return short_string(name) + b"S" + _long.pack(len(raw)), raw
    if type(value) is int and -(2**31) <= value < 2**31:
        return short_string(name) + b"I", _int.pack(value)
    return b"", b""


def _text(raw: bytes) -> bytes:
    return _json(raw.decode())


def _number(raw: bytes) -> bytes:
    return b"%d" % _int.unpack(raw)


def _cut(head: Head, names: Iterable[str]) -> list[bytes]:
    """Return a head as JSON: what is the same and, between that, an empty place for each value that may differ."""
    marks = {name: f"{_MARK}{name}" for name in names}
    headers = {**head.headers, **{name: marks[name] for name in _HEADERS if name in marks}}
    properties = {**head.properties, **{name: marks[name] for name in _PROPERTIES if name in marks}}
    marked = encode_head(msgspec.structs.replace(head, headers=headers, properties=properties))
    return [part for same in _MARKS.split(marked) for part in (same, b"")][:-1]
