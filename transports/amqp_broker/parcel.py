"""Parcels: messages as bytes of AMQP, on their way out, and what a node reads of one that came in."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from ..errors import MalformedMessage
from ..letters.letter import HISTORY, LOSSES, Letter, Taken, letter_of
from ..message import UNREADABLE, Delivery, Head, Publication, decode_head, encode_head
from ..queues import Queues
from . import ladder
from .forms import Forms
from .protocol.connection import FRAME_MAX, Delivered
from .protocol.errors import MalformedFrame
from .protocol.frames import OVERHEAD
from .protocol.properties import HEADERS, decode_properties, encode_properties

Needs = tuple[str, str, bool]
"""An exchange, or else a queue, and whether a ladder has to lead there."""

_RARE = frozenset({"expiration", "timestamp", "cluster_id"})
_OURS = frozenset({LOSSES, "x-understudy-due", HISTORY})
_BROKERS = frozenset(
    {
        "x-death",
        "x-delivery-count",
        "x-acquired-count",
        "x-first-death-exchange",
        "x-first-death-queue",
        "x-first-death-reason",
        "x-last-death-exchange",
        "x-last-death-queue",
        "x-last-death-reason",
        "CC",
    }
)
"""What a broker writes onto a message that took the ladder, or came back; it must not be sent on with what follows.

