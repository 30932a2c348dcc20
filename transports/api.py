"""The protocols that a transport implements. One conformance suite (tests/transports/conformance) holds them all to it.

Every call that may wait returns a `Completion` and returns at once itself; a client calls `.get(timeout=...)` on it,
an actor pipes it to its mailbox. Implementations are thread-safe, and survive a fork: a child opens connections of its
own. Errors are `TransportError`s; a broker that is away fails a completion with `BrokerUnavailable` after bounded time,
and is never a hang.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from ..actors.completion import Completion
    from .message import ChordPart, DeadLetter, Delivery, Outcome, Publication, Result


DEAD_LETTER_EXPIRES: float = 7 * 86_400.0
"""Seconds for which a dead letter is kept, where a transport's option `dead_letter_expires` says nothing else."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a transport can do by itself; the runtime makes up for the rest or says that it cannot."""

    atomic_outcomes: bool = False
    """`settle` commits result, follow-ups, chord part and settlement at once, in the transport's own result store."""
    lease: float | None = None
    """Seconds after which a silent owner's messages go to others; None where its connection is all that holds them."""
    fenced: bool = False
    """A settle by an owner that lost its lease changes nothing."""
    counts_losses: bool = False
    """`Delivery.losses` survives the node."""
    priorities: bool = True
    first_priority: int = 9
    """The priority that is served first: 9, save on Redis, where Celery's order begins with 0."""
    delayed: bool = True
    """`Publication.eta` is held in the broker, not by whoever takes the message."""
    expires: bool = True
    """A message whose time is up is dropped by the broker; else it is delivered, and its task is to be revoked."""
    requeues_to_head: bool = True
    """A message that is given back is the next one to be taken; else it may be the last."""
    returns_messages: bool = True
    """What a node held when it was killed is delivered to others; else it is lost with the node."""
    in_order: bool = True
    """Messages of one priority come in the order in which they were published."""
    across_processes: bool = True
    """Other processes reach the same queues."""
    across_hosts: bool = False
    shared_with_celery: bool = False
    """Stock Celery's clients and workers may use the same queues and results."""


class Intake(Protocol):
    """One owner's claim on some queues. `owner` is `boot.epoch`: see the page on delivery."""

    def fetch(self, credit: int, room: int | None = None) -> Completion[list[Delivery]]:
        """Claim up to `credit` due messages; resolves when there is at least one (or, empty, when closed).

        room: bytes after which no more messages are claimed; the one that fills it may be larger than what is left.
        What goes through kombu heeds it not. One fetch at a time. Order within a queue: priority, then first in first
        out.
        """
        ...

    def settle(self, outcomes: Sequence[Outcome]) -> Completion[list[bool]]:
        """Carry out outcomes, in order; resolves when durable.

        An item of the answer is False where this owner did not hold the tag any more: then nothing of that
        outcome was stored, sent or settled.
        """
        ...

    def holds(self, tags: Sequence[int]) -> Completion[list[bool]]:
        """Tell for each tag whether this owner still holds its message, and renew the lease of those that it does.

        For whoever has something to do elsewhere before it settles.
        """
        ...

    def renew(self) -> Completion[bool]:
        """Renew the lease of every held message; False: the lease was lost, all held tags are void."""
        ...

    def close(self) -> Completion[None]:
        """Stop fetching and give every unsettled message back to the head of its queue, uncounted."""
        ...


class Publisher(Protocol):
    """Puts messages into queues."""

    def publish(self, publications: Sequence[Publication]) -> Completion[None]:
        """Publish in order; resolves when the broker has confirmed all of them."""
        ...


@runtime_checkable
class Reaching(Protocol):
    """A publisher that knows whether its broker is there; it then ends by itself what the broker does not confirm."""

    @property
    def reachable(self) -> bool:
        """Whether the broker gives a sign of life."""
        ...


