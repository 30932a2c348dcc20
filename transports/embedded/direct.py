"""Direct mode: with no writer alive, a producer takes the writer's lock and works on the file itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from .core.broker import Broker
from .core.owners import Answer
from .core.policy import Policy
from .mail import MAIL
from .platform import FileLock
from .requests import AnyRequest, Get, Publish, Wait
from .service import Service
from .site import Site
from .sqlite.file import Durability
from .sqlite.storage import SqliteStorage

LONGEST = 1.0
"""Seconds after which the lock is let go: a writer that a node has started may wait for it."""


def fingerprint(site: Site) -> tuple[tuple[int, int], ...]:
    """Return a value that changes when somebody writes to the file."""
    found: list[tuple[int, int]] = []
    for path in (site.database, site.database.with_name(site.database.name + "-wal")):
        try:
            status = path.stat()
            found.append((status.st_mtime_ns, status.st_size))
        except OSError:
            found.append((0, 0))
    return tuple(found)


class DirectSession:
    """The broker in this process, while it holds the lock. No forks meanwhile: SQLite does not survive them."""

    def __init__(self, site: Site, lock: FileLock, nonce: str, durability: Durability, policy: Policy) -> None:
        self._began = time.monotonic()
        with contextlib.ExitStack() as stack:
            stack.callback(lock.release)
            storage = SqliteStorage(site.database, durability, policy)
            stack.callback(storage.close)
            self._service = Service(storage, Broker(storage, policy))
            self._client = self._service.join(nonce, None)
            self._nodes_live = any(site.is_alive(boot) for boot in self._service.nodes())
            self._closing = stack.pop_all()

    @property
    def overstays(self) -> bool:
        """Whether it has held the lock for so long that others should have it."""
        return time.monotonic() - self._began > LONGEST

    def may(self, request: AnyRequest) -> bool:
        """Tell whether a request can be carried out here: mail cannot, whose boxes are in a writer's memory.

        While nodes live, between two writers of theirs, nobody here knows what they hold: then only additions.
        """
        if isinstance(request, MAIL):
            return False
        return not self._nodes_live or isinstance(request, (Publish, Get, Wait))

    def carry_out(self, requests: Sequence[AnyRequest]) -> list[Answer]:
        """Carry out requests in one commit; a wait for what is not there yet is not answered."""
        asked = [(self._client, request) for request in requests]
        answers = self._service.round(asked, time.time(), time.monotonic())
        while self._service.busy:
            answers += self._service.round([], time.time(), time.monotonic())
        return answers

    def close(self) -> None:
        """Close the file and let the lock go."""
        self._closing.close()
