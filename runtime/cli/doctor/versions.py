"""What is installed."""

from __future__ import annotations

import platform
import sqlite3
from importlib.metadata import PackageNotFoundError, version

from .finding import Finding, Section, Verdict

NEEDED = ("kombu", "pykka", "msgspec", "msgpack", "cloudpickle", "click", "rich")
CLIENTS = ("redis", "amqp", "gevent", "eventlet", "sqlalchemy")
WAL_RESET_FIXED = (3, 51, 3)
WAL_RESET = (
    "SQLite before 3.51.3 can damage a database when two connections write or checkpoint at the same moment (the "
    "WAL-reset bug). The embedded broker is not exposed: its single writer process makes every write and checkpoint. "
    "Do not open its file for writing with anything else."
)


def versions() -> Section:
    """Return the versions of Python, Understudy and what it stands on."""
    return Section(
        "Versions",
        [
            Finding("understudy", version("understudy")),
            Finding("python", f"{platform.python_implementation()} {platform.python_version()}"),
            Finding("system", platform.platform()),
            sqlite_finding(sqlite3.sqlite_version_info),
            Finding("packages", ", ".join(f"{name} {version(name)}" for name in NEEDED)),
            Finding("clients", _clients(), Verdict.NOTE),
        ],
    )


def sqlite_finding(found: tuple[int, ...]) -> Finding:
    """Judge a version of SQLite."""
    text = ".".join(map(str, found))
    if found < WAL_RESET_FIXED:
        return Finding("sqlite", text, Verdict.NOTE, WAL_RESET)
    return Finding("sqlite", text)


def _clients() -> str:
    return ", ".join(_described(name) for name in CLIENTS)


def _described(name: str) -> str:
    try:
        return f"{name} {version(name)}"
    except PackageNotFoundError:
        return f"no {name}"
