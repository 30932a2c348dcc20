"""The protocols of `transports.api`, spoken over a `Channel`."""

from __future__ import annotations

import builtins
import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msgspec import structs

from ...actors.completion import Completion
from ..api import Capabilities
from ..errors import BrokerUnavailable, TransportError
from ..message import ChordPart, DeadLetter, Delivery, Outcome, Publication, Result
from ..queues import Queues
from . import requests as ask
from .channel import Channel
from .core.records import Claimed

logger: logging.Logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    from ...actors.remote import Bus


class EmbeddedIntake:
    """An owner's claim on some queues."""

    def __init__(self, channel: Channel, queues: Sequence[str], owner: str, said: Queues | None = None) -> None:
        self.owner = owner
        self._said = said or Queues()
        self.queues: tuple[str, ...] = tuple(queues)
        self._channel = channel
        self._held: dict[int, int] = {}
        self._lock = threading.Lock()
        self._asking = threading.RLock()
        """Held from a fetch on until its answer is sure to be noted: it may come at once, to another thread."""
        self._closed = False
        channel.join(self)
        self._opened: Completion[None] = self._open()

    def _open(self) -> Completion[None]:
        return self._channel.call(ask.Open(self.owner, list(self.queues)))

    def held(self) -> builtins.list[tuple[int, int]]:
        """Return (tag, place) of every message that is not settled."""
        with self._asking, self._lock:
            return list(self._held.items())

    def fetch(self, credit: int, room: int | None = None) -> Completion[list[Delivery]]:
        """See `Intake.fetch`."""
        if self._closed:
            return Completion.of([])
        refusal = self._opened.error()
        if isinstance(refusal, BrokerUnavailable):
            self._opened = self._open()
        elif refusal is not None:
            return Completion.failed(refusal)
        with self._asking:
            return self._channel.call(ask.Fetch(self.owner, credit, room=room)).then(self._take)

    def settle(self, outcomes: Sequence[Outcome]) -> Completion[list[bool]]:
        """See `Intake.settle`."""
        spread = [_spread_outcome(one, self._said) for one in outcomes]
        settled: Completion[list[bool]] = self._channel.call(ask.Settle(self.owner, spread))
        settled.add_done_callback(lambda done: done.error() is None and self._release(outcomes))
        return settled

    def holds(self, tags: Sequence[int]) -> Completion[list[bool]]:
        """See `Intake.holds`: an owner whose lease runs holds whatever it has not settled."""
        return self.renew().then(lambda held: [held and tag in self._held for tag in tags])

    def renew(self) -> Completion[bool]:
        """See `Intake.renew`."""
        return self._channel.call(ask.Renew(self.owner))

    def close(self) -> Completion[None]:
        """See `Intake.close`."""
        self._closed = True
        closed: Completion[None] = self._channel.call(ask.Close(self.owner))
        closed.add_done_callback(lambda _: self._channel.leave(self))
        return closed

    def _take(self, deliveries: list[Claimed]) -> list[Delivery]:
        with self._lock:
            self._held.update((delivery.tag, delivery.place) for delivery in deliveries)
        return list(deliveries)

    def _release(self, outcomes: Sequence[Outcome]) -> None:
        with self._lock:
            for outcome in outcomes:
                self._held.pop(outcome.tag, None)


class EmbeddedPublisher:
    """Puts messages into queues.

    The embedded broker has no exchanges: of one that the app names the publisher knows the queues, of any other the
    routing key names the queue.
    """

    def __init__(self, channel: Channel, said: Queues | None = None) -> None:
        self._channel = channel
        self._said = said or Queues()

    def publish(self, publications: Sequence[Publication]) -> Completion[None]:
        """See `Publisher.publish`."""
        try:
            return self._channel.call(ask.Publish(_spread(publications, self._said)))
        except TransportError as error:
            return Completion.failed(error)


def _spread(publications: Sequence[Publication], said: Queues) -> list[Publication]:
    """Return publications with those to an exchange replaced by one for each of its queues."""
    if not any(one.exchange for one in publications):
        return list(publications)
    return [copy for one in publications for copy in _copies(one, said)]


def _copies(publication: Publication, said: Queues) -> list[Publication]:
    if not publication.exchange or said.kind(publication.exchange) is None:
        return [publication]
    queues = said.destinations(publication.exchange, publication.routing_key)
    keys = [f"{publication.dedupe}>{queue}" if publication.dedupe else None for queue in queues]
    return [
        structs.replace(publication, exchange="", routing_key=queue, dedupe=key)
        for queue, key in zip(queues, keys, strict=True)
    ]


def _spread_outcome(outcome: Outcome, said: Queues) -> Outcome:
    if not any(one.exchange for one in outcome.follow_ups):
        return outcome
    return structs.replace(outcome, follow_ups=tuple(copy for one in outcome.follow_ups for copy in _kept(one, said)))


