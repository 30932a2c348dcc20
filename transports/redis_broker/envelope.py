"""Envelopes: messages as kombu writes them into Redis. What nobody has to look into passes as it is."""

from __future__ import annotations

import os
from binascii import Error as NotBase64
from binascii import a2b_base64, b2a_base64
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

from ..letters.letter import DEATHS, DUE, HISTORY, LOSSES, Taken, count_in, properties_of
from ..message import UNREADABLE, Head, Publication, decode_head, encode_head
from .keys import Keys

_NO_TASK = encode_head(Head(headers={}, properties={}, content_type="application/data"))
_MARK = b'"x-understudy-'
"""What a header of our own begins with; most messages have none."""
_OWN_HEADERS = frozenset({LOSSES, DEATHS, DUE, HISTORY})
_ENVELOPES_OWN = frozenset({"body_encoding", "delivery_tag"})


class _Envelope(msgspec.Struct, rename="kebab"):
    headers: msgspec.Raw
    properties: msgspec.Raw
    body: str = ""
    content_type: str | None = None
    content_encoding: str | None = None


class _RawHead(msgspec.Struct, rename="kebab"):
    """A `Head` whose headers pass as they are."""

    headers: msgspec.Raw
    properties: dict[str, Any]
    content_type: str = "application/json"
    content_encoding: str = "utf-8"


class _Sealed(msgspec.Struct, rename="kebab"):
    body: str
    content_encoding: str
    content_type: str
    headers: msgspec.Raw
    properties: dict[str, Any]


class _Own(msgspec.Struct):
    headers: dict[str, Any]


class _Properties(msgspec.Struct):
    body_encoding: str | None = None


class _Headers(msgspec.Struct):
    eta: Any = None
    redelivered: Any = None


_decode = msgspec.json.Decoder(_Envelope).decode
_properties = msgspec.json.Decoder(_Properties).decode
_headers = msgspec.json.Decoder(_Headers).decode
_raw_head = msgspec.json.Decoder(_RawHead).decode
_own = msgspec.json.Decoder(_Own).decode
_any = msgspec.json.Decoder().decode
_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode


class Opened(msgspec.Struct, frozen=True):
    """A message, ready for a delivery. due: unix seconds before which it is not to be started, 0 for at once."""

    head: bytes
    body: bytes
    losses: int = 0
    redelivered: bool = False
    due: float = 0.0
    deaths: int = 0


def sealed(publication: Publication, at: float) -> bytes:
    """Return a publication as it stands in Redis, published `at` some moment (unix seconds).

    Raises one of `UNREADABLE` where its head cannot be read.
    """
    head = _raw_head(publication.head)
    headers = head.headers if publication.eta is None else _with_eta(head.headers, publication.eta)
    properties = properties_of(publication, head.properties, at)
    properties["delivery_info"] = {"exchange": publication.exchange, "routing_key": publication.routing_key}
    properties["priority"] = publication.priority
    properties["body_encoding"] = "base64"
    properties["delivery_tag"] = _tag()
    body = b2a_base64(publication.body, newline=False).decode()
    return _encode(_Sealed(body, head.content_encoding, head.content_type, headers, properties))


def opened(item: bytes) -> Opened:
    """Return what stands in Redis as a message; one that is no envelope has no headers, and all of it for its body."""
    try:
        envelope = _decode(item)
        marks = _headers(envelope.headers)
        encoding = _properties(envelope.properties).body_encoding
        body = a2b_base64(envelope.body, strict_mode=True) if encoding == "base64" else envelope.body.encode()
        if marks.eta or _MARK in item:
            return _opened_slowly(envelope, body)
    except (*UNREADABLE, NotBase64, ValueError):
        return Opened(_NO_TASK, item)
    head = b'{"headers":%b,"properties":%b,"content-type":%b,"content-encoding":%b}' % (
        envelope.headers,
        envelope.properties,
        _encode(envelope.content_type or "application/json"),
        _encode(envelope.content_encoding or "utf-8"),
    )
    return Opened(head, body, redelivered=bool(marks.redelivered))


def taken_of(queue: str, item: bytes) -> Taken:
    """Return what stands in Redis with its head decoded; where that cannot be read, it is no envelope."""
    message = opened(item)
    try:
        head = decode_head(message.head)
    except UNREADABLE:  # what a node does not look into is read here for the first time
        message, head = Opened(_NO_TASK, item), decode_head(_NO_TASK)
    with suppress(*UNREADABLE):
        head = msgspec.structs.replace(head, headers=_own(item).headers)  # those of our own too
    properties = {name: value for name, value in head.properties.items() if name not in _ENVELOPES_OWN}
    head = msgspec.structs.replace(head, properties=properties)
    return Taken(queue, head, message.body, None, message.redelivered)


def given_back(item: bytes, losses: int = 0, deaths: int = 0) -> bytes:
    """Return an envelope marked as kombu marks one that it restores, and with so many more losses and deaths."""
    with suppress(*UNREADABLE, KeyError, TypeError):
        envelope = _any(item)
        headers = envelope["headers"]
        headers["redelivered"] = True
        for header, more in ((LOSSES, losses), (DEATHS, deaths)):
            if more:
                headers[header] = count_in(headers, header) + more
        with suppress(KeyError, TypeError):
            envelope["properties"]["delivery_info"]["redelivered"] = True
        return _encode(envelope)
    return item


def priority_of(item: bytes) -> int:
    """Return the priority that an envelope states, 0 where it states none."""
    try:
        return int(_any(item)["properties"]["priority"])
    except (*UNREADABLE, KeyError, TypeError, ValueError):
        return 0


def unwrapped(value: bytes, keys: Keys) -> tuple[bytes, str, str]:
    """Return envelope, queue and list of what we hold, from its entry in `unacked`."""
    item, _, rest = value.rpartition(b',"",')
    queue = _text(rest[:-1])
    envelope = item[1:]
    return envelope, queue, keys.list_of(queue, priority_of(envelope))


def _with_eta(headers: msgspec.Raw, eta: float) -> msgspec.Raw:
    """Return headers that say when the message is due, as Celery's clients say it."""
    said = _any(headers)
    if not said.get("eta"):
        said["eta"] = datetime.fromtimestamp(eta, UTC).isoformat()
    return msgspec.Raw(_encode(said))


def _opened_slowly(envelope: _Envelope, body: bytes) -> Opened:
    """Open an envelope with an ETA or with headers of our own, which stay behind."""
    whole = Head(
        headers=_any(envelope.headers),
        properties=_any(envelope.properties),
        content_type=envelope.content_type or "application/json",
        content_encoding=envelope.content_encoding or "utf-8",
    )
    taken = Taken("", whole, body, None)
    headers = {name: value for name, value in whole.headers.items() if name not in _OWN_HEADERS}
    head = encode_head(msgspec.structs.replace(whole, headers=headers))
    redelivered = bool(headers.get("redelivered"))
    return Opened(head, body, taken.losses, redelivered, taken.due, count_in(whole.headers, DEATHS))


def _tag() -> str:
    """Return a delivery tag as kombu makes them: a random UUID."""
    digits = os.urandom(16).hex()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
