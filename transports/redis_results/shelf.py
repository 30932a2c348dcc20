"""`Shelf`: the store's connections to Redis, one for commands and one for what is pushed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from redis import exceptions

from ..lane import now, readable
from ..redis_pair import REPLY_TIMEOUT, RedisPair, redis_pool
from ..tls import Tls

PING_SECONDS = 10.0
_TASK = "celery-task-meta-"


def result_key(task_id: str, prefix: str = "") -> str:
    """Return the key, and the channel, of a task's result; prefix: what all keys of the store begin with."""
    return f"{prefix}{_TASK}{task_id}"


def task_of(key: str, prefix: str = "") -> str:
    """Return the task whose result has a key."""
    return key.removeprefix(prefix + _TASK)


def group_key(group_id: str, prefix: str = "") -> str:
    """Return the key of a group's members."""
    return f"{prefix}celery-taskset-meta-{group_id}"


class Shelf(RedisPair):
    """Commands, scripts and subscriptions of one thread.

    ping_every: seconds of silence after which a connection that only listens is tried. pool: see `RedisResults`.
    """

    def __init__(
        self,
        url: str,
        connect_timeout: float,
        tls: Tls = False,
        ping_every: float = PING_SECONDS,
        pool: Callable[[float], Any] | None = None,
    ) -> None:
        super().__init__(url, redis_pool(url, connect_timeout, tls) if pool is None else pool(REPLY_TIMEOUT))
        self._ping_every = ping_every
        self._scripts: dict[str, Any] = {}
        self._pinged = self._heard = 0.0

    def tick(self) -> float | None:
        """See to it that a connection that has died silently is found out."""
        if self.hearing is None:
            return None
        if self._pinged > self._heard and now() > self._pinged + REPLY_TIMEOUT:
            raise exceptions.TimeoutError("no answer to a ping")
        if now() > max(self._pinged, self._heard) + self._ping_every:
            self.hearing.send_command("PING")
            self._pinged = now()
        return self._ping_every

    def script(self, source: str, keys: Sequence[Any], arguments: Sequence[Any]) -> Any:
        """Run a script."""
        registered = self._scripts.get(source)
        if registered is None:
            registered = self._scripts[source] = self.redis.register_script(source)
        return registered(keys, arguments)

    def subscribe(self, channels: Sequence[str]) -> None:
        """Ask to be told what is published on channels."""
        if not self.sockets():
            self.begin_to_hear()
            self._heard = now()
        self.hearing.send_command("SUBSCRIBE", *channels)

    def unsubscribe(self, channels: Sequence[str]) -> None:
        """End subscriptions."""
        if self.hearing is not None:
            self.hearing.send_command("UNSUBSCRIBE", *channels)

    def pushed(self) -> Iterator[tuple[str, str, bytes]]:
        """Yield what has come, without waiting: ("subscribe", channel, b"") or ("message", channel, payload)."""
        while self.hearing is not None and (readable(self.hearing._sock) or self.hearing.can_read(0)):
            pushed = self.hearing.read_response()
            self._heard = now()
            if isinstance(pushed, list):  # the answer to a ping is one only while a channel is subscribed to
                kind, channel, payload, *_ = cast("list[Any]", [*pushed, b""])
                yield kind.decode(), channel.decode(), payload if isinstance(payload, bytes) else b""
