"""What the settings say about a result store that is not the broker's own, as its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pkgutil import resolve_name
from typing import TYPE_CHECKING, cast

from ...transports import codecs
from ...transports.registry import DATABASE, FILE, REDIS, RPC
from ...transports.urls import scheme_of
from ..exceptions import ImproperlyConfigured
from ..times import seconds

if TYPE_CHECKING:
    from ..settings import Settings

QUEUE_EXPIRES = 1800.0
"""Seconds for which a queue of replies that nobody reads is kept at most."""

_BY_NAME = ("database", "db")
_DATABASE = {
    "database_engine_options": "engine_options",
    "database_short_lived_sessions": "short_lived_sessions",
    "database_table_schemas": "table_schemas",
    "database_table_names": "table_names",
}
_POLLED = ("poll_interval", "patience")


def result_url(conf: Settings) -> str | None:
    """Return the URL of the result store, None for the broker's own."""
    if conf.result_backend == RPC:
        return f"{RPC}://"
    if conf.result_backend not in _BY_NAME:
        return conf.result_backend
    if conf.database_url is None:
        raise ImproperlyConfigured(
            f"result_backend={conf.result_backend!r} needs database_url, or say db+sqlite:///..."
        )
    return DATABASE + conf.database_url


def result_options(conf: Settings, url: str, broker: str) -> dict[str, object]:
    """Return what the store at `url` is to be told; it knows the rest by itself. broker: the URL of the app's."""
    said = dict(conf.result_backend_transport_options)
    scheme = scheme_of(url)
    if scheme == RPC:
        return {
            "broker": broker,
            **_by_message(conf),
            **_known(conf.broker_transport_options, "global_keyprefix", "master_name", "sentinel_kwargs"),
            **_known(said, "patience", "kept"),
        }
    if scheme in REDIS:
        tls = conf.broker_use_ssl if url == broker else False
        return {"ssl": tls, **_known(said, "global_keyprefix")}
    if scheme == FILE:
        return {**_kept(conf), **_known(said, *_POLLED, "global_keyprefix")}
    if not scheme.startswith(DATABASE):
        return said
    return {
        **{option: conf[name] for name, option in _DATABASE.items()},
        "engine_callback": _callback(conf),
        **_kept(conf),
        **_known(said, *_POLLED, "connect_timeout", "notify"),
    }


def _by_message(conf: Settings) -> dict[str, object]:
    kept = _kept(conf)
    ttl = kept.pop("expires")
    return {
        **kept,
        **({"expires": min(QUEUE_EXPIRES, ttl)} if isinstance(ttl, (int, float)) else {}),
        "persistent": bool(conf.result_persistent),
        "ssl": conf.broker_use_ssl,
        "heartbeat": conf.broker_heartbeat,
        "connect_timeout": conf.broker_connection_timeout,
        "login_method": conf.broker_login_method,
    }


def has_keys_of_its_own(conf: Settings, broker: str) -> bool:
    """Tell whether results in the broker's Redis have keys with a prefix: then they are no part of what it commits."""
    return bool(scheme_of(broker) in REDIS and conf.result_backend_transport_options.get("global_keyprefix"))


def accepted_results(conf: Settings) -> frozenset[str]:
    """Return the content types that results may be in."""
    return codecs.accepted_types(
        conf.accept_content if conf.result_accept_content is None else conf.result_accept_content
    )


def _kept(conf: Settings) -> dict[str, object]:
    """Return how results are written and read, and for how long they are kept."""
    return {
        "serializer": conf.result_serializer,
        "accept": accepted_results(conf),
        "expires": seconds(conf.result_expires) or None,
    }


def _known(said: Mapping[str, object], *names: str) -> dict[str, object]:
    """Return those of a Celery app's options that mean something here."""
    return {name: said[name] for name in names if name in said}


def _callback(conf: Settings) -> Callable[..., object] | None:
    named = conf.database_engine_callback
    return cast("Callable[..., object]", resolve_name(named)) if isinstance(named, str) else named
