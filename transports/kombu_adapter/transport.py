"""`KombuTransport`: any broker that kombu speaks to."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, get_transport_cls
from kombu.transport.pyamqp import Transport as PyAmqp

from ...actors.completion import Completion
from ..api import Capabilities, Publisher, ResultStore
from ..errors import TransportError, UnknownScheme
from ..letters.dead_letters import QueuedDeadLetters
from ..server_options import ServerOptions
from ..session import Session
from ..tls import Tls
from ..urls import scheme_of, scrub, without_passwords
from .amqp_link import AmqpLink
from .intake import KombuIntake
from .link import Link
from .publisher import KombuPublisher
from .virtual_link import VirtualLink

PATIENCE = 5.0
SCHEMES = frozenset(map(str.lower, TRANSPORT_ALIASES))  # kombu has some of them in capitals, too
_PREFIX = "kombu+"
_REDIS = frozenset({"redis", "rediss", "redis+socket"})
_SQL = frozenset({"sqla", "sqlalchemy"})
_IN_PROCESS = frozenset({"memory"})
_ON_HOST = _IN_PROCESS | {"filesystem", "sqla+sqlite", "sqlalchemy+sqlite"}
_KEEPS_WHAT_IS_TAKEN = frozenset({"azureservicebus", "azurestoragequeues", "gcpubsub", "pgmq", "qpid", "sqs"})
"""The services that deliver a message again which nobody has acknowledged, by kombu's own word."""

logger: logging.Logger = logging.getLogger(__name__)


class KombuTransport:
    """A broker's publisher, intakes and dead letter queues.

    Each intake has a connection of its own; everything else shares one.

    url: kombu's, with `kombu+` before it where its scheme is one of ours too (`kombu+memory://`). results: makes the
    store that outcomes are written to. patience: seconds after which a broker that cannot be reached is an error.
    queues: those whose dead letters are meant where none is named.
    """

    def __init__(
        self,
        url: str,
        options: ServerOptions,
        results: Callable[[Publisher], ResultStore] | None = None,
        patience: float = PATIENCE,
        queues: Sequence[str] = ("celery",),
    ) -> None:
        self.url = url
        self._url = _kombus(url)
        self._options = options
        self._patience = patience
        self._queues = dict.fromkeys(queues)
        self._make = _link_class(self._url)
        self._check_url()
        self.capabilities: Capabilities = _capabilities(self._url, self._make, options)
        self._session: Session[Link] = Session(
            f"connection to {without_passwords(self._url)}", self._make_link, patience
        )
        self._publisher = KombuPublisher(self._session, patience)
        self._results = None if results is None else results(self._publisher)
        self._intakes: list[KombuIntake] = []

    def intake(self, queues: Sequence[str], owner: str) -> KombuIntake:
        """Return a claim on `queues`; see `Transport.intake`."""
        self._queues.update(dict.fromkeys(queues))
        if not self.capabilities.returns_messages and self.capabilities.across_processes:
            logger.warning(
                "%s does not take back what a node holds that is killed: those messages are lost",
                without_passwords(self._url),
            )
        name = f"{owner}-{os.urandom(4).hex()}"  # a node has an intake for each queue
        intake = KombuIntake(
            queues,
            owner,
            lambda: self._make_link(name),
            self._patience,
            self._publisher,
            self._results,
            self._options.dead_letter_expires,
        )
        self._intakes = [one for one in self._intakes if not one.lane.closed] + [intake]
        return intake

    def publisher(self) -> KombuPublisher:
        """Return the publisher; see `Transport.publisher`."""
        return self._publisher

    def dead_letters(self) -> QueuedDeadLetters:
        """Return the dead letter queues; see `Transport.dead_letters`."""
        return QueuedDeadLetters(self._session, self._results, lambda: list(self._queues), self._patience)

    def results(self) -> ResultStore | None:
        """Return the store that outcomes are written to."""
        return self._results

    def size(self, queue: str) -> Completion[int]:
        """Return the number of messages that wait in `queue`; delayed ones that nobody took yet are among them."""
        return self._session.run(lambda link: link.size(queue))

    def purge(self, queue: str) -> Completion[int]:
        """Delete what waits in `queue`; delayed messages that an intake holds are not among it."""
        return self._session.run(lambda link: link.purge(queue))

    def close(self) -> None:
        """Close every connection; what intakes held goes back to its queues."""
        for intake in self._intakes:
            intake.lane.close()
        self._session.lane.close()
        if self._results is not None:
            self._results.close()

    def _check_url(self) -> None:
        try:
            self._make_link()
        except Exception as error:  # noqa: BLE001 - kombu's parsers raise what they please
            text = scrub(f"{error}", self._url)
            raise TransportError(f"{without_passwords(self._url)} leads nowhere: {text}") from None

    def _make_link(self, owner: str = "") -> Link:
        return self._make(self._url, self._options, owner)


