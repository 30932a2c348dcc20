"""Where an embedded broker lies: its file, and what stands beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from ..errors import TransportError
from .platform import FileLock, refuse_network_file_system, require_support, socket_path


@dataclass(frozen=True, slots=True)
class Site:
    """The paths of one embedded broker. Links are followed, so that one file has one site."""

    database: Path

    @classmethod
    def at(cls, path: Path) -> Site:
        """Return the site of the file at `path`; raises `StoreUnusable` where no embedded broker can be."""
        require_support()
        database = Path(os.path.realpath(path))
        refuse_network_file_system(database)
        return cls(database)

    def lock(self) -> FileLock:
        """Return the lock that makes its holder the writer; the note in it says where the writer listens."""
        return FileLock(self._beside("-lock"))

    def lease(self, boot: str) -> FileLock:
        """Return the lock that a node holds while it lives."""
        return FileLock(self._beside("-nodes") / boot)

    def is_alive(self, boot: str) -> bool:
        """Tell whether a node lives, which may be stopped; the lock file of a dead one is deleted."""
        lock = self.lease(boot)
        alive = not lock.acquire(wait=False)
        lock.release(delete=True)
        return alive

    def socket(self) -> Path:
        """Return where a writer of this user is to listen."""
        return socket_path(self.database)

    def _beside(self, suffix: str) -> Path:
        return self.database.with_name(self.database.name + suffix)


def data_directory(environment: Mapping[str, str] = os.environ) -> Path:
    """Return where files lie that are named without a directory: the same wherever a program is started.

    `$UNDERSTUDY_HOME`, else the platform's place for a user's data: `$XDG_DATA_HOME/understudy` or
    `~/.local/share/understudy`, on macOS `~/Library/Application Support/understudy`.
    """
    if home := environment.get("UNDERSTUDY_HOME"):
        return Path(home).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "understudy"
    base = Path(environment.get("XDG_DATA_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".local" / "share") / "understudy"


def path_of(url: str) -> Path:
    """Return the file that a `sqlite://` URL names.

    `sqlite:////var/lib/app.db` is absolute; `sqlite:///app.db` lies in the data directory, never in the current one.
    """
    name = unquote(url.partition("://")[2].partition("?")[0])
    if not name.startswith("/") or name == "/":
        raise TransportError(
            f"{url!r} names no file: sqlite:////absolute/path.db does, and sqlite:///name.db in the data directory"
        )
    return data_directory() / name[1:]
