"""`Link`: one connection to a broker through kombu, used by one thread at a time.

`VirtualLink` serves every kombu transport; `AmqpLink` and `RedisLink` know their brokers better. A link that failed
with one of its `lost_errors` is closed and replaced, never repaired.
"""

from __future__ import annotations

import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from kombu.connection import Connection

from ..errors import BrokerRefused, BrokerUnavailable
from ..letters.letter import Letter, Taken
from ..queues import Binding, Queue, Queues
from ..server_options import ServerOptions
from ..urls import scrub, without_passwords
from .envelope import prepared


class Link(ABC):
    """A connection with a channel."""

    hold_limit: float | None = None
    """Seconds for which the broker lets a message be held, None where it does not mind."""
    held_survives = False
    """Whether what is held stays held when the connection is lost."""
    renew_every: float | None = None
    """Seconds between two `renew`s that what is held needs, None where it needs none."""

    def __init__(self, url: str, options: ServerOptions, owner: str = "") -> None:
        self.options = options
        self.owner = owner
        self._url = url
        self._connection: Any = self._make_connection()
        self._channel: Any = None
        self._declared: set[str] = set()
        self.said: Queues = options.queues
        self._queues: list[str] = []

    @property
    def lost_errors(self) -> tuple[type[BaseException], ...]:
        """Errors after which the link is of no more use, and what was asked of it may be asked of another."""
        errors: tuple[type[BaseException], ...] = self._connection.connection_errors
        return (*errors, OSError)

    @property
    def refused_errors(self) -> tuple[type[BaseException], ...]:
        """Errors by which the broker refuses what was asked; asking again changes nothing."""
        errors: tuple[type[BaseException], ...] = self._connection.channel_errors
        return errors

    def open(self) -> None:
        """Connect, within seconds; raises `BrokerUnavailable` or `BrokerRefused`."""
        try:
            self._dial()
        except Exception as error:
            self.close()
            raise self.explained(error) from error

    def close(self) -> None:
        """Close the connection."""
        with suppress(*self.lost_errors, *self.refused_errors, AttributeError):
            self._connection.close()

    def abandon(self) -> None:
        """Close the socket alone, in a process that was forked off the link's own."""

    def explained(self, error: BaseException) -> BrokerUnavailable | BrokerRefused:
        """Return an error of kombu or of a driver as one of ours, without a password."""
        where = without_passwords(self._url)
        text = scrub(_words(error), self._url).strip().rstrip(".")
        if isinstance(error, self.lost_errors) and not self.refuses(error):
            return BrokerUnavailable(f"{where} is not available: {text}")
        return BrokerRefused(f"{where} refuses: {text}")

    def refuses(self, error: BaseException) -> bool:
        """Tell whether an error means that the broker is there and says no."""
        return isinstance(error, self.refused_errors)

    def sockets(self) -> Sequence[socket.socket]:
        """Return sockets that become readable when `tick` or `take` has something to do."""
        return ()

    def tick(self) -> float | None:
        """Do what the connection needs from time to time; returns the seconds until it needs it again."""
        return None

    def declare(self, queue: str) -> None:
        """Make sure that a queue is there, as Celery declares it; one that is there is left as it is."""
        if queue in self._declared:
            return
        if self.said.is_named(queue) or not self.exists(queue):
            said = self.said.of(queue)
            self._make_queue(said)
            for binding in said.bindings:
                self._bind(said, binding)
        self._declared.add(queue)

    def declare_exchange(self, exchange: str) -> None:
        """Make sure that an exchange is there, if the app names it, with the queues that it sends to."""
        for queue in self.said.bound_to(exchange):
            if queue.broadcast:
                for binding in queue.bindings:
                    self._make_exchange(binding)
            else:
                self.declare(queue.name)

    def _make_queue(self, queue: Queue) -> None:
        self._channel.queue_declare(
            queue=queue.name,
            durable=queue.durable,
            exclusive=queue.exclusive,
            auto_delete=queue.auto_delete,
            arguments=dict(queue.arguments) or None,
        )

    def _make_exchange(self, binding: Binding) -> None:
        self._channel.exchange_declare(
            exchange=binding.exchange,
            type=binding.kind,
            durable=binding.durable,
            auto_delete=binding.auto_delete,
            arguments=dict(binding.exchange_arguments) or None,
        )

    def _bind(self, queue: Queue, binding: Binding) -> None:
        if not binding.exchange:
            return
        self._make_exchange(binding)
        self._channel.queue_bind(
            queue=queue.name,
            exchange=binding.exchange,
            routing_key=binding.routing_key,
            arguments=dict(binding.arguments) or None,
        )

    def consume(self, queues: Sequence[str]) -> None:
        """Name the queues that `take` takes from."""
        for queue in queues:
            self.declare(queue)
        self._queues = list(queues)

    def rest(self) -> None:
        """Stop receiving until the next `take`: nobody waits for messages."""

    def held(self, taken: Sequence[Taken]) -> list[bool]:
        """Tell which of these are still ours to settle."""
        return [True] * len(taken)

    def renew(self, taken: Sequence[Taken]) -> bool:
        """Keep hold of these; returns False where one was lost."""
        return True

    def in_doubt(self) -> list[str]:
        """Return the names of what it may have taken, and did not hear of before it broke."""
        return []

    def give_back_doubtful(self, names: Sequence[str]) -> None:
        """Give back what another link may have taken without hearing of it."""

    def dead_queues(self, known: Sequence[str]) -> list[str]:
        """Return the names of the dead letter queues that may have entries."""
        return list(known)

    def prepared(self, letter: Letter) -> Any:
        """Return a letter as a message of the channel's own kind."""
        return prepared(self._channel, letter)

    @abstractmethod
    def exists(self, queue: str) -> bool:
        """Tell whether a queue is known to be there."""

    @abstractmethod
    def size(self, queue: str) -> int:
        """Return the number of messages that wait in a queue."""

    @abstractmethod
    def purge(self, queue: str) -> int:
        """Delete what waits in a queue; returns its number."""

    @abstractmethod
    def publish(self, letters: Sequence[Letter], timeout: float) -> None:
        """Publish in order; returns once the broker has them all."""

    @abstractmethod
    def take(self, limit: int) -> list[Taken]:
        """Take up to `limit` messages, without waiting for any."""

    @abstractmethod
    def next_look(self) -> float | None:
        """Return the seconds after which an empty queue is worth another `take`; None where a socket tells."""

    @abstractmethod
    def ack(self, taken: Sequence[Taken]) -> None:
        """Be done with messages."""

    @abstractmethod
    def requeue(self, taken: Sequence[Taken]) -> None:
        """Give messages back in the order in which they were taken, to the head of their queues where possible."""

    @abstractmethod
    def sift(self, queue: str, remove: Callable[[Taken], bool], limit: int | None = None) -> None:
        """Show `remove` the messages of a queue, oldest first; those for which it returns False stay where they are.

        What comes meanwhile is not among them.
        """

    def _make_connection(self, **arguments: Any) -> Any:
        """Return kombu's connection, not yet made; `arguments` take precedence over the options."""
        make: Any = Connection  # its annotations are narrower than what it takes
        defaults = {
            "connect_timeout": self.options.connect_timeout,
            "transport_options": dict(self.options.transport_options),
            "login_method": self.options.login_method,
            "failover_strategy": self.options.failover_strategy or "round-robin",
        }
        return make(self._url, **{**defaults, **arguments})

    def _dial(self) -> None:
        """Connect, trying each of the URL's alternatives once."""
        self._connection.ensure_connection(
            max_retries=max(0, len(self._connection.alt) - 1),
            interval_start=0,
            interval_step=0,
            reraise_as_library_errors=False,
        )
        self._channel = self._connection.channel()


def _words(error: BaseException) -> str:
    """Return what an error says; those of AMQP say it after numbers that nobody needs."""
    return str(getattr(error, "reply_text", None) or error or type(error).__name__)
