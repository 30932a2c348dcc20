"""`sqlite://`: the embedded broker in a file, for all processes of one host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import cast
from urllib.parse import parse_qsl, urlsplit

from ...actors.supervision.spec import ChildSpec
from ..api import Capabilities
from ..errors import TransportError
from ..queues import Queue, Queues
from .core.policy import Policy
from .front import EmbeddedTransport
from .link import Io, Link, LinkOptions
from .process import WriterProcess
from .site import path_of
from .sqlite.file import Durability


class SqliteTransport(EmbeddedTransport):
    """A transport over the file that a URL names; nothing is opened until it is used.

    A node calls `attach` and `start_writer`; other programs need neither.
    """

    def __init__(self, url: str, options: LinkOptions, queues: Queues | None = None) -> None:
        self.path: Path = path_of(url)
        self.options = options
        self._link = Link(self.path, options)
        super().__init__(url, self._link, queues)
        self.capabilities: Capabilities = replace(self.capabilities, lease=options.policy.lease)

    def attach(self, io: Io) -> None:
        """Let a dispatcher hear the writer: answers come on its thread. To be called there, as `close` then is."""
        self._link.attach(io)

    def node_children(self) -> list[ChildSpec]:
        """Return what a node has to run for this transport: the keeper of its writer."""
        from .keeper import WriterKeeper  # a client needs no supervision

        return [ChildSpec("writer", WriterKeeper, (self, self.start_writer))]

    def bus_children(self) -> list[ChildSpec]:
        """Return what a process has to run that is no node of an app, so that there always is a writer for its mail."""
        from .keeper import WriterKeeper

        return [ChildSpec("writer", WriterKeeper, (_Unattached(), self.start_writer))]

    def start_writer(self) -> WriterProcess:
        """Start a writer process of this node; it serves, or stands by for another node's."""
        policy = self.options.policy
        self._link.replaces_writers = True
        return WriterProcess(self.path, self.options.durability, policy.lease, policy.dead_retention)


class _Unattached:
    """Leaves the link to its own thread, whichever dispatcher the keeper is on."""

    def attach(self, io: Io) -> None:
        """See `Attachable`."""


def connect(url: str, options: Mapping[str, object]) -> SqliteTransport:
    """Return a transport to the file that `url` names.

    Options, in the URL's query or in `options`: `durability` (fsync, process, none), `lease` (seconds that a node may
    be silent), `patience` (seconds without a writer after which a call fails), `dead_letter_expires` (seconds for which
    one is kept, by the writers that this process starts), `task_queues` (those that are bound to exchanges). Raises
    `TransportError` for others.
    """
    given: dict[str, object] = {**dict(parse_qsl(urlsplit(url).query, keep_blank_values=True)), **options}
    queues = given.pop("task_queues", ())
    policy, defaults = Policy(), LinkOptions()
    made = LinkOptions(
        _durability(given.pop("durability", defaults.durability.name)),
        Policy(
            lease=_seconds("lease", given.pop("lease", policy.lease)),
            dead_retention=_seconds("dead_letter_expires", given.pop("dead_letter_expires", policy.dead_retention)),
        ),
        _seconds("patience", given.pop("patience", defaults.patience)),
    )
    if given:
        raise TransportError(
            f"{', '.join(given)}: no options of sqlite://, which has durability, lease, patience and "
            "dead_letter_expires"
        )
    return SqliteTransport(url, made, Queues(cast("tuple[Queue, ...]", queues)))


def _durability(value: object) -> Durability:
    try:
        return Durability[str(value).upper()]
    except KeyError:
        names = ", ".join(one.name.lower() for one in Durability)
        raise TransportError(f"durability={value}: it has to be one of {names}") from None


def _seconds(name: str, value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = 0.0
    if seconds <= 0:
        raise TransportError(f"{name}={value}: it has to be a number of seconds above 0")
    return seconds