def connect(url: str, options: Mapping[str, object]) -> KombuTransport:
    """Return a transport to where `url` leads, through kombu; opens nothing.

    Options are `patience`, `queues` and those of `ServerOptions`; whatever else is named is one of kombu's transport
    options. A Redis broker is its own result store.
    """
    chosen: dict[str, Any] = dict(options)
    for way in ("delayed_delivery", "delays_for_clients"):  # ways of RabbitMQ's, which only amqp:// takes
        chosen.pop(way, None)
    general = {name: chosen.pop(name) for name in ("patience", "queues") if name in chosen}
    ours = {one.name: chosen.pop(one.name) for one in fields(ServerOptions) if one.name in chosen}
    kombus = {**chosen, **ours.pop("transport_options", {})}
    return KombuTransport(url, ServerOptions(kombus, **ours), _own_results(url, ours.get("ssl", False)), **general)


def knows(scheme: str) -> bool:
    """Tell whether kombu has a transport for a scheme."""
    return scheme.removeprefix(_PREFIX).partition("+")[0] in SCHEMES


def _kombus(url: str) -> str:
    """Return a URL, which may be several joined by `;`, as kombu knows it."""
    return ";".join(one.removeprefix(_PREFIX) for one in url.split(";"))


def _own_results(url: str, tls: Tls) -> Callable[[Publisher], ResultStore] | None:
    url = _kombus(url)
    if scheme_of(url) not in _REDIS or ";" in url:
        return None
    try:
        from ..redis_results import RedisResults
    except ImportError as error:
        raise TransportError(f"{scheme_of(url)}:// needs the package redis: pip install 'understudy[redis]'") from error

    return lambda publisher: RedisResults(url, publisher, tls=tls)


def _link_class(url: str) -> Callable[[str, ServerOptions, str], Link]:
    kind = _kombu_transport(url)
    if issubclass(kind, PyAmqp):
        return AmqpLink
    match kind.__module__:
        case "kombu.transport.redis":
            from .redis_link import RedisLink

            return RedisLink
        case "kombu.transport.filesystem":
            from .filesystem_link import FilesystemLink  # imports what not every platform has

            return FilesystemLink
        case "kombu.transport.sqlalchemy":
            from .sql_link import SqlLink

            return SqlLink
        case _:
            return VirtualLink


def _kombu_transport(url: str) -> Any:
    name = scheme_of(url).partition("+")[0]
    if name == "amqp":
        return PyAmqp
    try:
        return get_transport_cls(name)
    except KeyError:
        raise UnknownScheme(f"no transport for {without_passwords(url)}: neither we nor kombu know {name}://") from None
    except ImportError as error:
        install = ": pip install 'understudy[sqlalchemy]'" if name in _SQL else ""
        raise TransportError(f"{name}:// needs a package that is not installed: {error}{install}") from error


def _capabilities(url: str, link: Any, options: ServerOptions) -> Capabilities:
    local = scheme_of(url)
    if link is AmqpLink:
        return Capabilities(
            counts_losses=True,
            priorities="x-max-priority" in options.queue_arguments,
            delayed=False,
            across_hosts=True,
        )
    name = local.partition("+")[0]
    on_redis, on_sql = name in {"redis", "rediss", "sentinel"}, name in _SQL
    leases = {**dict.fromkeys(_SQL, 10.0), **dict.fromkeys(("redis", "rediss", "sentinel"), 30.0)}
    ours = on_redis or on_sql or name == "filesystem"
    return Capabilities(
        lease=options.lease or leases[name] if name in leases else None,
        counts_losses=True,
        priorities=on_redis,
        first_priority=0 if on_redis else 9,
        delayed=False,
        expires=False,
        requeues_to_head=ours,
        returns_messages=ours or name in _KEEPS_WHAT_IS_TAKEN,
        in_order=ours or name in _IN_PROCESS,
        across_processes=local not in _IN_PROCESS,
        across_hosts=local not in _ON_HOST,
    )
