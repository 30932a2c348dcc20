"""Payloads as rows of Celery's table, and back.

Celery's database backend keeps each part of a result in a column of its own: the values encoded by the result
serializer, the rest plain. In JSON a payload is cut up and put together without decoding the values in it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from .. import codecs
from ..message import UNREADABLE, Result

Row = dict[str, Any]

_LONGEST_NAME = 155
_ENCODED = ("args", "kwargs")
_NAMES = ("name", "worker", "queue")
_EXTENDED = ("name", "args", "kwargs", "worker", "retries", "queue")
_PICKLED = b"\x80"
_PICKLE = "application/x-python-serialize"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_decode_raw = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Form(Protocol):
    """How values are encoded."""

    def row(self, result: Result) -> Row:
        """Return a result as the columns of its row."""
        ...

    def payload(self, row: Mapping[str, Any]) -> bytes:
        """Return a row as a payload.

        A value that this form cannot read is returned as it is: whoever decodes it is told what is wrong with it.
        """
        ...

    def group_value(self, payload: bytes) -> bytes:
        """Return the members of a group, out of its payload, as they are stored."""
        ...

    def group_payload(self, value: bytes) -> bytes:
        """Return the payload of a group."""
        ...

    def encoded(self, value: Any) -> bytes:
        """Return a value as it is stored."""
        ...


def form_of(serializer: str, accept: Collection[str]) -> Form:
    """Return the form of a serializer; accept: the content types that may be decoded."""
    return JsonForm(accept) if serializer == "json" else CodecForm(serializer, accept)


class CodecForm:
    """Values in any of kombu's serializers."""

    def __init__(self, serializer: str, accept: Collection[str]) -> None:
        self._serializer = serializer
        self._accept = accept
        _, self._content_type, self._content_encoding = codecs.encode(None, serializer)

    def row(self, result: Result) -> Row:
        meta = codecs.decode(result.payload, self._content_type, self._content_encoding, {self._content_type})
        encoded = {name: None if meta.get(name) is None else self.encoded(meta[name]) for name in _ENCODED}
        stamped = meta.get("stamped_headers")
        return {
            **_plain(meta, result),
            **encoded,
            "result": self.encoded(meta.get("result")),
            "children": self.encoded(meta["children"]) if meta.get("children") else None,
            "stamps": self.encoded(_stamps(meta, stamped)) if stamped else None,
        }

    def payload(self, row: Mapping[str, Any]) -> bytes:
        try:
            value = self._read(row["result"])
            children: Any = self._read(row["children"]) or []
            extended = {name: self._read(row[name]) if name in _ENCODED else row[name] for name in _EXTENDED}
            stamps = self._read(row["stamps"])
        except codecs.MalformedMessage:
            return bytes(row["result"] or b"")
        if not any(one is not None for one in extended.values()):
            extended = {}
        marks = {"stamped_headers": stamps["stamped_headers"], **stamps["stamps"]} if stamps else {}
        return self.encoded({**_head(row), "result": value, "children": children, **extended, **marks})

    def group_value(self, payload: bytes) -> bytes:
        return self.encoded(codecs.decode_json(payload)["result"])

    def group_payload(self, value: bytes) -> bytes:
        members = self._read(value)
        as_tuple = getattr(members, "as_tuple", None)  # Celery pickles the group itself
        return codecs.encode_json({"result": members if as_tuple is None else as_tuple()})

    def encoded(self, value: Any) -> bytes:
        """Return a value as it is stored."""
        return codecs.encode(value, self._serializer).data

    def _read(self, data: bytes | None) -> Any:
        if data is None:
            return None
        return codecs.decode(bytes(data), self._content_type, self._content_encoding, self._accept)


class JsonForm(CodecForm):
    """Values in JSON, which stay as they are."""

    def __init__(self, accept: Collection[str]) -> None:
        super().__init__("json", accept)

    def row(self, result: Result) -> Row:
        try:
            raw = _decode_raw(result.payload)
        except UNREADABLE:  # NaN or Infinity, which Celery writes
            return super().row(result)
        meta = {name: _decode(raw[name]) for name in (*_PLAIN, "stamped_headers") if name in raw}
        stamped = meta.get("stamped_headers")
        return {
            **_plain(meta, result),
            **{name: _unless(b"null", raw.get(name)) for name in _ENCODED},
            "result": bytes(raw.get("result", b"null")),
            "children": _unless(b"[]", raw.get("children")),
            "stamps": _encode(_stamps(raw, stamped)) if stamped else None,
        }

    def payload(self, row: Mapping[str, Any]) -> bytes:
        value = bytes(row["result"]) if row["result"] is not None else b"null"
        if value.startswith(_PICKLED):  # by a Celery before 5.7
            return self._unpickled(value, row)
        parts: dict[str, Any] = {**_head(row), "result": msgspec.Raw(value)}
        parts["children"] = msgspec.Raw(row["children"] or b"[]")
        extended = {name: row[name] for name in _EXTENDED}
        if any(one is not None for one in extended.values()):
            parts.update(extended)
            parts.update({name: msgspec.Raw(row[name]) for name in _ENCODED if row[name] is not None})
        if row["stamps"] is not None:
            stamps = _decode_raw(row["stamps"])
            parts["stamped_headers"] = stamps["stamped_headers"]
            parts.update(_decode_raw(stamps["stamps"]))
        return _encode(parts)

    def _unpickled(self, value: bytes, row: Mapping[str, Any]) -> bytes:
        if _PICKLE not in self._accept:
            return value
        try:
            plain = codecs.encode_json(codecs.decode(value, _PICKLE, "binary", self._accept))
        except (codecs.MalformedMessage, codecs.EncodeError):
            return value
        return self.payload({**row, "result": plain})

    def group_value(self, payload: bytes) -> bytes:
        return bytes(_decode_raw(payload)["result"])

    def group_payload(self, value: bytes) -> bytes:
        return b'{"result":%b}' % value


_PLAIN = ("status", "traceback", "date_done", "name", "worker", "retries", "queue")


def _plain(meta: Mapping[str, Any], result: Result) -> Row:
    """Return the columns that are not encoded."""
    row = {name: meta.get(name) for name in _PLAIN}
    for name in _NAMES:
        row[name] = row[name] and str(row[name])[:_LONGEST_NAME]
    return {**row, "task_id": result.task_id, "status": result.state, "date_done": _moment(row["date_done"])}


def _head(row: Mapping[str, Any]) -> dict[str, Any]:
    done: datetime | None = row["date_done"]
    return {
        "status": row["status"],
        "traceback": row["traceback"],
        "date_done": None if done is None else done.replace(tzinfo=UTC).isoformat(),
        "task_id": row["task_id"],
    }


def _stamps(meta: Mapping[str, Any], stamped: list[str]) -> dict[str, Any]:
    return {"stamped_headers": stamped, "stamps": {name: meta[name] for name in stamped if name in meta}}


def _moment(text: str | None) -> datetime | None:
    """Return a moment as the column keeps it: UTC, without saying so."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _unless(nothing: bytes, raw: msgspec.Raw | None) -> bytes | None:
    encoded = b"null" if raw is None else bytes(raw)
    return None if encoded in (b"null", nothing) else encoded
