"""`RedisTransport`: queues, results and dead letters in one Redis, as Celery has them there."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...actors.completion import Completion
from ...actors.errors import Timeout
from ..api import Capabilities
from ..errors import TransportError
from ..forking import in_forked_child
from ..lane import now
from ..redis_results import RedisResults
from . import scripts
from .address import Address
from .dead_letters import RedisDeadLetters
from .fanout import Fanout, FanoutEar
from .hub import Hub, Io
from .intake import RedisIntake
from .line import Line
from .options import RedisOptions
from .publisher import RedisPublisher
from .sweeping import Sweeper

if TYPE_CHECKING:
    from ...actors.remote import Bus
    from ...actors.supervision.spec import ChildSpec

_CLOSE_WITHIN = 2.0
_KEPT = 3_600_000
"""Milliseconds for which what a node has heard is kept, if its queue is to go with it."""


class RedisTransport:
    """A Redis that is broker and result store. Thread-safe; opens nothing until it is used; survives a fork.

    One connection serves everything that does not wait; each list that an intake waits for has one of its own, and so
    have the leases of intakes.
    """

    def __init__(self, url: str, options: RedisOptions) -> None:
        self.url = url
        self.options = options
        self._address = Address(url, options)
        self.capabilities: Capabilities = Capabilities(
            atomic_outcomes=True,
            lease=options.lease,
            fenced=True,
            counts_losses=True,
            first_priority=0,
            expires=False,
            across_hosts=True,
            shared_with_celery=True,
        )
        self._lock = threading.Lock()
        self._intakes: list[RedisIntake] = []
        self._fanout = Fanout(options, self._address.database)
        self._home = in_forked_child(self, RedisTransport._forked)
        self._publisher = RedisPublisher(lambda: self.line, options.keys, options.queues, self._fanout)
        self._reset()
        self._results = RedisResults(
            self._address.url, self._publisher, patience=options.patience, tls=options.ssl, pool=self._address.pool
        )

    @property
    def line(self) -> Line:
        """The connection for everything that does not wait."""
        self._home.check()
        return self._line

    @property
    def lease_line(self) -> Line:
        """The connection for the leases of intakes, over which no message goes."""
        return self._lease_line

    @property
    def hub(self) -> Hub:
        """What hears the connections."""
        return self._hub

    @property
    def sweeper(self) -> Sweeper:
        """What gives back what others have left behind."""
        return self._sweeper

    @property
    def has_intakes(self) -> bool:
        """Whether something is taken from queues."""
        return bool(self._intakes)

    def attach(self, io: Io) -> None:
        """Let a dispatcher hear the server: answers come on its thread. To be called there, as `detach` then is."""
        self._hub.attach(io)

    def detach(self) -> None:
        """Hear the server on a thread of the transport's own again."""
        self._hub.detach()

    def node_children(self) -> list[ChildSpec]:
        """Return what a node runs for this transport: the actor whose dispatcher hears the server."""
        from ...actors.supervision.spec import ChildSpec
        from .listener import RedisListener  # a client needs no supervision

        return [ChildSpec("redis", RedisListener, (self,))]

    def intake(self, queues: Sequence[str], owner: str) -> RedisIntake:
        """See `Transport.intake`."""
        if not queues:
            raise TransportError(f"{owner} has to name the queues it takes from: at least one")
        intake = RedisIntake(self, queues, owner)
        with self._lock:
            self._intakes.append(intake)
        self._line.loud = True
        self._sweeper.start(queues)
        self._listen(intake)
        return intake

    def _listen(self, intake: RedisIntake) -> None:
        """Have an intake hear what is published to all."""
        said = self.options.queues
        topics = {topic: queue for queue in intake.queues for topic in self._fanout.topics(said.of(queue))}
        if topics:
            ear = self._hearing[intake] = FanoutEar(self._address, self.options, topics, self._hear)
            ear.begin()

    def _hear(self, queue: str, message: bytes) -> None:
        lists = self.options.keys.lists(queue)
        keeping = [("PEXPIRE", lists[0], _KEPT)] if self.options.queues.of(queue).auto_delete else []
        self._line.call_all([("LPUSH", lists[0], message), *keeping])

    def forget(self, intake: RedisIntake) -> None:
        """Note that an intake is closed."""
        with self._lock, contextlib.suppress(ValueError):
            self._intakes.remove(intake)
        ear = self._hearing.pop(intake, None)
        if ear is not None:
            ear.lane.close()

    def bell_line(self, key: str) -> Line:
        """Return a connection of its own for the wait on a list."""
        return Line(f"wait for {key} at {self._address}", self._address, self._hub, scripts.LOAD)

    def publisher(self) -> RedisPublisher:
        """See `Transport.publisher`."""
        return self._publisher

    def dead_letters(self) -> RedisDeadLetters:
        """See `Transport.dead_letters`."""
        return RedisDeadLetters(self._line, self.options.keys)

    def results(self) -> RedisResults:
        """See `Transport.results`: always the same one, by which a node knows that outcomes are one commit."""
        return self._results

    def bus(self) -> Bus:
        """Return a way for the mail of remote actors, on connections of its own."""
        from ..redis_bus import redis_bus  # most programs have no remote actors

        return redis_bus(
            self._address.url, self.options.patience, self.options.connect_timeout, pool=self._address.pool
        )

    def size(self, queue: str) -> Completion[int]:
        """Return the number of messages that wait in `queue`; delayed ones that nobody took yet are among them."""
        return self._line.call_all([("LLEN", key) for key in self.options.keys.lists(queue)]).then(sum)

    def purge(self, queue: str) -> Completion[int]:
        """See `Transport.purge`."""
        keys = self.options.keys
        lists, delayed = keys.lists(queue), keys.delayed(queue)
        counting = [*(("LLEN", key) for key in lists), ("ZCARD", delayed)]
        purged = self._line.call_all([("MULTI",), *counting, ("DEL", *lists, delayed), ("EXEC",)])
        return purged.then(lambda replies: sum(replies[-1][:-1]))

    def close(self) -> None:
        """Close every connection; what intakes held goes back to its queues."""
        self._home.check()
        closing = [intake.close() for intake in list(self._intakes)]
        deadline = now() + _CLOSE_WITHIN
        for one in closing:
            with contextlib.suppress(Timeout):
                one.get(timeout=max(0.0, deadline - now()))
        self._hub.close()
        self._results.close()

    def _reset(self) -> None:
        """Become what a transport is that nobody has used: at first, and in a forked child."""
        self._hub = Hub(f"connection to {self._address}")
        self._line = Line(f"connection to {self._address}", self._address, self._hub, scripts.LOAD)
        self._lease_line = Line(f"lease at {self._address}", self._address, self._hub, scripts.LOAD)
        self._sweeper = Sweeper(self)
        self._intakes = []
        self._hearing: dict[RedisIntake, FanoutEar] = {}

    def _forked(self) -> None:
        self._hub.abandon()
        self._lock = threading.Lock()
        self._reset()


def connect(url: str, options: Mapping[str, object]) -> RedisTransport:
    """Return a transport to the Redis that `url` names; opens nothing.

    Options are those of `RedisOptions`, and kombu's where they mean something here.
    """
    return RedisTransport(url, RedisOptions.of(options))
