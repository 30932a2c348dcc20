"""From the scheme of a URL to the transport that serves it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any, cast

from .api import Publisher, ResultStore, Transport
from .errors import UnknownScheme, UnsupportedByTransport
from .relay import RelayedResults
from .urls import scheme_of

GROUP = "understudy.transports"
"""The entry points by which other packages add schemes: each names a function like those of `BUILT_IN`."""

REDIS = frozenset({"redis", "rediss", "redis+socket"})
"""The schemes of Redis as a result store."""

DATABASE = "db+"
"""What a scheme begins with that leads to a database, by the SQLAlchemy URL behind it."""

FILE = "file"
"""The scheme of results in a folder."""

RPC = "rpc"
"""The scheme of results that go to their callers by message; its option `broker` says by which broker."""

EXTRAS = frozenset({"redis"})
"""Packages that a transport may lack, each an extra of the same name."""

Connect = Callable[[str, Mapping[str, object]], Transport]

EMBEDDED = {
    "memory": ".memory:connect",
    "sqlite": ".embedded.transport:connect",
}
"""The schemes of brokers that need no server; see `BUILT_IN`."""

BUILT_IN = {
    **EMBEDDED,
    "redis": ".redis_broker:connect",
    "rediss": ".redis_broker:connect",
    "redis+socket": ".redis_broker:connect",
    "sentinel": ".redis_broker:connect",
    "amqp": ".amqp_broker:connect",
    "amqps": ".amqp_broker:connect",
    "pyamqp": ".amqp_broker:connect",
    "pyamqps": ".amqp_broker:connect",
}
"""For each scheme the function `connect(url, options) -> Transport`, as module (of this package) and name."""


def connect(url: str, **options: object) -> Transport:
    """Return a transport to where `url` leads; it opens nothing until it is used.

    Raises `UnknownScheme` where nothing serves the scheme, `UnsupportedByTransport` where that lacks a package.
    """
    return find(scheme_of(url))(url, options)


def connect_results(url: str, publisher: Publisher, **options: object) -> ResultStore:
    """Return the result store at `url` for an app whose tasks are in another broker, where `publisher` publishes.

    Raises `UnknownScheme` where nothing serves the scheme, `UnsupportedByTransport` where that stores no results or
    lacks a package.
    """
    if scheme_of(url) in REDIS:
        redis = _imported(".redis_results", scheme_of(url))
        tls, prefix = options.get("ssl", False), options.get("global_keyprefix") or ""
        return cast("ResultStore", redis.RedisResults(url, publisher, tls=tls, prefix=prefix))
    if scheme_of(url).startswith(DATABASE):
        return _database(url, options)
    if scheme_of(url) == RPC:
        from .rpc_results import RpcOptions, RpcResults

        said = cast("dict[str, Any]", dict(options))
        return RpcResults(said.pop("broker", ""), RpcOptions(**said))
    if scheme_of(url) == FILE:
        from .file_results import FileOptions, FileResults

        return FileResults(url, FileOptions(**cast("dict[str, Any]", options)))
    transport = connect(url, **options)
    store = transport.results()
    if store is None:
        raise UnsupportedByTransport(f"{scheme_of(url)}:// stores no results: say redis://... or sqlite://...")
    return RelayedResults(transport, store, publisher)


def find(scheme: str) -> Connect:
    """Return the function that connects to URLs of a scheme, or raise `UnknownScheme`.

    What is neither built in nor added by others is left to kombu, if it knows the scheme. Raises
    `UnsupportedByTransport` where a package is missing.
    """
    if scheme in BUILT_IN:
        module, _, name = BUILT_IN[scheme].partition(":")
        return cast("Connect", getattr(_imported(module, scheme), name))
    return _added(scheme)


def _imported(module: str, scheme: str) -> ModuleType:
    """Import a module of this package; raises `UnsupportedByTransport` where it lacks a package that is an extra."""
    try:
        return import_module(module, __package__)
    except ModuleNotFoundError as error:
        if error.name not in EXTRAS:
            raise
        raise UnsupportedByTransport(
            f"{scheme}:// needs the package {error.name}: pip install 'understudy[{error.name}]'"
        ) from error


def _database(url: str, options: Mapping[str, object]) -> ResultStore:
    try:
        from .sql_results import SqlOptions, SqlResults  # SQLAlchemy is an extra
    except ModuleNotFoundError as error:
        if error.name != "sqlalchemy":
            raise
        raise UnsupportedByTransport(
            "results in a database need SQLAlchemy: pip install 'understudy[sqlalchemy]', "
            "or [postgresql] or [mysql], which bring a driver too"
        ) from error
    return SqlResults(url[len(DATABASE) :], SqlOptions(**cast("dict[str, Any]", options)))


def _added(scheme: str) -> Connect:
    from importlib.metadata import entry_points  # reads the metadata of every installed package: only where needed

    from . import kombu_adapter

    added = {point.name: point for point in entry_points(group=GROUP)}
    if scheme in added:
        return cast("Connect", added[scheme].load())
    if kombu_adapter.knows(scheme):
        return kombu_adapter.connect
    known = {*BUILT_IN, *added, *kombu_adapter.SCHEMES}
    near = difflib.get_close_matches(scheme, known, n=1)
    hint = f"did you mean {near[0]}://?" if near else f"known are {', '.join(sorted(known))}"
    raise UnknownScheme(f"no transport serves the scheme {scheme!r}: {hint}")
