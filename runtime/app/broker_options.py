"""What the settings say about the broker, as the options of its transport."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...transports.registry import EMBEDDED
from ...transports.urls import scheme_of
from ..publishing.queues import missing_queue
from ..publishing.router import Router

if TYPE_CHECKING:
    from ..settings import Settings

_OF_ALL = {"task_dead_letter_expires": "dead_letter_expires"}
_OF_SERVERS = {
    **_OF_ALL,
    "broker_connection_timeout": "connect_timeout",
    "broker_heartbeat": "heartbeat",
    "broker_use_ssl": "ssl",
    "broker_login_method": "login_method",
    "broker_failover_strategy": "failover_strategy",
}


def broker_options(conf: Settings, url: str) -> dict[str, object]:
    """Return what the transport at `url` is to be told; it knows by itself what nobody has changed.

    `broker_transport_options` has the last word. The embedded broker has no connection to be set up.
    """
    names = _OF_ALL if scheme_of(url) in EMBEDDED else _OF_SERVERS
    changed = conf.changed()
    said: dict[str, object] = {option: changed[name] for name, option in names.items() if name in changed}
    return {**said, **(_of_queues(conf) if names is _OF_SERVERS else _bound(conf)), **conf.broker_transport_options}


def _bound(conf: Settings) -> dict[str, object]:
    """Return the queues that a broker without exchanges has to be told of."""
    declared = tuple(one for one in Router(conf).declared() if one != missing_queue(one.name, conf))
    return {"task_queues": declared} if declared else {}


def _of_queues(conf: Settings) -> dict[str, object]:
    """Return the queues that have to be declared, and how those are that are made by naming them."""
    router = Router(conf)
    missing = missing_queue("", conf).arguments
    declared = [one for one in router.declared() if one != missing_queue(one.name, conf)]
    quorum = any(one.get("x-queue-type") == "quorum" for one in (missing, *(each.arguments for each in declared)))
    return {
        **({"task_queues": tuple(declared)} if declared else {}),
        **({"queue_arguments": dict(missing)} if missing else {}),
        **(
            {"delayed_delivery": conf.broker_native_delayed_delivery_queue_type, "delays_for_clients": True}
            if quorum
            else {}
        ),
    }
