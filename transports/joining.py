"""`join` and `ajoin`: make a system one of several nodes, which reach each other by way of a broker."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypedDict, Unpack, runtime_checkable

from ..actors import Actor, ChildSpec, Timeout
from ..actors.completion import check_may_block
from ..actors.remote import Bus, Remoting, RemotingOptions
from .errors import BrokerUnavailable, UnsupportedByTransport
from .registry import connect
from .urls import scheme_of, without_passwords

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..actors import Completion, System

TIMEOUT = 10.0


@runtime_checkable
class Carrier(Protocol):
    """A transport that carries the mail of remote actors."""

    def bus(self) -> Bus:
        """Return the way to the mailboxes."""
        ...


class Connection(Actor):
    """The transport of a system that has joined by itself: first to start, so that it is closed when all else is."""

    pinned: ClassVar[bool] = True

    def __init__(self, close: Callable[[], object]) -> None:
        self._close = close

    def on_stop(self) -> None:
        """Close it; this may take a moment."""
        self._close()


class JoinOptions(TypedDict, total=False):
    """How to join. Times are seconds.

    host: by default the machine's name. actors: classes that other nodes may have started here, marked with `wire`.
    standby: for `sqlite://`, whether this process keeps a writer, as worker nodes do; without it one of those has to be
    there. timeout: how long to try, 10 by default. transport_options: those of the broker's URL. The rest is
    `RemotingOptions`.
    """

    host: str
    actors: Sequence[type[Actor]]
    standby: bool
    timeout: float
    transport_options: Mapping[str, object]
    interval: float
    ask_timeout: float
    patience: float
    largest: int
    pickles: bool
    mailbox_ttl: float


def join(system: System, url: str, node: str | None = None, **options: Unpack[JoinOptions]) -> Remoting:
    """Make `system` a node that others reach by way of the broker at `url`; returns once it hears itself there.

    Systems of the same name on the same broker are nodes of one network. node: its name, by default one that nobody
    else has; a node that is started again under its name takes its own place. options: see `JoinOptions`. Raises
    `BrokerUnavailable`, `UnsupportedByTransport`, `AlreadyJoined`, `BadAddress`, and `ValueError` for an option.
    """
    check_may_block()
    timeout = options.get("timeout", TIMEOUT)
    remoting, started = begin(system, url, node, options)
    try:
        started.get(timeout=timeout)
        remoting.joined.get(timeout=timeout)
    except Timeout:
        remoting.leave()
        raise _unreachable(url, options) from None
    return remoting


async def ajoin(system: System, url: str, node: str | None = None, **options: Unpack[JoinOptions]) -> Remoting:
    """Do as `join`, and let the event loop go on meanwhile."""
    remoting, started = begin(system, url, node, options)
    try:
        async with asyncio.timeout(options.get("timeout", TIMEOUT)):
            await started
            await remoting.joined
    except TimeoutError:
        await remoting.aleave()
        raise _unreachable(url, options) from None
    return remoting


def begin(system: System, url: str, node: str | None, options: JoinOptions) -> tuple[Remoting, Completion[Any]]:
    """Begin to join; returns what it is joined by, and the completion of its start."""
    transport = connect(url, **options.get("transport_options", {}))
    try:
        bus = bus_of(transport)
        children = [ChildSpec("connection", Connection, (transport.close,)), *bus_children(bus)]
        if options.get("standby", True):
            children += getattr(transport, "bus_children", list[ChildSpec])()
        remoting = Remoting(
            system,
            bus,
            node or f"{os.getpid()}-{system.rng.getrandbits(16):04x}",
            options.get("host") or hostname(),
            actors=options.get("actors", ()),
            options=_remoting_options(options),
            transport_children=children,
        )
    except BaseException:
        transport.close()
        raise
    spec = remoting.spec()
    return remoting, system.start(spec.actor, *spec.args, name=spec.name)


def _remoting_options(options: JoinOptions) -> RemotingOptions:
    known = {field.name for field in fields(RemotingOptions)}
    for name in set(options) - known - set(JoinOptions.__annotations__):
        raise TypeError(f"join() has no option {name!r}")
    return RemotingOptions(**{name: value for name, value in dict[str, Any](options).items() if name in known})


def _unreachable(url: str, options: JoinOptions) -> BrokerUnavailable:
    hint = "" if options.get("standby", True) else ": with standby=False somebody else has to run its writer"
    timeout = options.get("timeout", TIMEOUT)
    return BrokerUnavailable(f"{without_passwords(url)} was not to be reached within {timeout:g} s{hint}")


def bus_of(transport: object) -> Bus:
    """Return a transport's bus; raises `UnsupportedByTransport` where it has none."""
    if isinstance(transport, Carrier):
        return transport.bus()
    raise UnsupportedByTransport(
        f"{scheme_of(str(getattr(transport, 'url', '')))}:// carries no mail of remote actors: "
        "sqlite://, redis://, amqp:// and memory:// do"
    )


def bus_children(bus: Bus) -> list[ChildSpec]:
    """Return what has to run for a bus that is none of its transport's connections: it is closed at the end."""
    close = getattr(bus, "close", None)
    return [] if close is None else [ChildSpec("bus", Connection, (close,))]


def hostname() -> str:
    """Return this machine's name, as far as it can stand in an address."""
    return re.sub(r"[^\w.-]", "-", socket.gethostname(), flags=re.ASCII) or "localhost"
