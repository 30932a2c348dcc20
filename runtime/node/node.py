"""The tree of a worker node: declarations without logic.

Each part leans on those before it, so the order of start is the boot, the reverse order is the warm shutdown, and a
part that has to be replaced takes those after it along (`rest_for_one`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from ...actors import Backoff, ChildSpec, DynamicSupervisor, Strategy, Supervisor
from .committer import Committer
from .context import Claim, CommitPorts, NodeContext
from .dispatch import Dispatch
from .intake import IntakeActor
from .roster import Roster
from .slot import Slot
from .turnstile import Turnstile
from .watchman import Watchman

REPLACE = Backoff(first=0.05, factor=2.0, maximum=5.0, jitter=0.2)


class Node(Supervisor):
    """The root of a node."""

    strategy: ClassVar[Strategy | str] = "rest_for_one"
    intensity: ClassVar[int] = 10
    period: ClassVar[float] = 10.0

    def __init__(self, context: NodeContext) -> None:
        self._context = context

    def children(self) -> Sequence[ChildSpec]:
        """Return the floors of the house, from the ground up."""
        context = self._context
        return context.casting.house(
            [
                ChildSpec("transport", TransportSupervisor, (context,)),
                ChildSpec("results", ResultsSupervisor, (context,)),
                ChildSpec("pool", PoolSupervisor, (context,)),
                ChildSpec("queues", QueuesSupervisor, (context,)),
                ChildSpec("services", ServicesSupervisor, (context,)),
            ]
        )


class TransportSupervisor(Supervisor):
    """What keeps the broker within reach."""

    strategy: ClassVar[Strategy | str] = "rest_for_one"

    def __init__(self, context: NodeContext) -> None:
        self._context = context

    def children(self) -> Sequence[ChildSpec]:
        """Return the transport's own parts."""
        return self._context.transport_children


class ResultsSupervisor(Supervisor):
    """What makes outcomes durable. It ends with its committer, whose address the floors above have noted."""

    intensity: ClassVar[int] = 0

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        transport, store = context.transport, context.store
        foreign = None if store is transport.results() else store
        self._ports = CommitPorts(transport.publisher(), foreign)

    def children(self) -> Sequence[ChildSpec]:
        """Return the committer."""
        committer = ChildSpec("committer", Committer, (self._ports,), shutdown=30.0)
        return self._context.casting.within("results", [committer])


class PoolSupervisor(Supervisor):
    """What runs tasks. It ends with its nursery, turnstile or roster, whose addresses others have noted."""

    intensity: ClassVar[int] = 0

    strategy: ClassVar[Strategy | str] = "rest_for_one"

    def __init__(self, context: NodeContext) -> None:
        self._context = context

    def children(self) -> Sequence[ChildSpec]:
        """Return the nursery of processes, the turnstile before them, the roster of their room, and the slots."""
        context = self._context
        parts = [
            context.nursery,
            ChildSpec("turnstile", Turnstile, (context.rates,)),
            ChildSpec("roster", Roster),
            ChildSpec("slots", SlotsSupervisor, (context,)),
        ]
        return context.casting.within("pool", parts)


class SlotsSupervisor(DynamicSupervisor):
    """The slots, each with a process of its own; they do not depend on each other."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context

    def children(self) -> Sequence[ChildSpec]:
        """Return as many slots as tasks are to run at a time."""
        context = self._context
        numbers = range(context.options.concurrency)
        return context.casting.each("pool/slot", [ChildSpec(each, Slot, (context,), shutdown=10.0) for each in numbers])


class QueuesSupervisor(DynamicSupervisor):
    """The groups, one for each queue; they are stopped together, so that the grace period passes once."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context

    def children(self) -> Sequence[ChildSpec]:
        """Return a group for each queue."""
        context = self._context
        groups = [ChildSpec(queue, QueueGroup, (context, queue), backoff=REPLACE) for queue in context.options.queues]
        return context.casting.each("queues/group", groups)


class QueueGroup(Supervisor):
    """What takes messages from one queue. When a part of it ends, the whole group begins again, as a new owner."""

    strategy: ClassVar[Strategy | str] = "one_for_all"
    intensity: ClassVar[int] = 0

    def __init__(self, context: NodeContext, queue: str) -> None:
        owner = context.next_owner()
        self._context = context
        self._claim = Claim(queue, owner, context.transport.intake([queue], owner))

    def children(self) -> Sequence[ChildSpec]:
        """Return the intake, the dispatch and the watchman."""
        context, claim = self._context, self._claim
        parts = [
            ChildSpec("intake", IntakeActor, (claim,), shutdown=10.0),
            ChildSpec("dispatch", Dispatch, (context, claim)),
            ChildSpec("watchman", Watchman, (context, claim), shutdown="infinity"),
        ]
        return context.casting.within("queues", parts)


class ServicesSupervisor(Supervisor):
    """What serves the node beside its work, and what users add.

    Those who crash over and over wait longer and longer (see `Components`), so that they never use up its patience.
    """

    intensity: ClassVar[int] = 10

    def __init__(self, context: NodeContext) -> None:
        self._context = context

    def children(self) -> Sequence[ChildSpec]:
        """Return the services."""
        return self._context.services
