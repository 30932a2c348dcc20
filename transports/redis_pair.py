"""`RedisPair`: two connections to a Redis, one for commands and one on which the server speaks first."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Any, cast

from redis import ConnectionPool, Redis, exceptions

from .errors import BrokerRefused, BrokerUnavailable
from .redis_errors import LOST, explained
from .redis_url import plain_url
from .tls import Tls, for_redis

REPLY_TIMEOUT = 10.0
"""Seconds after which a server that does not answer is taken for gone."""


class RedisPair:
    """Connections of one thread, made as they are needed; the part of `Connected` that is the same for all uses.

    pool: redis-py's pool of connections to `url`. `hearing` is the second connection, None before `begin_to_hear`.
    """

    def __init__(self, url: str, pool: Any) -> None:
        self._url = url
        self._pool = pool
        self.redis: Any = Redis(connection_pool=pool)
        self.hearing: Any = None

    @property
    def lost_errors(self) -> tuple[type[BaseException], ...]:
        return LOST

    @property
    def refused_errors(self) -> tuple[type[BaseException], ...]:
        return (exceptions.RedisError,)

    def explained(self, error: BaseException) -> BrokerUnavailable | BrokerRefused:
        """Return an error of redis-py as one of ours, without a password."""
        return explained(error, self._url)

    def open(self) -> None:
        """Find out whether the server is there; raises `BrokerUnavailable` or `BrokerRefused`."""
        try:
            self.redis.ping()
        except (exceptions.RedisError, OSError) as error:
            self.close()
            raise self.explained(error) from error

    def close(self) -> None:
        """Close the connections; in a forked child, its own ends alone."""
        if self.hearing is not None:
            self.hearing.disconnect()
        self._pool.disconnect()

    def abandon(self) -> None:
        """See `Connected`."""
        self.close()

    def sockets(self) -> Sequence[socket.socket]:
        """See `Connected`."""
        return () if self.hearing is None else (self.hearing._sock,)

    def begin_to_hear(self) -> None:
        """Make the second connection."""
        self.hearing = self._pool.connection_class(**self._pool.connection_kwargs)
        self.hearing.connect()


def redis_pool(url: str, connect_timeout: float, tls: Tls = False) -> Any:
    """Return redis-py's pool of connections to one of Celery's URLs."""
    return cast("Any", ConnectionPool).from_url(
        plain_url(url, tls),
        socket_timeout=REPLY_TIMEOUT,
        socket_connect_timeout=connect_timeout,
        protocol=2,
        **(for_redis(tls) if tls else {}),
    )
