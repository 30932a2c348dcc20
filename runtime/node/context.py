"""What the actors of one node share: values that are fixed when it boots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

from ...transports.message import NODE_DEATHS
from ..components.casting import Casting
from .limits import unlimited
from .stopwatch import HardLimit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...actors import ChildSpec, Ref
    from ...transports.api import Intake, Publisher, ResultStore, Transport
    from ...transports.message import Delivery
    from ..pool.packets import Job
    from .dispatch import Dispatch


PREFETCH_LIMIT = 2000
"""Messages that a node holds at most."""
PREFETCH_BYTES = 64 << 20
"""Bytes of messages that a node holds at most, unless they are fewer than its slots."""


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """A node's settings. Times are seconds.

    concurrency: how many tasks run at a time. max_deliveries: a task that ended its pool process that often is dead.
    grace: how long a warm shutdown waits for running tasks; None for ever. lease: how long the broker holds messages
    for a node that is silent, None where there is no lease. max_node_deaths: a message that so many nodes died with has
    failed. horizon: how much work a node holds ahead of its slots, up to prefetch_limit messages and prefetch_bytes.
    ready_within: what a new pool process has to initialise the app. max_tasks_per_child, max_memory_per_child (KiB):
    when a pool process is replaced.
    """

    queues: tuple[str, ...] = ("celery",)
    concurrency: int = 1
    max_deliveries: int = 3
    max_node_deaths: int = NODE_DEATHS
    grace: float | None = 25.0
    lease: float | None = None
    horizon: float = 0.1
    prefetch_limit: int = PREFETCH_LIMIT
    prefetch_bytes: int = PREFETCH_BYTES
    ready_within: float = 10.0
    max_tasks_per_child: int | None = None
    max_memory_per_child: int | None = None


@dataclass(frozen=True, slots=True)
class NodeContext:
    """A node's identity, settings and ports.

    boot: a nonce of this start of the node. early: names of tasks that are acknowledged before they run. rates: how
    many of a task may begin each second, by its name. fragile: names of tasks that do not go back to their queue when
    their process has died. received: is told of messages that have come.
    transport_children, pool_children: the specs of the ports, which a simulation replaces by its own.
    obituary: makes the outcome of a job whose post-mortem ended its process too. hard_limit: how many seconds the task
    of a message's head may run. services, casting: what users have added, and put in place of the node's own parts.
    """

    name: str
    boot: str
    options: NodeOptions
    transport: Transport
    store: ResultStore | None
    transport_children: Sequence[ChildSpec]
    nursery: ChildSpec
    obituary: Callable[[Job], Any]
    early: frozenset[str] = frozenset()
    received: Callable[[Sequence[Delivery]], None] | None = None
    fragile: frozenset[str] = frozenset()
    rates: Mapping[str, float] = field(default_factory=dict[str, float])
    hard_limit: HardLimit = unlimited
    services: Sequence[ChildSpec] = ()
    casting: Casting = field(default_factory=Casting)
    epochs: Iterator[int] = field(default_factory=lambda: count(1))

    def next_owner(self) -> str:
        """Return a new owner: this boot, and an epoch that was never used in it."""
        return f"{self.boot}.{next(self.epochs)}"


class Claim:
    """One incarnation of a queue group: its queue, its owner and its hold on the broker's messages.

    What is in flight carries its claim along, so that an outcome is always settled by the owner that took the message.
    """

    __slots__ = ("dispatch", "intake", "owner", "queue")

    def __init__(self, queue: str, owner: str, intake: Intake) -> None:
        self.queue: str = queue
        self.owner: str = owner
        self.intake: Intake = intake
        self.dispatch: Ref[Dispatch] | None = None

    def __repr__(self) -> str:
        return f"<Claim of {self.owner} on {self.queue}>"


@dataclass(frozen=True, slots=True)
class CommitPorts:
    """Where outcomes go beside the broker: a result store that is not the broker's own."""

    publisher: Publisher
    foreign_store: ResultStore | None
