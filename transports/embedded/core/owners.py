"""Who may hold messages: owners, the nodes they belong to, and the nodes' leases. Times are monotonic seconds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Any

from ...errors import TransportError
from .ready import Ready
from .records import Message, Node

Token = Any
"""Stands for a request that is answered later; given by the caller, and never looked into."""


def split_owner(owner: str) -> tuple[str, int]:
    """Return the boot and the epoch of `boot.epoch`."""
    boot, _, epoch = owner.rpartition(".")
    if not boot or not epoch.isdecimal():
        raise TransportError(f"{owner!r} is no owner: it has to be the boot's nonce, a dot and the epoch's number")
    return boot, int(epoch)


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody who waited is to be told."""

    token: Token
    value: object = None
    error: Exception | None = None


@dataclass(slots=True)
class Waiting:
    """A fetch that has to be answered: by up to `credit` messages, and none after the one that fills `room` (bytes)."""

    token: Token
    credit: int
    room: float = inf


@dataclass(slots=True, eq=False)
class Owner:
    """One owner: the queues it takes from and the messages it holds, by tag."""

    name: str
    tenant: Tenant
    epoch: int
    queues: list[Ready]
    held: dict[int, Message] = field(default_factory=dict[int, Message])
    waiting: Waiting | None = None
    turn: int = 0
    """The queue to look at first, so that a full queue does not starve the others."""


@dataclass(slots=True, eq=False)
class Tenant:
    """A node with its owners and the end of its lease."""

    boot: str
    lease_ends: float
    fence: int = -1
    """The highest epoch that lost its lease: it and those before it are refused."""
    owners: dict[str, Owner] = field(default_factory=dict[str, Owner])


class Tenants:
    """The nodes that are known, and whose lease is running.

    After a takeover the nodes that are alive are awaited: nobody is served until each of them has said what it holds,
    has died, or its lease has run out.
    """

    def __init__(self, lease: float) -> None:
        self._lease = lease
        self._by_boot: dict[str, Tenant] = {}
        self._awaited: set[str] = set()

    @property
    def awaited(self) -> frozenset[str]:
        """The boots that have yet to say what they hold."""
        return frozenset(self._awaited)

    def recover(self, nodes: Iterable[Node], mono: float) -> None:
        """Know the nodes of an earlier incarnation again, and await them."""
        for node in nodes:
            self._by_boot[node.boot] = Tenant(node.boot, mono + self._lease, node.fence)
            self._awaited.add(node.boot)

    def find(self, boot: str) -> Tenant | None:
        """Return a node by its boot."""
        return self._by_boot.get(boot)

    def admit(self, boot: str, mono: float) -> Tenant:
        """Return the node of a boot; its lease starts here where it is new."""
        tenant = self._by_boot.get(boot)
        if tenant is None:
            tenant = self._by_boot[boot] = Tenant(boot, mono + self._lease)
        return tenant

    def remove(self, boot: str) -> None:
        """Forget a node."""
        self._awaited.discard(boot)
        self._by_boot.pop(boot, None)

    def heard(self, boot: str) -> bool:
        """Stop awaiting a node; returns whether it was awaited."""
        awaited = boot in self._awaited
        self._awaited.discard(boot)
        return awaited

    def renew(self, tenant: Tenant, mono: float) -> None:
        """Start the lease of a node anew."""
        tenant.lease_ends = mono + self._lease

    def prolong(self, seconds: float) -> None:
        """Move the end of every lease, for the time in which nobody here was listening."""
        for tenant in self._by_boot.values():
            tenant.lease_ends += seconds

    def overdue(self, mono: float) -> list[Tenant]:
        """Return the nodes whose lease has run out."""
        return [tenant for tenant in self.leased() if tenant.lease_ends <= mono]

    def next_end(self) -> float | None:
        """Return when the first lease ends."""
        return min((tenant.lease_ends for tenant in self.leased()), default=None)

    def leased(self) -> list[Tenant]:
        """Return the nodes that hold, or may hold, messages."""
        return [one for one in self._by_boot.values() if one.owners or one.boot in self._awaited]
