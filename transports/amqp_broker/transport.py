"""`AmqpTransport`: RabbitMQ, and whatever else speaks AMQP 0-9-1 as it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ...actors.completion import Completion
from ...actors.supervision.spec import ChildSpec
from ..api import Capabilities, Publisher
from ..errors import TransportError
from ..letters.dead_letters import QueuedDeadLetters
from ..server_options import ServerOptions
from . import ladder
from .dialing import addresses
from .ear import Ears, Io
from .intake import AmqpIntake
from .posting import Posting
from .publisher import AmqpPublisher

if TYPE_CHECKING:
    from ...actors.remote import Bus

PATIENCE = 5.0
_GENERAL = ("patience", "queues", "delayed_delivery", "confirm_publish", "delays_for_clients")


class AmqpTransport:
    """A broker's publisher, intakes and dead letter queues.

    Each intake has a connection of its own, and so has who asks about queues, since a broker that is short of memory,
    or slow, stops listening to a connection that publishes. A node has its dispatcher hear all of them (`attach`).

    patience: seconds after which a broker that cannot be reached is an error. queues: those whose dead letters are
    meant where none is named. delayed_delivery: have messages that are not due wait in the broker, in queues of this
    kind (`quorum`, as Celery's are, or `classic`); None to have them wait with the node that takes them.
    confirm_publish: have callers wait for the broker's confirmation; else they go on when a message is sent.
    delays_for_clients: an intake makes what `delayed_delivery` needs when it opens, for clients that only use it.
    """

    def __init__(
        self,
        url: str,
        options: ServerOptions,
        patience: float = PATIENCE,
        queues: Sequence[str] = ("celery",),
        delayed_delivery: str | None = None,
        confirm_publish: bool = True,
        delays_for_clients: bool = False,
    ) -> None:
        if delayed_delivery not in (None, *ladder.KINDS):
            raise TransportError(
                f"delayed_delivery={delayed_delivery!r}: it has to be one of {', '.join(ladder.KINDS)}"
            )
        addresses(url)  # a URL that leads nowhere is an error at once
        self.url = url
        self.capabilities: Capabilities = Capabilities(
            counts_losses=True,
            priorities=options.queues.have("x-max-priority"),
            delayed=delayed_delivery is not None,
            requeues_to_head=not options.queues.have("x-queue-type", "quorum"),
            across_hosts=True,
        )
        self._options = options
        self._patience = patience
        self._queues = dict.fromkeys(queues)
        self._ears = Ears()
        self._publisher = AmqpPublisher(url, options, self._ears, patience, delayed_delivery)
        self._desk = AmqpPublisher(url, options, self._ears, patience, delayed_delivery)
        self._posting = None if confirm_publish else Posting(self._publisher, patience)
        self._ladder = delayed_delivery if delays_for_clients else None
        self._intakes: list[AmqpIntake] = []

    def intake(self, queues: Sequence[str], owner: str) -> AmqpIntake:
        """Return a claim on `queues`; see `Transport.intake`."""
        self._queues.update(dict.fromkeys(queues))
        intake = AmqpIntake(
            queues, owner, self.url, self._options, self._patience, self._publisher, self._ears, self._ladder
        )
        self._intakes = [one for one in self._intakes if not one.lane.closed] + [intake]
        return intake

    def publisher(self) -> AmqpPublisher:
        """Return the publisher; see `Transport.publisher`."""
        return self._publisher

    def callers_publisher(self) -> Publisher:
        """Return the publisher of those who call tasks, as opposed to a node, which always waits to be sure."""
        return self._posting or self._publisher

    def dead_letters(self) -> QueuedDeadLetters:
        """Return the dead letter queues; see `Transport.dead_letters`."""
        return QueuedDeadLetters(self._desk, None, lambda: list(self._queues), self._options.confirm_timeout)

    def results(self) -> None:
        """Return None: a broker stores no results."""

    def bus(self) -> Bus:
        """Return a way for the mail of remote actors, on a connection of its own."""
        from ..amqp_bus import amqp_bus  # most programs have no remote actors

        return amqp_bus(self.url, self._patience, self._options)

    def size(self, queue: str) -> Completion[int]:
        """Return the number of messages that wait in `queue`; delayed ones that nobody took yet are among them."""
        return self._desk.run(lambda link: link.topology.waiting(queue) or 0)

    def purge(self, queue: str) -> Completion[int]:
        """Delete what waits in `queue`; delayed messages that an intake holds are not among it."""
        return self._desk.run(lambda link: link.topology.purge(queue))

    def attach(self, io: Io) -> None:
        """Let a dispatcher hear the broker; to be called there."""
        self._ears.attach(io)
        self._wake_lanes()

    def detach(self, io: Io) -> None:
        """End that; to be called there."""
        self._ears.detach(io)
        self._wake_lanes()

    def node_children(self) -> list[ChildSpec]:
        """Return what a node has to run for this transport: what lets its dispatcher hear the broker."""
        from .hearing import Hearing  # a client needs no supervision

        return [ChildSpec("hearing", Hearing, (self,))]

    def close(self) -> None:
        """Close every connection; what intakes held goes back to its queues."""
        if self._posting is not None:
            self._posting.flush()
        for intake in self._intakes:
            intake.lane.close()
        self._publisher.lane.close()
        self._desk.lane.close()

    def _wake_lanes(self) -> None:
        for session in (self._publisher, self._desk, *self._intakes):
            if not session.lane.closed:
                session.wake()


def connect(url: str, options: Mapping[str, object]) -> AmqpTransport:
    """Return a transport to the broker at `url`; opens nothing.

    Options are `patience`, `queues`, `delayed_delivery`, `confirm_publish`, `delays_for_clients` and those of
    `ServerOptions`; others, which only kombu knows, say nothing here.
    """
    chosen: dict[str, Any] = dict(options)
    general = {name: chosen[name] for name in _GENERAL if name in chosen}
    ours = {one.name: chosen[one.name] for one in fields(ServerOptions) if one.name in chosen}
    return AmqpTransport(url, ServerOptions(**ours), **general)
