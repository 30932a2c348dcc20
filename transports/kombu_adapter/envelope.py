"""Envelopes: messages as kombu's virtual transports write them, as JSON."""

from __future__ import annotations

import base64
from contextlib import suppress
from typing import Any

import msgspec

from ..letters.letter import Letter, Taken
from ..message import UNREADABLE, Head


class _Envelope(msgspec.Struct, rename="kebab"):
    headers: dict[str, Any]
    properties: dict[str, Any]
    body: str = ""
    content_type: str | None = None
    content_encoding: str | None = None


_decode = msgspec.json.Decoder(_Envelope).decode
_ENVELOPES_OWN = frozenset({"body_encoding", "delivery_tag"})


def prepared(channel: Any, letter: Letter) -> Any:
    """Return a letter as a message of one of kombu's channels."""
    return channel.prepare_message(
        letter.body,
        letter.priority,
        letter.head.content_type,
        letter.head.content_encoding,
        dict(letter.head.headers),
        dict(letter.head.properties),
    )


def sealed(channel: Any, letter: Letter) -> bytes:
    """Return a letter as it stands in a queue of one of kombu's channels."""
    message = prepared(channel, letter)
    channel._inplace_augment_message(message, letter.exchange, letter.routing_key)
    return msgspec.json.encode(message)


def opened(queue: str, item: bytes, handle: Any) -> Taken:
    """Return an envelope as a message; one that is none has no headers, and all of it for its body."""
    try:
        envelope = _decode(item)
        head = Head(
            headers=envelope.headers,
            properties={name: value for name, value in envelope.properties.items() if name not in _ENVELOPES_OWN},
            content_type=envelope.content_type or "application/json",
            content_encoding=envelope.content_encoding or "utf-8",
        )
        body = _body(envelope)
    except (*UNREADABLE, ValueError):
        head, body = Head(headers={}, properties={}, content_type="application/data"), item
    return Taken(queue, head, body, handle, redelivered=bool(head.headers.get("redelivered")))


def marked_as_redelivered(item: bytes) -> bytes:
    """Return an envelope marked as kombu marks one that it restores; what is no envelope as it is."""
    with suppress(*UNREADABLE, KeyError, TypeError):
        envelope = msgspec.json.decode(item)
        envelope["headers"]["redelivered"] = True
        envelope["properties"]["delivery_info"]["redelivered"] = True
        return msgspec.json.encode(envelope)
    return item


def _body(envelope: _Envelope) -> bytes:
    if envelope.properties.get("body_encoding") == "base64":
        return base64.b64decode(envelope.body, validate=True)
    return envelope.body.encode()
