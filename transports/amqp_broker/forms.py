"""`Forms`: the heads of messages that differ from earlier ones in a few places only, without encoding the rest again.

The messages of one task are alike: the same headers in the same order, with other ids. What stands between the ids is
compared, and not decoded; on the other side, as JSON or as properties of AMQP, everything else is there already.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Sequence
from struct import Struct
from struct import error as struct_error
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
_MARKS = re.compile(rb'"\\u0000differs:(\w+)"')

_long = Struct(">I")
_int = Struct(">i")
_json = msgspec.json.encode
_QUOTE = ord('"')


class Side:
    """A form as bytes of one kind: pieces that are the same in all messages, and a gap between each two of them."""

    __slots__ = ("_layout", "_same", "_whole")

    def __init__(self, whole: bytes, gaps: Sequence[tuple[int, int]]) -> None:
        """Take places and sizes of the gaps in one message; raises `ValueError` where they overlap."""
        sizes: list[int] = []
        end = 0
        for start, size in gaps:
            if start < end:
                raise ValueError("two values that may differ are in one place")
            sizes += (start - end, size)
            end = start + size
        self._layout = Struct("".join(f"{size}s" for size in [*sizes, len(whole) - end]))
        self._whole = list(self._layout.unpack(whole))
        self._same = tuple(self._whole[0::2])

    def gaps(self, whole: bytes) -> Sequence[bytes] | None:
        """Return what a message of the same size has in the gaps; None where it is not of this form."""
        parts = self._layout.unpack(whole)
        return parts[1::2] if parts[0::2] == self._same else None

    def filled(self, values: Sequence[bytes]) -> bytes:
        """Return the message with other values, of whatever size."""
        whole = self._whole.copy()
        whole[1::2] = values
        return b"".join(whole)


class Form:
    """What the heads of some messages have in common, as properties of AMQP and as JSON.

    Raises `ValueError` where a head has no values that may differ, or has them in another order on the other side.
    """

    __slots__ = ("_json", "_numbers", "_properties", "_writes")

    def __init__(self, properties: bytes, head: Head) -> None:
        differing = sorted(_differing(properties, head))
        names = [name for _, _, name in differing]
        if not names:
            raise ValueError("there is nothing that may differ")
        whole = encode_head(head)
        self._numbers = [isinstance(head.headers.get(name), int) for name in names]
        self._properties = Side(properties, [(start, size) for start, size, _ in differing])
        gaps = _gaps(head, names)
        self._json = Side(whole, gaps)
        sizes = zip(differing, gaps, self._numbers, strict=True)
        self._writes = all(number or size == raw + 2 for (_, raw, _), (_, size), number in sizes)
        if self.head(properties) != whole:
            raise ValueError("as JSON the values are others, or in another order")

    def head(self, properties: bytes) -> bytes | None:
        """Return the head of a message, as JSON, with properties of the same size; None where it has another form."""
        values = self._properties.gaps(properties)
        if values is None:
            return None
        try:
            pairs = zip(values, self._numbers, strict=True)
            return self._json.filled(
                [b"%d" % _int.unpack(raw) if number else _json(raw.decode()) for raw, number in pairs]
            )
        except UnicodeDecodeError:
            return None

    def properties(self, head: bytes) -> bytes | None:
        """Return the properties for a head, as JSON of the same size; None where it has another form."""
        values = self._json.gaps(head) if self._writes else None
        if values is None:
            return None
        try:
            pairs = zip(values, self._numbers, strict=True)
            return self._properties.filled([_int.pack(int(text)) if number else _raw(text) for text, number in pairs])
        except (ValueError, struct_error):
            return None


class Forms:
    """Forms that were learned from messages. Thread-safe: at worst something is learned twice.

    Those with the same `like` are tried: the size of what is known, and whatever else the other side depends on.
    """

    def __init__(self) -> None:
        self._forms: dict[Hashable, Sequence[Form]] = {}
        self._seen: dict[Hashable, int] = {}

    def of(self, like: Hashable) -> Sequence[Form]:
        """Return the forms that a message may have, the youngest first."""
        return self._forms.get(like, ())

    def learn(self, like: Hashable, properties: bytes, head: Head) -> None:
        """Note a head that had to be read, or written."""
        seen = self._seen.get(like, 0)
        if len(self._seen) > _MOST_SEEN:
            self._seen.clear()
        self._seen[like] = seen + 1
        if seen < _LEARN_AFTER:
            return
        self._seen.pop(like, None)
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


def _raw(text: bytes) -> bytes:
    """Return a JSON string's bytes; raises `ValueError` where that takes more than to cut its quotes off."""
    if text[0] != _QUOTE or text[-1] != _QUOTE or text.count(b'"') != 2 or b"\\" in text:
        raise ValueError("it has something else than plain characters")
    return text[1:-1]


def _gaps(head: Head, names: Iterable[str]) -> list[tuple[int, int]]:
    """Return places and sizes of the values that may differ in a head as JSON, by marking them."""
    marks = {name: f"{_MARK}{name}" for name in names}
    headers = {**head.headers, **{name: marks[name] for name in _HEADERS if name in marks}}
    properties = {**head.properties, **{name: marks[name] for name in _PROPERTIES if name in marks}}
    marked = encode_head(msgspec.structs.replace(head, headers=headers, properties=properties))
    gaps: list[tuple[int, int]] = []
    shift = 0
    for mark in _MARKS.finditer(marked):
        name = mark[1].decode()
        size = len(_json(head.headers[name] if name in _HEADERS else head.properties[name]))
        gaps.append((mark.start() + shift, size))
        shift += size - len(mark[0])
    return gaps
