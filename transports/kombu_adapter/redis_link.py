"""`RedisLink`: kombu's keys and messages on Redis, taken by one script instead of a blocking pop.

kombu pops a message, and then writes down that it holds it; a node killed in between loses it. Here the two are one
step. The entry in `unacked` stands under a field of our own, so that nobody else's late acknowledgement removes it, and
in the form from which a stock worker restores it. Its score in `unacked_index` is kept fresh; entries of ours whose
score grew older than the lease belonged to a node that died, and go back to their queue.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from redis import Redis
from redis.exceptions import AuthenticationError

from ..errors import BrokerRefused
from ..lane import now, unix_time
from ..letters.burial import dead_letter, dead_queue
from ..letters.letter import Letter, Taken
from ..server_options import ServerOptions
from ..tls import for_redis
from ..urls import scheme_of
from . import redis_scripts as scripts
from .envelope import marked_as_redelivered, opened
from .redis_bell import BELL_SECONDS, Bell
from .virtual_link import VirtualLink

_OURS = "understudy:"
_AT_ONCE = 500
LEASE = 30.0
"""Seconds after which the messages of a silent owner go to others, where nobody says anything else."""


@dataclass(frozen=True, slots=True)
class _Held:
    """What is held: its field in `unacked`, the list that it came from, and itself as it stood there."""

    field: str
    key: str
    item: bytes


class RedisLink(VirtualLink):
    """Takes several messages in one round trip, and waits without taking."""

    held_survives = True

    def __init__(self, url: str, options: ServerOptions, owner: str = "") -> None:
        super().__init__(url, options, owner)
        self._lease = LEASE if options.lease is None else options.lease
        self.renew_every: float | None = self._lease / 3
        self._redis: Any = None
        self._scripts: dict[str, Any] = {}
        self._fields = f"{_OURS}{owner}:{os.urandom(4).hex()}:"
        self._taken = self._asked = 0
        self._bells: dict[str, Bell] = {}
        self._next_sweep = now()

    def close(self) -> None:
        for bell in self._bells.values():
            bell.close()
        super().close()

    def abandon(self) -> None:
        for bell in self._bells.values():
            bell.close()

    def refuses(self, error: BaseException) -> bool:
        return isinstance(error, AuthenticationError) or super().refuses(error)

    def sockets(self) -> Sequence[socket.socket]:
        return [bell.socket for bell in self._bells.values()]

    def tick(self) -> float | None:
        for bell in self._bells.values():
            bell.listen()
        if self._queues and now() >= self._next_sweep:
            self._next_sweep = now() + self._lease / 3
            self._sweep()
        return self._lease / 3

    def consume(self, queues: Sequence[str]) -> None:
        for queue in queues:
            if any(binding.kind == "fanout" for binding in self.said.of(queue).bindings):
                raise BrokerRefused(f"{queue}: kombu+redis:// does not listen to fan-out exchanges, redis:// does")
        super().consume(queues)

    def publish(self, letters: Sequence[Letter], timeout: float) -> None:
        if not all(letter.to_queue for letter in letters):
            super().publish(letters, timeout)
            return
        with self._redis.pipeline(transaction=False) as pipe:
            for letter in letters:
                self.declare(letter.routing_key)
                self._push(letter, pipe)
            pipe.execute()

    def take(self, limit: int) -> list[Taken]:
        lists = [(queue, key) for queue in self.in_turn() for key in self._lists(queue)]
        queues = [msgspec.json.encode(queue) for queue, _ in lists]
        self._asked = min(limit, _AT_ONCE)
        reply: list[Any] = self._run(
            scripts.TAKE, [key for _, key in lists], [self._asked, self._fields, self._taken, *queues]
        )
        self._asked = 0
        self._taken += len(reply) // 3
        places: list[tuple[str, str]] = [lists[number] for number in reply[::3]]
        return [
            opened(queue, item, _Held(field.decode(), key, item))
            for (queue, key), field, item in zip(places, reply[1::3], reply[2::3], strict=True)
        ]

    def in_doubt(self) -> list[str]:
        return [f"{self._fields}{number}" for number in range(self._taken, self._taken + self._asked)]

    def give_back_doubtful(self, names: Sequence[str]) -> None:
        with self._redis.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.hexists(self._unacked, name)
            taken = pipe.execute()
        for name in [name for name, there in zip(names, taken, strict=True) if there]:
            self._channel.qos.restore_by_tag(name)

    def next_look(self) -> float | None:
        for queue in self._queues:
            for key in self._lists(queue):
                bell = self._bells.get(key)
                if bell is None:
                    pool = self._channel.pool
                    connection = pool.connection_class(**pool.connection_kwargs)
                    bell = self._bells[key] = Bell(connection, key, self.options.reply_timeout)
                bell.arm()
        return BELL_SECONDS

    def held(self, taken: Sequence[Taken]) -> list[bool]:
        with self._redis.pipeline(transaction=False) as pipe:
            for one in taken:
                pipe.hexists(self._unacked, one.handle.field)
            return [bool(there) for there in pipe.execute()]

    def renew(self, taken: Sequence[Taken]) -> bool:
        fields = [one.handle.field for one in taken]
        return not fields or self._run(scripts.RENEW, [], fields) == 0

    def ack(self, taken: Sequence[Taken]) -> None:
        fields = [one.handle.field for one in taken]
        if fields:
            with self._redis.pipeline(transaction=True) as pipe:
                pipe.zrem(self._index, *fields)
                pipe.hdel(self._unacked, *fields)
                pipe.execute()

    def requeue(self, taken: Sequence[Taken]) -> None:
        with self._redis.pipeline(transaction=False) as pipe:
            for one in reversed(taken):
                held: _Held = one.handle
                self._run(scripts.GIVE_BACK, [held.key], [held.field, marked_as_redelivered(held.item)], pipe)
            pipe.execute()

    def sift(self, queue: str, remove: Callable[[Taken], bool], limit: int | None = None) -> None:
        left = limit
        for key in self._lists(queue):
            items: list[bytes] = self._redis.lrange(key, 0 if left is None else -left, -1)
            for item in reversed(items):
                if remove(opened(queue, item, _Held("", key, item))):
                    self._redis.lrem(key, -1, item)
            left = None if left is None else left - len(items)
            if left == 0:
                return

    def dead_queues(self, known: Sequence[str]) -> list[str]:
        prefix = self._channel.global_keyprefix
        found = self._redis.scan_iter(match=f"{prefix}*.dead", count=1000, _type="list")
        return sorted({*known, *(key.decode().removeprefix(prefix) for key in found)})

    def _make_connection(self, **arguments: Any) -> Any:
        timeouts = {
            "socket_timeout": self.options.reply_timeout,
            "socket_connect_timeout": self.options.connect_timeout,
        }
        if self.options.ssl or scheme_of(self._url) == "rediss":
            arguments["ssl"] = for_redis(self.options.ssl)  # else kombu would accept any certificate
        options = {**timeouts, **self.options.transport_options, "retry_on_timeout": False}  # to take twice would lose
        return super()._make_connection(transport_options=options, **arguments)

    def _dial(self) -> None:
        super()._dial()
        self._redis = Redis(connection_pool=self._channel.pool)
        prefix = self._channel.global_keyprefix
        self._unacked = prefix + self._channel.unacked_key
        self._index = prefix + self._channel.unacked_index_key

    def _run(self, script: str, lists: Sequence[str], arguments: Sequence[Any], pipe: Any = None) -> Any:
        registered = self._scripts.get(script)
        if registered is None:
            registered = self._scripts[script] = self._redis.register_script(script)
        return registered([self._unacked, self._index, *lists], arguments, pipe or self._redis)

    def _lists(self, queue: str) -> list[str]:
        """Return the keys of a queue's lists, the one that is served first at the front."""
        channel = self._channel
        return [channel.global_keyprefix + channel._q_for_pri(queue, step) for step in channel.priority_steps]

    def _push(self, letter: Letter, pipe: Any) -> None:
        channel, message = self._channel, self.prepared(letter)
        channel._inplace_augment_message(message, "", letter.routing_key)
        key = channel._q_for_pri(letter.routing_key, channel._get_message_priority(message))
        pipe.lpush(channel.global_keyprefix + key, msgspec.json.encode(message))

    def _sweep(self) -> None:
        """Give back what dead nodes held: ours after the lease, stock workers' after kombu's visibility timeout."""
        qos = self._channel.qos
        for field in self._run(scripts.STALE, [], [self._lease]):
            if field.startswith(_OURS.encode()):
                qos.restore_by_tag(field.decode())
        qos.restore_visible(num=self._channel.unacked_restore_limit, interval=1)
        for queue in self._queues:
            self._drop_old(dead_queue(queue), unix_time() - self.options.dead_letter_expires)

    def _drop_old(self, queue: str, before: float) -> None:
        """Delete the entries of a dead letter queue that came there before a time: Redis lets no item expire."""
        for key in self._lists(queue):
            while item := self._redis.lindex(key, -1):
                since = dead_letter(opened(queue, item, _Held("", key, item))).since
                if not 0 < since < before:
                    break
                self._redis.lrem(key, -1, item)
