"""`RelayedResults`: the result store of one broker, used beside another.

A store publishes the triggers of its chords in its own broker. Here they go to a queue that is read by everybody who
uses the store, and published on from there to the broker in which the tasks are. A trigger is acknowledged only when
that has been confirmed, so it arrives at least once.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from itertools import count

import msgspec

from ..actors.completion import Completion
from ..actors.supervision.spec import ChildSpec
from .api import Intake, Publisher, ResultStore, Transport
from .lane import Lane
from .message import ChordPart, Delivery, Outcome, Publication, Result, Verdict
from .payloads import ReadsPayloads, keeps_any_bytes

QUEUE = "understudy.triggers"
_AT_ONCE = 100
_AFTER_FAILURE = 1.0

logger: logging.Logger = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Publication).decode


class RelayedResults:
    """A `ResultStore` that passes everything to `transport`'s own, and the triggers of chords to `publisher`.

    Nodes do the latter for everybody: other processes may use the store before there is any, and then leave.
    """

    def __init__(self, transport: Transport, store: ResultStore, publisher: Publisher) -> None:
        self._transport = transport
        self._store = store
        self._relay = Relay(transport, publisher)
        self._relays = not transport.capabilities.across_processes
        self.keeps_any_bytes: bool = keeps_any_bytes(store)

    def expect(self, serializer: str, accept: Collection[str]) -> None:
        """See `ReadsPayloads`."""
        if isinstance(self._store, ReadsPayloads):
            self._store.expect(serializer, accept)

    def node_children(self) -> list[ChildSpec]:
        """Return what a node has to run for the store, as a transport would; it relays triggers from then on."""
        self._relays = True
        children: Callable[[], list[ChildSpec]] | None = getattr(self._transport, "node_children", None)
        return [] if children is None else [replace(child, id=f"results-{child.id}") for child in children()]

    def store(self, results: Sequence[Result]) -> Completion[None]:
        """See `ResultStore.store`."""
        return self._used().store(results)

    def get(self, task_ids: Sequence[str]) -> Completion[list[bytes | None]]:
        """See `ResultStore.get`."""
        return self._used().get(task_ids)

    def wait(self, task_id: str, timeout: float | None = None) -> Completion[bytes]:
        """See `ResultStore.wait`."""
        return self._used().wait(task_id, timeout)

    def forget(self, task_ids: Sequence[str]) -> Completion[None]:
        """See `ResultStore.forget`."""
        return self._used().forget(task_ids)

    def save_group(self, group_id: str, payload: bytes, ttl: float | None) -> Completion[None]:
        """See `ResultStore.save_group`."""
        return self._used().save_group(group_id, payload, ttl)

    def restore_group(self, group_id: str) -> Completion[bytes | None]:
        """See `ResultStore.restore_group`."""
        return self._used().restore_group(group_id)

    def delete_group(self, group_id: str) -> Completion[None]:
        """See `ResultStore.delete_group`."""
        return self._used().delete_group(group_id)

    def set_chord_size(self, group_id: str, size: int) -> Completion[None]:
        """See `ResultStore.set_chord_size`."""
        return self._used().set_chord_size(group_id, size)

    def extend_chord(self, group_id: str, index: int, task_id: str) -> Completion[None]:
        """See `ResultStore.extend_chord`."""
        return self._used().extend_chord(group_id, index, task_id)

    def chord_part(self, part: ChordPart) -> Completion[None]:
        """See `ResultStore.chord_part`."""
        wrapped = Publication(part.trigger.id, QUEUE, part.trigger.head, _encode(part.trigger))
        return self._used().chord_part(msgspec.structs.replace(part, trigger=wrapped))

    def chord_parts(self, group_id: str) -> Completion[list[tuple[int, str, str, bytes]]]:
        """See `ResultStore.chord_parts`."""
        return self._used().chord_parts(group_id)

    def delete_chord(self, group_id: str) -> Completion[None]:
        """See `ResultStore.delete_chord`."""
        return self._used().delete_chord(group_id)

    def close(self) -> None:
        """Close the store and the broker that it belongs to."""
        self._relay.close()
        self._store.close()
        self._transport.close()

    def _used(self) -> ResultStore:
        if self._relays:
            self._relay.start()
        return self._store


class Relay:
    """Publishes on, to another broker, what comes into the queue of triggers. Its state belongs to its lane."""

    def __init__(self, transport: Transport, publisher: Publisher) -> None:
        self._transport = transport
        self._publisher = publisher
        self._lane = Lane("relay of chord triggers", self)
        self._boot = os.urandom(6).hex()
        self._epochs = count(1)
        self._intake: Intake | None = None
        self._started = False

    def start(self) -> None:
        """Begin, the first time."""
        if not self._started:
            self._started = True
            self._lane.post(self._open)

    def close(self) -> None:
        """Give back what is under way, and end."""
        self._lane.close()

    def turn(self) -> float | None:
        return None

    def sockets(self) -> Sequence[socket.socket]:
        return ()

    def leave(self) -> None:
        if self._intake is not None:
            self._intake.close()

    def abandon(self) -> None:
        self._boot = os.urandom(6).hex()
        self._intake = None
        self._started = False

    def _open(self) -> None:
        self._intake = self._transport.intake([QUEUE], f"{self._boot}.{next(self._epochs)}")
        self._renew(self._intake)
        self._fetch(self._intake)

    def _renew(self, intake: Intake) -> None:
        lease = self._transport.capabilities.lease
        if lease is not None and intake is self._intake:
            intake.renew()
            self._lane.after(lease / 3, lambda: self._renew(intake))

    def _fetch(self, intake: Intake) -> None:
        intake.fetch(_AT_ONCE).add_done_callback(lambda done: self._lane.post(lambda: self._fetched(intake, done)))

    def _fetched(self, intake: Intake, fetched: Completion[list[Delivery]]) -> None:
        error = fetched.error()
        if error is not None:
            logger.warning("the triggers of chords wait: %s", error)
            self._intake = None
            intake.close()
            self._lane.after(_AFTER_FAILURE, self._open)
        elif deliveries := fetched.get():
            published = self._publisher.publish([_decode(delivery.body) for delivery in deliveries])
            published.add_done_callback(lambda done: self._settle(intake, deliveries, done.error()))

    def _settle(self, intake: Intake, deliveries: Sequence[Delivery], error: BaseException | None) -> None:
        if error is None:
            outcomes = [Outcome(delivery.tag) for delivery in deliveries]
        else:
            logger.warning("the triggers of chords wait: %s", error)
            outcomes = [Outcome(delivery.tag, Verdict.REQUEUE, delay=_AFTER_FAILURE) for delivery in deliveries]
        intake.settle(outcomes).add_done_callback(lambda _: self._lane.post(lambda: self._fetch(intake)))