def _kept(publication: Publication, said: Queues) -> list[Publication]:
    """Return the copies of a follow-up; what nobody is bound for stays in the queue that its key names."""
    try:
        return _copies(publication, said)
    except TransportError as error:
        logger.error("%s stays in the queue %s: %s", publication.id, publication.routing_key, error)  # noqa: TRY400
        return [publication]


class EmbeddedResults:
    """The result store beside the queues. It goes with its transport: `close` leaves the transport open."""

    keeps_any_bytes = True

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def store(self, results: Sequence[Result]) -> Completion[None]:
        """See `ResultStore.store`."""
        return self._channel.call(ask.Store(list(results)))

    def get(self, task_ids: Sequence[str]) -> Completion[list[bytes | None]]:
        """See `ResultStore.get`."""
        return self._channel.call(ask.Get(list(task_ids)))

    def wait(self, task_id: str, timeout: float | None = None) -> Completion[bytes]:
        """See `ResultStore.wait`."""
        return self._channel.call(ask.Wait(task_id, timeout))

    def forget(self, task_ids: Sequence[str]) -> Completion[None]:
        """See `ResultStore.forget`."""
        return self._channel.call(ask.Forget(list(task_ids)))

    def save_group(self, group_id: str, payload: bytes, ttl: float | None) -> Completion[None]:
        """See `ResultStore.save_group`."""
        return self._channel.call(ask.SaveGroup(group_id, payload, ttl))

    def restore_group(self, group_id: str) -> Completion[bytes | None]:
        """See `ResultStore.restore_group`."""
        return self._channel.call(ask.RestoreGroup(group_id))

    def delete_group(self, group_id: str) -> Completion[None]:
        """See `ResultStore.delete_group`."""
        return self._channel.call(ask.DeleteGroup(group_id))

    def set_chord_size(self, group_id: str, size: int) -> Completion[None]:
        """See `ResultStore.set_chord_size`."""
        return self._channel.call(ask.SetChordSize(group_id, size))

    def extend_chord(self, group_id: str, index: int, task_id: str) -> Completion[None]:
        """See `ResultStore.extend_chord`."""
        return self._channel.call(ask.ExtendChord(group_id, index, task_id))

    def chord_part(self, part: ChordPart) -> Completion[None]:
        """See `ResultStore.chord_part`."""
        return self._channel.call(ask.AddChordPart(part))

    def chord_parts(self, group_id: str) -> Completion[list[tuple[int, str, str, bytes]]]:
        """See `ResultStore.chord_parts`."""
        return self._channel.call(ask.GetChordParts(group_id))

    def delete_chord(self, group_id: str) -> Completion[None]:
        """See `ResultStore.delete_chord`."""
        return self._channel.call(ask.EndChord(group_id))

    def close(self) -> None:
        """See `ResultStore.close`."""


class EmbeddedDeadLetters:
    """The dead letter queues."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def list(self, queue: str | None = None, limit: int = 100) -> Completion[builtins.list[DeadLetter]]:
        """See `DeadLetters.list`."""
        return self._channel.call(ask.ListDead(queue, limit))

    def retry(self, ids: Sequence[str] | None = None, queue: str | None = None) -> Completion[builtins.list[str]]:
        """See `DeadLetters.retry`."""
        return self._channel.call(ask.RetryDead(None if ids is None else list(ids), queue))

    def discard(self, ids: Sequence[str] | None = None, queue: str | None = None) -> Completion[builtins.list[str]]:
        """See `DeadLetters.discard`."""
        return self._channel.call(ask.DiscardDead(None if ids is None else list(ids), queue))


class EmbeddedTransport:
    """What `memory://` and `sqlite://` have in common: everything but the channel."""

    capabilities: Capabilities = Capabilities(atomic_outcomes=True, fenced=True, counts_losses=True, expires=False)

    def __init__(self, url: str, channel: Channel, queues: Queues | None = None) -> None:
        self.url = url
        self._queues = queues or Queues()
        self._channel = channel
        self._results = EmbeddedResults(channel)

    def intake(self, queues: Sequence[str], owner: str) -> EmbeddedIntake:
        """See `Transport.intake`."""
        return EmbeddedIntake(self._channel, queues, owner, self._queues)

    def publisher(self) -> EmbeddedPublisher:
        """See `Transport.publisher`."""
        return EmbeddedPublisher(self._channel, self._queues)

    def dead_letters(self) -> EmbeddedDeadLetters:
        """See `Transport.dead_letters`."""
        return EmbeddedDeadLetters(self._channel)

    def results(self) -> EmbeddedResults:
        """See `Transport.results`: always the same one, by which a node knows that outcomes are one commit."""
        return self._results

    def bus(self) -> Bus:
        """Return what carries the mail of remote actors."""
        from .bus import EmbeddedBus  # most programs have none

        return EmbeddedBus(self._channel)

    def size(self, queue: str) -> Completion[int]:
        """See `Transport.size`."""
        return self._channel.call(ask.Size(queue))

    def purge(self, queue: str) -> Completion[int]:
        """See `Transport.purge`."""
        return self._channel.call(ask.Purge(queue))

    def close(self) -> None:
        """See `Transport.close`."""
        self._channel.close()
