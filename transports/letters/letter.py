"""Letters: messages as they stand on the wire, on their way out (`Letter`) and in (`Taken`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from ..message import Delivery, Head, Publication, decode_head, encode_head

LOSSES = "x-understudy-losses"
"""Header: how often a pool process died while it ran this message."""
DEATHS = "x-understudy-deaths"
"""Header: how many nodes died while they held this message."""
DUE = "x-understudy-due"
"""Header: unix seconds before which a message that was given back is not to be started again."""
HISTORY = "x-understudy-history"
"""Header: what brought a message to the dead letter queue, one map for each time."""

_LONGEST_EXPIRATION = (2**32 - 1) / 1000  # seconds; RabbitMQ refuses a message that is to be dropped later

_MOST_COUNTED = 2**31
_END_OF_TIME = datetime.max.replace(tzinfo=UTC).timestamp()
_OURS = frozenset({LOSSES, DEATHS, DUE, HISTORY})
_OF_FIRST_PUBLICATION = frozenset({"expiration", "user_id"})
_PROPERTIES = frozenset(
    {
        "correlation_id",
        "reply_to",
        "delivery_mode",
        "expiration",
        "message_id",
        "timestamp",
        "type",
        "user_id",
        "app_id",
    }
)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message on its way out. `to_queue` where `routing_key` names a queue that has to be there."""

    head: Head
    body: bytes
    exchange: str
    routing_key: str
    priority: int = 0

    @property
    def to_queue(self) -> bool:
        return not self.exchange


@dataclass(frozen=True, slots=True)
class Taken:
    """A message as it came off a queue.

    handle: what its link settles it by. deaths: how many nodes died while they held it, where somebody counts them.
    """

    queue: str
    head: Head
    body: bytes
    handle: Any
    redelivered: bool = False
    deaths: int = 0

    @property
    def headers(self) -> dict[str, Any]:
        return self.head.headers

    @property
    def losses(self) -> int:
        return count_in(self.headers, LOSSES)

    @property
    def due(self) -> float:
        """Unix seconds before which it is not to be started; 0 where it says nothing, or nothing readable."""
        due = self.headers.get(DUE, 0.0)
        ours = due if isinstance(due, int | float) and 0 < due < _END_OF_TIME else 0.0
        return max(_unix_seconds(self.headers.get("eta")), ours)

    @property
    def task_id(self) -> str:
        """The task's id, or "" where the message has none."""
        return str(self.headers.get("id") or self.head.properties.get("correlation_id") or "")


def count_in(headers: Mapping[str, Any], name: str) -> int:
    """Return a header of ours that counts; 0 where it says nothing, or what we never write."""
    count = headers.get(name, 0)
    return count if isinstance(count, int) and 0 <= count < _MOST_COUNTED else 0


def letter_of(publication: Publication, at: float) -> Letter:
    """Return a publication as Celery puts it on the wire `at` some moment (unix seconds)."""
    head = decode_head(publication.head)
    headers = dict(head.headers)
    if publication.eta is not None and not headers.get("eta"):
        headers["eta"] = datetime.fromtimestamp(publication.eta, UTC).isoformat()
    return Letter(
        msgspec.structs.replace(head, headers=headers, properties=properties_of(publication, head.properties, at)),
        publication.body,
        publication.exchange,
        publication.routing_key,
        publication.priority,
    )


def properties_of(publication: Publication, properties: dict[str, Any], at: float) -> dict[str, Any]:
    """Return the properties with which a publication goes out; `properties` are those of its head."""
    outgoing = {"correlation_id": publication.id, "reply_to": "", "delivery_mode": 2, **_outgoing(properties)}
    if publication.expires is not None and publication.expires - at < _LONGEST_EXPIRATION:
        outgoing.setdefault("expiration", str(max(0, int((publication.expires - at) * 1000))))
    return outgoing


def publication_again(taken: Taken, queue: str, **headers: Any) -> Publication:
    """Return a message that was taken as one for `queue`, with headers set, or removed where they are None.

    It does not expire in the broker: the time that it had was counted from its first publication. It says no user: the
    broker has checked who published it first, and would refuse another.
    """
    merged = {name: value for name, value in {**taken.headers, **headers}.items() if value is not None}
    properties = {name: value for name, value in taken.head.properties.items() if name not in _OF_FIRST_PUBLICATION}
    head = msgspec.structs.replace(taken.head, headers=merged, properties=properties)
    priority = taken.head.properties.get("priority")
    return Publication(
        id=taken.task_id,
        routing_key=queue,
        head=encode_head(head),
        body=taken.body,
        priority=priority if isinstance(priority, int) else 0,
    )


def delivery_of(taken: Taken, tag: int) -> Delivery:
    """Return a message as the runtime gets it: headers of the adapter's own stay behind."""
    headers = {name: value for name, value in taken.headers.items() if name not in _OURS}
    head = encode_head(msgspec.structs.replace(taken.head, headers=headers))
    return Delivery(tag, taken.queue, head, taken.body, taken.losses, taken.redelivered, taken.deaths)


def _outgoing(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name in _PROPERTIES and value is not None}


def _unix_seconds(eta: Any) -> float:
    if not isinstance(eta, str):
        return 0.0
    try:
        moment = datetime.fromisoformat(eta)
    except ValueError:
        return 0.0
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
