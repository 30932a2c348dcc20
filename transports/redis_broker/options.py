"""`RedisOptions`: what users may say about a Redis broker."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from ..api import DEAD_LETTER_EXPIRES
from ..errors import TransportError
from ..queues import Queue, Queues
from ..tls import Tls
from .keys import Keys

_OF_KEYS = {"global_keyprefix": "prefix", "sep": "separator", "unacked_key": "unacked", "unacked_index_key": "index"}
_OF_CONNECTIONS = frozenset({"socket_keepalive", "socket_keepalive_options"})
_KOMBUS_OWN = frozenset(
    {
        "ack_emulation",
        "body_encoding",
        "health_check_interval",
        "max_connections",
        "min_other_sentinels",
        "queue_arguments",
        "delayed_delivery",
        "delays_for_clients",
        "queue_order_strategy",
        "retry_on_timeout",
        "sentinel_fanout_compat",
        "socket_connect_timeout",
        "socket_timeout",
        "unacked_mutex_expire",
        "unacked_mutex_key",
        "unacked_restore_interval",
        "unacked_restore_limit",
        "unacked_restore_throttle",
        "poll_interval",
        "heartbeat",
        "login_method",
    }
)
"""Options of kombu's, or of other brokers, that mean nothing here; a program that has them works all the same."""


@dataclass(frozen=True, slots=True)
class RedisOptions:
    """Times are seconds.

    lease: after which the messages of a node that is silent are given to others. patience: for which a call waits for a
    server that is away. connect_timeout: to connect. reply_timeout: after which a server that does not answer is taken
    for gone. visibility_timeout: kombu's, of the stock workers on the same Redis; what runs here is kept from them.
    dead_letter_expires: for which a dead letter is kept. master_name, sentinel_kwargs: of Sentinel.
    task_queues: those that are bound as the app says. fanout_prefix, fanout_patterns,
    failover_strategy: kombu's.
    """

    lease: float = 4.0
    patience: float = 5.0
    connect_timeout: float = 4.0
    reply_timeout: float = 10.0
    visibility_timeout: float = 3600.0
    dead_letter_expires: float = DEAD_LETTER_EXPIRES
    ssl: Tls = False
    master_name: str | None = None
    sentinel_kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    client_name: str | None = None
    connection: Mapping[str, Any] = field(default_factory=dict[str, Any])
    keys: Keys = field(default_factory=Keys)
    fanout_prefix: bool | str = True
    fanout_patterns: bool = True
    failover_strategy: str | None = None
    task_queues: tuple[Queue, ...] = ()

    @property
    def queues(self) -> Queues:
        """What the app says about its queues."""
        return Queues(self.task_queues)

    @property
    def refresh(self) -> float:
        """Seconds between two refreshments of what stock workers would take back."""
        return min(60.0, max(0.1, self.visibility_timeout / 4))

    @classmethod
    def of(cls, options: Mapping[str, object]) -> RedisOptions:
        """Read what users say; raises `TransportError` where it is not understood."""
        given: dict[str, Any] = {**options}
        given |= given.pop("transport_options", None) or {}
        given.pop("queues", None)
        keys = {ours: given.pop(kombus) for kombus, ours in _OF_KEYS.items() if kombus in given}
        if "priority_steps" in given:
            keys["steps"] = tuple(sorted(given.pop("priority_steps")))
        connection = {name: given.pop(name) for name in _OF_CONNECTIONS & set(given)}
        for name in _KOMBUS_OWN & set(given):
            del given[name]
        known = {one.name for one in fields(cls)} - {"keys", "connection"}
        if unknown := sorted(set(given) - known):
            raise TransportError(
                f"{', '.join(unknown)}: no options of redis://, which has {', '.join(sorted(known))}, and kombu's"
            )
        _check_exchanges(given.get("task_queues", ()))
        return cls(keys=Keys(**keys), connection=connection, **given)


def _check_exchanges(queues: Iterable[Queue]) -> None:
    for queue in queues:
        for binding in queue.bindings:
            if binding.kind not in ("direct", "topic", "fanout"):
                raise TransportError(
                    f"{queue.name} is bound to {binding.exchange}, of the type {binding.kind}: "
                    "redis:// has direct, topic and fanout exchanges"
                )