Nor must `CC`, by which a broker sends copies to other queues: they have got theirs.
"""
_MOST_PROPERTIES = FRAME_MAX - OVERHEAD - 12
"""Properties and headers stand in one frame, after the size of the body; a broker ends connections for larger ones."""
_SAID_BY_HEADS = frozenset({"correlation_id", "reply_to"})
"""Properties that do not come from elsewhere where a head has them."""
_LADDER_KINDS = frozenset({"topic", "fanout"})
_UNREADABLE = "application/octet-stream"


@dataclass(slots=True)
class Parcel:
    """A message on its way out.

    queue: one that has to be there for it to arrive, or "". delayed: whether it takes the ladder there. through: the
    exchange that has to be there, where it takes another way than by the name of a queue. mandatory: whether it is an
    error that no queue is there for it. origin: what was published; the same object again means a retry.
    """

    exchange: str
    routing_key: str
    queue: str
    properties: bytes
    body: bytes
    delayed: bool = False
    through: str = ""
    mandatory: bool = True
    origin: Publication | None = field(default=None, compare=False)

    @property
    def needs(self) -> Needs:
        """What has to be declared for it."""
        return self.through, self.queue, self.delayed


def delayed_parcel_of(publication: Publication, at: float, queues: Queues, forms: Forms) -> Parcel:
    """Do what `parcel_of` does, and have a message wait in the broker for the whole seconds until it is due."""
    parcel = parcel_of(publication, at, queues, forms)
    seconds = 0 if publication.eta is None else int(publication.eta - at)
    if seconds < 1 or (parcel.through and queues.kind(parcel.through) not in _LADDER_KINDS):
        return parcel
    key = ladder.routing_key(seconds, parcel.queue or parcel.routing_key)
    return replace(parcel, exchange=ladder.TOP, routing_key=key, delayed=True)


def parcel_of(publication: Publication, at: float, queues: Queues | None = None, forms: Forms | None = None) -> Parcel:
    """Return a publication as bytes, `at` some moment; raises `MalformedMessage` where it does not fit into AMQP.

    forms: of what was published before, to be the quicker.
    """
    try:
        timeless = publication.eta is None and publication.expires is None
        parcel = _alike(publication, forms) if timeless and forms is not None else None
        if parcel is None:
            head = decode_head(publication.head)
            if timeless and _is_plain(head.properties):
                parcel = _plain_parcel(publication, head)
                if forms is not None and head.properties.keys() >= _SAID_BY_HEADS:
                    forms.learn(_like(publication), parcel.properties, head)
            else:
                parcel = parcel_of_letter(letter_of(publication, at))
        if parcel.through and queues is not None and queues.kind(parcel.through) == "fanout":
            parcel.mandatory = False  # whoever is there gets it
        parcel.origin = publication
        return parcel
    except (*UNREADABLE, TypeError, ValueError) as error:
        raise MalformedMessage(f"the message of task {publication.id} cannot be sent: {error}") from None


def _like(publication: Publication) -> tuple[int, int]:
    """Return what publications share whose properties may have one form."""
    return len(publication.head), publication.priority


def _alike(publication: Publication, forms: Forms) -> Parcel | None:
    for form in forms.of(_like(publication)):
        properties = form.properties(publication.head)
        if properties is not None:
            return _wrapped(publication.exchange, publication.routing_key, properties, publication.body)
    return None


def _is_plain(properties: dict[str, Any]) -> bool:
    return None not in properties.values() and _RARE.isdisjoint(properties)


def _plain_parcel(publication: Publication, head: Head) -> Parcel:
    """Do what `letter_of` does for the messages that have nothing to do with time: nearly all of them."""
    properties = {
        "correlation_id": publication.id,
        "reply_to": "",
        "delivery_mode": 2,
        **head.properties,
        "content_type": head.content_type,
        "content_encoding": head.content_encoding,
        HEADERS: head.headers,
        "priority": publication.priority,
    }
    return _parcel(publication.exchange, publication.routing_key, properties, publication.body)


def parcel_of_letter(letter: Letter) -> Parcel:
    """Return a letter as bytes; raises `TypeError` or `ValueError` where it does not fit."""
    return _parcel(letter.exchange, letter.routing_key, _properties(letter), letter.body)


def _parcel(exchange: str, routing_key: str, properties: dict[str, Any], body: bytes) -> Parcel:
    encoded = encode_properties(properties)
    if len(encoded) > _MOST_PROPERTIES:
        raise ValueError(f"its headers have {len(encoded)} bytes: {_MOST_PROPERTIES} is the most that AMQP carries")
    return _wrapped(exchange, routing_key, encoded, body)


def _wrapped(exchange: str, routing_key: str, properties: bytes, body: bytes) -> Parcel:
    return Parcel(exchange, routing_key, "" if exchange else routing_key, properties, body, through=exchange)


def _properties(letter: Letter) -> dict[str, Any]:
    head = letter.head
    return {
        **head.properties,
        "content_type": head.content_type,
        "content_encoding": head.content_encoding,
        HEADERS: head.headers,
        "priority": letter.priority,
    }


def head_of(properties: bytes, exchange: str, routing_key: str, *, redelivered: bool) -> Head:
    """Return the head of a message that came in; one whose properties nobody can read has no headers."""
    before = ladder.destination(exchange, routing_key)
    if before is not None:
        exchange, routing_key = "", before
    where = {"exchange": exchange, "routing_key": routing_key, "redelivered": redelivered}
    try:
        found = decode_properties(properties)
    except MalformedFrame:
        return Head({}, {"delivery_info": where}, _UNREADABLE, "binary")
    headers = found.pop(HEADERS, {})
    if not _BROKERS.isdisjoint(headers):
        headers = {name: value for name, value in headers.items() if name not in _BROKERS}
    content_type = found.pop("content_type", "application/json")
    encoding = found.pop("content_encoding", "utf-8")
    found["delivery_info"] = where
    return Head(headers, found, content_type, encoding)


def taken_of(delivered: Delivered, queue: str) -> Taken:
    """Return a message as the verdicts need it that send it on."""
    head = head_of(delivered.properties, delivered.exchange, delivered.routing_key, redelivered=delivered.redelivered)
    return Taken(queue, head, delivered.body, delivered.tag, delivered.redelivered)


def is_plain(taken: Taken) -> bool:
    """Tell whether a message came for the first time, is due, and has no headers of our own: nearly all do."""
    return not taken.redelivered and taken.due == 0 and _OURS.isdisjoint(taken.headers)


def delivery_of(taken: Taken, tag: int, deaths: int = 0) -> Delivery:
    """Return a message as the runtime gets it: headers of our own stay behind."""
    head, headers = taken.head, taken.head.headers
    if not _OURS.isdisjoint(headers):
        head = msgspec.structs.replace(head, headers={name: headers[name] for name in headers if name not in _OURS})
    return Delivery(tag, taken.queue, encode_head(head), taken.body, taken.losses, taken.redelivered, deaths)
