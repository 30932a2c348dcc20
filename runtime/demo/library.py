"""The files that the demo indexes: the interpreter's own library, and a few that are planted beside it."""

from __future__ import annotations

import sysconfig
from collections.abc import Sequence
from pathlib import Path

import msgspec

KILLER = "planted/kills_its_process.py"
FATAL = b"# Whoever indexes this file is killed.\n"
"""The first line of the file that kills its process: there the task sends itself SIGKILL."""

_PLANTED = {
    KILLER: FATAL,
    "planted/does_not_parse.py": b"print 'hello from 2008'\n",
    "planted/is_not_text.py": b"caf\xe9 = 1\n",
}
_INSTALLED = ("site-packages", "dist-packages")


class Source(msgspec.Struct, frozen=True):
    """A file to index: `name` is what it is called in reports, `path` where it is."""

    name: str
    path: str
    size: int


def library(limit: int | None = None) -> list[Source]:
    """Return every Python file of the running interpreter's standard library, or `limit` of them, evenly spread."""
    folder = Path(sysconfig.get_path("stdlib"))
    found = sorted(path for path in folder.rglob("*.py") if not set(_INSTALLED) & set(path.parts))
    chosen = found if limit is None else found[:: max(1, len(found) // limit)][:limit]
    return [_source(path.relative_to(folder).as_posix(), path) for path in chosen]


def plant(folder: Path) -> tuple[Source, list[Source]]:
    """Write the planted files under `folder`; return the one that kills, and the others."""
    (folder / "planted").mkdir()
    for name, content in _PLANTED.items():
        (folder / name).write_bytes(content)
    others = [_source(name, folder / name) for name in _PLANTED if name != KILLER]
    return _source(KILLER, folder / KILLER), others


def rest_between(sources: Sequence[Source], slots: int, seconds: float) -> float:
    """Return how long a task should rest so that `slots` at a time take some `seconds`: 0 where there is enough to do.

    A megabyte takes about a second.
    """
    work = sum(source.size for source in sources) / 1_000_000
    return max(0.0, (seconds * slots - work) / len(sources))


def _source(name: str, path: Path) -> Source:
    return Source(name, str(path), path.stat().st_size)
