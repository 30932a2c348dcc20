"""`RpcOptions`: what users may say about results that come by message."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import codecs
from ..tls import Tls

QUEUE_EXPIRES = 1800.0


@dataclass(frozen=True, slots=True)
class RpcOptions:
    """What users may say about results that come by message.

    serializer: how payloads are encoded; accept: the content types that may be decoded. persistent: results survive a
    restart of the broker. expires: seconds after which the broker deletes a queue that nobody reads. ssl: see
    `transports.tls`. heartbeat: seconds (AMQP), None for none. login_method: kombu's. global_keyprefix: of the broker's
    keys (Redis). master_name, sentinel_kwargs: of Sentinel. patience: seconds after which a broker that cannot be
    reached is an error. kept: results that a process keeps in memory, the oldest go first.
    """

    serializer: str = "json"
    accept: Collection[str] = (codecs.JSON,)
    persistent: bool = False
    expires: float = QUEUE_EXPIRES
    ssl: Tls = False
    heartbeat: float | None = 10.0
    login_method: str | None = None
    global_keyprefix: str = ""
    master_name: str | None = None
    sentinel_kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    connect_timeout: float = 4.0
    patience: float = 5.0
    kept: int = 10_000
