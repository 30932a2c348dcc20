"""From the URL behind `db+` to an SQLAlchemy engine, and to an error that says which extra is missing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc, pool

from ..errors import UnsupportedByTransport
from ..urls import scrub, without_passwords
from .options import SqlOptions

_DRIVERS = {"postgresql": ("psycopg", "psycopg2"), "mysql": ("pymysql", "MySQLdb"), "mariadb": ("pymysql", "MySQLdb")}
"""For each database the modules of its drivers, the first that is installed is taken where the URL names none."""
_OF_POOLS = frozenset({"max_overflow", "echo_pool"})
_NAMES = {"MySQLdb": "mysqldb"}
_EXTRAS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mysql"}


def make_engine(url: str, options: SqlOptions) -> sa.Engine:
    """Return an engine for an SQLAlchemy URL; it connects when it is used. The user's options come before ours.

    Raises `UnsupportedByTransport` where the URL or the options make no sense or a driver is missing.
    """
    try:
        address = _with_driver(sa.make_url(url))
        limits = _limits(address, options)
        given = dict(options.engine_options)
        arguments = {**limits, **given.pop("connect_args", {})}
        engine = sa.create_engine(address, connect_args=arguments, **_pooled(address, options, given))
        if engine.dialect.driver == "psycopg":
            from .bounded import bound

            bound(engine, options.reply_timeout)
        return engine
    except ModuleNotFoundError as error:
        raise UnsupportedByTransport(f"{without_passwords(url)} needs {error.name}: {_remedy(url)}") from error
    except (exc.ArgumentError, exc.NoSuchModuleError, TypeError, ValueError) as error:
        text = scrub(str(error), url)
        raise UnsupportedByTransport(f"{without_passwords(url)} is no database that can be used: {text}") from error


def _with_driver(url: sa.URL) -> sa.URL:
    """Return the URL with a driver that is there, where it names none."""
    modules = _DRIVERS.get(url.drivername, ())
    found = next((module for module in modules if find_spec(module) is not None), None)
    if found is None:
        if modules:
            raise ModuleNotFoundError(name=modules[0])
        return url
    return url.set(drivername=f"{url.drivername}+{_NAMES.get(found, found)}")


def _limits(url: sa.URL, options: SqlOptions) -> dict[str, Any]:
    """Return the driver's arguments by which nothing takes for ever."""
    seconds, silence = max(1, round(options.connect_timeout)), max(1, round(options.reply_timeout * 1000))
    database, _, driver = url.drivername.partition("+")
    if database == "postgresql" and driver in ("psycopg", "psycopg2"):
        return {"connect_timeout": max(2, seconds), "tcp_user_timeout": silence, "keepalives_idle": 10}
    if driver == "pymysql":
        return {
            "connect_timeout": seconds,
            "read_timeout": options.reply_timeout,
            "write_timeout": options.reply_timeout,
        }
    if database == "sqlite" and driver in ("", "pysqlite"):
        return {"timeout": options.patience}
    return {}


def _pooled(url: sa.URL, options: SqlOptions, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of an engine with what they say of its connections.

    The one thread that uses them needs one. A connection to a file is kept for no longer than it is used: SQLite's must
    not be carried into a forked child, not even to be closed there.
    """
    is_sqlite = url.get_backend_name() == "sqlite"
    if not (is_sqlite or options.short_lived_sessions):
        return {"pool_pre_ping": True, "pool_recycle": 3600, "pool_size": 1, **given}
    plain = {name: value for name, value in given.items() if not name.startswith("pool_") and name not in _OF_POOLS}
    if is_sqlite and url.database in (None, "", ":memory:"):
        return plain
    return {"poolclass": pool.NullPool, **plain}


def _remedy(url: str) -> str:
    extra = _EXTRAS.get(url.partition(":")[0].partition("+")[0])
    return "install its driver" if extra is None else f"pip install 'understudy[{extra}]'"