class ResultStore(Protocol):
    """Keeps results, groups and chords. Payloads are Celery's result meta."""

    def store(self, results: Sequence[Result]) -> Completion[None]:
        """Write results; a stored SUCCESS is never overwritten by another state."""
        ...

    def get(self, task_ids: Sequence[str]) -> Completion[list[bytes | None]]:
        """Return the payloads of tasks, in order; None where nothing is stored (PENDING)."""
        ...

    def wait(self, task_id: str, timeout: float | None = None) -> Completion[bytes]:
        """Resolve with the payload once the task is in a ready state (pushed, not polled, where the store can).

        Fails with `Timeout` when `timeout` seconds passed.
        """
        ...

    def forget(self, task_ids: Sequence[str]) -> Completion[None]:
        """Delete results."""
        ...

    def save_group(self, group_id: str, payload: bytes, ttl: float | None) -> Completion[None]:
        """Keep a group's members (Celery's group meta)."""
        ...

    def restore_group(self, group_id: str) -> Completion[bytes | None]:
        """Return what `save_group` kept, or None."""
        ...

    def delete_group(self, group_id: str) -> Completion[None]:
        """Delete what `save_group` kept."""
        ...

    def set_chord_size(self, group_id: str, size: int) -> Completion[None]:
        """Say how many parts a chord has; publishes its trigger where all of them are in already."""
        ...

    def extend_chord(self, group_id: str, index: int, task_id: str) -> Completion[None]:
        """Say that a chord waits for one more part, of an index that no other has; said twice it counts once.

        To be said while a part that the chord waits for is missing: otherwise its body is on its way.
        """
        ...

    def chord_part(self, part: ChordPart) -> Completion[None]:
        """Record a part; the last one publishes its trigger, once. A part that comes twice counts once."""
        ...

    def chord_parts(self, group_id: str) -> Completion[list[tuple[int, str, str, bytes]]]:
        """Return (index, task id, state, payload) of the parts that are in, by index."""
        ...

    def delete_chord(self, group_id: str) -> Completion[None]:
        """Forget a chord's parts; late parts of it are ignored from then on."""
        ...

    def close(self) -> None:
        """Close connections; waiting completions fail."""
        ...


class DeadLetters(Protocol):
    """The dead letter queues of a transport: `{queue}.dead` for each queue."""

    def list(self, queue: str | None = None, limit: int = 100) -> Completion[list[DeadLetter]]:
        """Return entries, oldest first, without taking them."""
        ...

    def retry(self, ids: Sequence[str] | None = None, queue: str | None = None) -> Completion[list[str]]:
        """Put entries (all of them for None) back into their queues with no losses; returns their ids.

        The task's stored state goes back to PENDING where the transport is its own result store.
        """
        ...

    def discard(self, ids: Sequence[str] | None = None, queue: str | None = None) -> Completion[list[str]]:
        """Delete entries for good; returns their ids."""
        ...


class Transport(Protocol):
    """A broker, as an app sees it. Made by `connect(url, options)` of its scheme's module; opens nothing until used."""

    url: str
    capabilities: Capabilities

    def intake(self, queues: Sequence[str], owner: str) -> Intake:
        """Return a claim on `queues` (declared if they are missing)."""
        ...

    def publisher(self) -> Publisher:
        """Return the publisher of this process (shared by its threads)."""
        ...

    def dead_letters(self) -> DeadLetters:
        """Return the dead letter queues."""
        ...

    def results(self) -> ResultStore | None:
        """Return the transport's own result store, or None where it has none."""
        ...

    def size(self, queue: str) -> Completion[int]:
        """Return the number of messages that wait in `queue` (claimed and delayed ones not counted)."""
        ...

    def purge(self, queue: str) -> Completion[int]:
        """Delete what waits in `queue`, delayed messages too; returns their number."""
        ...

    def close(self) -> None:
        """Close every connection; pending completions fail with `BrokerUnavailable`."""
        ...
