"""Whether the embedded broker's file is in a good place, and who writes it."""

from __future__ import annotations

import json
import shutil
import socket
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from ....transports.embedded.platform import NETWORK_FILE_SYSTEMS, FileLock, file_system_of, peer_of
from ....transports.embedded.site import Site, path_of
from ....transports.errors import TransportError
from ..failures import line_of
from .finding import Finding, Section, Verdict
from .sizes import size_text

MEMORY_FILE_SYSTEMS = frozenset({"tmpfs", "ramfs"})
LAYERED_FILE_SYSTEMS = frozenset({"overlay", "aufs"})
LITTLE_SPACE = 100 << 20
WRITER_PATIENCE = 2.0


def embedded(url: str) -> Section:
    """Look at the file of a `sqlite://` URL."""
    return Section("Embedded broker", list(_findings(url)))


def _findings(url: str) -> Iterator[Finding]:
    try:
        path = path_of(url)
        yield _file(path)
        yield _file_system(path)
        yield from _space(path)
        site = Site.at(path)
        yield _socket(site)
        yield _writer(site.lock())
    except TransportError as error:
        yield Finding("usable", "no", Verdict.WRONG, line_of(error))


def _file(path: Path) -> Finding:
    if not path.exists():
        return Finding("file", f"{path}, not made yet")
    status = path.stat()
    log = path.with_name(f"{path.name}-wal")
    size = status.st_size + (log.stat().st_size if log.exists() else 0)
    value = f"{path}, {size_text(size)}"
    if stat.S_IMODE(status.st_mode) & 0o077:
        return Finding("file", value, Verdict.WARNING, f"others may read it: chmod 600 {path}")
    return Finding("file", value)


def _file_system(path: Path) -> Finding:
    kind = file_system_of(path.parent)
    if kind in NETWORK_FILE_SYSTEMS:
        return Finding("file system", kind, Verdict.WRONG, "locks cannot be relied on over a network")
    if kind in MEMORY_FILE_SYSTEMS:
        return Finding("file system", kind, Verdict.WARNING, "it is in memory: a restart of the machine empties it")
    if kind in LAYERED_FILE_SYSTEMS:
        advice = "safe, but it goes with its container: put the file on a volume if its tasks are to outlive that"
        return Finding("file system", kind, Verdict.WARNING, advice)
    if not kind:
        return Finding(
            "file system", "not known", Verdict.NOTE, f"{sys.platform} does not say; it has to be a local disk"
        )
    return Finding("file system", f"{kind}, local")


def _space(path: Path) -> Iterator[Finding]:
    if path.parent.exists():
        free = shutil.disk_usage(path.parent).free
        short = free < LITTLE_SPACE
        yield Finding(
            "disk",
            f"{size_text(free)} free",
            Verdict.WARNING if short else Verdict.GOOD,
            "calls fail, and results wait, once the disk is full" if short else "",
        )


def _socket(site: Site) -> Finding:
    path = site.socket()
    return Finding("socket", f"{path}, {len(str(path))} bytes of the 104 that every system takes")


def _writer(lock: FileLock) -> Finding:
    """Say who writes: nobody does where the lock is free."""
    if not lock.path.exists() or lock.acquire(wait=False):
        lock.release()
        return Finding("writer", "none", Verdict.NOTE, "no worker runs; until one does, whoever calls a task writes it")
    try:
        note = json.loads(lock.read_note())
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(WRITER_PATIENCE)
            probe.connect(note["socket"])
            return Finding("writer", f"process {peer_of(probe)[0]}")
    except (OSError, ValueError, KeyError) as error:
        advice = f"the lock is held, but nobody listens ({error}): a writer that is just starting, or one that hangs"
        return Finding("writer", "not known", Verdict.WARNING, advice)
