"""Names of nodes, and of files that are named after them, by Celery's templates."""

from __future__ import annotations

import re
import socket

from ..exits import Misuse

DEFAULT_NAME = "celery"


def node_name(template: str | None) -> str:
    """Return `name@host` for `-n`: `%h` is the host's full name, `%n` its first part, `%d` the rest.

    Without an `@` the template is the host, as in Celery.
    """
    host = socket.gethostname()
    short, _, domain = host.partition(".")
    filled = _fill(template or "%h", {"h": host, "n": short, "d": domain})
    name, at, place = filled.partition("@")
    full = f"{name or DEFAULT_NAME}@{place or host}" if at else f"{DEFAULT_NAME}@{filled}"
    if re.search(r"[\s/]", full):
        raise Misuse(f"-n {template!r}: the name of a node has neither spaces nor slashes")
    return full


def named_file(template: str, node: str) -> str:
    """Return the path of a node's log or pid file: `%n` is the node's name, `%h` its host, `%d` the host's domain."""
    name, _, host = node.partition("@")
    return _fill(template, {"n": name, "h": host, "d": host.partition(".")[2]})


def _fill(template: str, values: dict[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        letter = found[1]
        if letter not in values and letter != "%":
            known = ", ".join(f"%{known}" for known in values)
            raise Misuse(f"{template!r}: %{letter} means nothing here; known are {known} and %%")
        return values.get(letter, "%")

    return re.sub(r"%(.?)", value, template)
