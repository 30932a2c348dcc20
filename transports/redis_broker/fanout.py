"""Fan-out: what is published to all who listen, as kombu has it on Redis: by channels, and kept for nobody.

A node listens for the queues that are bound to such an exchange, and puts what it hears into the list of that queue,
from which it is taken as any message is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redis import Redis, exceptions

from ..errors import BrokerRefused, BrokerUnavailable
from ..queues import Queue
from ..session import Session

if TYPE_CHECKING:
    from .address import Address
    from .options import RedisOptions

_LOOK_EVERY = 5.0


class Fanout:
    """The names of channels."""

    def __init__(self, options: RedisOptions, database: int) -> None:
        said = options.fanout_prefix
        own = said if isinstance(said, str) else f"/{database}." if said else ""
        self._prefix = options.keys.prefix + own.format(db=database)
        self._patterns = options.fanout_patterns

    def topic(self, exchange: str, routing_key: str) -> str:
        """Return the channel of a message."""
        keyed = f"/{routing_key}" if routing_key and self._patterns else ""
        return f"{self._prefix}{exchange}{keyed}"

    def topics(self, queue: Queue) -> list[str]:
        """Return the channels that a queue is for, as patterns."""
        bound = [one for one in queue.bindings if one.kind == "fanout"]
        return [self.topic(one.exchange, one.routing_key.replace("#", "*")) for one in bound]


class FanoutEar(Session["FanoutLink"]):
    """Listens as long as its intake is open. queues: for each channel the queue; heard: gets queue and message."""

    def __init__(
        self, address: Address, options: RedisOptions, queues: Mapping[str, str], heard: Callable[[str, bytes], object]
    ) -> None:
        super().__init__(
            f"listening to {', '.join(queues)}", lambda: FanoutLink(address, options, queues, heard), options.patience
        )

    def needed(self) -> bool:
        return True

    def begin(self) -> None:
        """Begin to listen."""
        self.lane.post(lambda: None)


class FanoutLink:
    """A connection that listens to channels."""

    lost_errors: tuple[type[BaseException], ...] = (exceptions.ConnectionError, exceptions.TimeoutError, OSError)
    refused_errors: tuple[type[BaseException], ...] = (exceptions.RedisError,)

    def __init__(
        self, address: Address, options: RedisOptions, queues: Mapping[str, str], heard: Callable[[str, bytes], object]
    ) -> None:
        self._address = address
        self._timeout = options.reply_timeout
        self._queues = queues
        self._heard = heard
        self._pubsub: Any = None

    def explained(self, error: BaseException) -> BrokerUnavailable | BrokerRefused:
        return self._address.explained(error)

    def open(self) -> None:
        try:
            client: Any = Redis(connection_pool=self._address.pool(self._timeout))
            self._pubsub = client.pubsub(ignore_subscribe_messages=True)
            self._pubsub.psubscribe(*self._queues)
        except (exceptions.RedisError, OSError) as error:
            self.close()
            raise self.explained(error) from error

    def close(self) -> None:
        if self._pubsub is not None:
            with suppress(exceptions.RedisError, OSError):
                self._pubsub.close()

    def abandon(self) -> None:
        self._pubsub = None  # redis-py sees by its pid that a connection is another process's

    def sockets(self) -> Sequence[Any]:
        connection = self._pubsub.connection
        return () if connection is None or connection._sock is None else (connection._sock,)

    def tick(self) -> float | None:
        self._pubsub.check_health()
        while (message := self._pubsub.get_message(timeout=0)) is not None:
            pattern = message["pattern"]
            queue = self._queues.get(pattern.decode()) if isinstance(pattern, bytes) else None
            if queue is not None:
                self._heard(queue, message["data"])
        return _LOOK_EVERY
