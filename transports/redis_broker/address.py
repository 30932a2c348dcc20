"""`Address`: where a URL leads, and how to get there: plain, by TLS, by a unix socket, or by way of Sentinel."""

from __future__ import annotations

import itertools
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from redis import ConnectionPool, exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from .. import redis_errors
from ..credentials import check_credentials
from ..errors import BrokerRefused, BrokerUnavailable, TransportError
from ..redis_url import plain_url
from ..tls import for_redis
from ..urls import in_order, scheme_of, scrub, without_passwords
from .options import RedisOptions

SCHEMES = frozenset({"redis", "rediss", "redis+socket", "sentinel"})
OLDEST = (6, 2)
"""The first Redis that has `BLMOVE`, and pops several at once."""

_SENTINEL_PORT = 26379
_UNLIMITED = 2**31
"""redis-py counts every connection that a pool has ever made for us, and stops at a hundred."""


@dataclass(slots=True)
class Address:
    """The servers that a URL names, several of them joined by `;`: they are tried in turn, as kombu does.

    Raises `TransportError` where a URL cannot be read.
    """

    url: str
    options: RedisOptions
    _pools: list[Any] = field(default_factory=list[Any])
    _turn: Any = None

    def __post_init__(self) -> None:
        check_credentials(self.url)
        try:
            self._pools = self._make_pools(max(self.options.connect_timeout, 0.1))
        except (ValueError, exceptions.RedisError) as error:
            raise TransportError(f"{self} leads nowhere: {scrub(str(error), self.url)}") from None
        for pool in self._pools:
            self._check_options(pool)
        self._turn = itertools.cycle(in_order(self._pools, self.options.failover_strategy))

    def __str__(self) -> str:
        return without_passwords(self.url)

    def _check_options(self, pool: Any) -> None:
        """Refuse what the URL's query says and no connection takes; connects to nobody."""
        try:
            pool.connection_class(**pool.connection_kwargs)
        except TypeError as error:
            name = str(error).rpartition("argument ")[2]
            raise TransportError(
                f"{self}: a connection has no option {name}: the query of a URL is for redis-py's, ours are in "
                f"broker_transport_options"
            ) from None

    @property
    def database(self) -> int:
        """The number of the database."""
        return int(self._pools[0].connection_kwargs.get("db") or 0)

    def dial(self, preamble: Sequence[tuple[Any, ...]]) -> socket.socket:
        """Return a new connection to which the commands of `preamble` have been sent, and none refused.

        Blocks for seconds. Raises `BrokerUnavailable` or `BrokerRefused`.
        """
        self._check_database()
        failure: Exception | None = None
        for _ in self._pools:
            try:
                return self._dial(next(self._turn), preamble)
            except (exceptions.RedisError, OSError) as error:
                failure = error
        assert failure is not None
        raise self.explained(failure) from failure

    def pool(self, timeout: float) -> Any:
        """Return redis-py's pool of connections to the next server, whose replies are awaited for so long."""
        return self._make_pools(timeout)[self._pools.index(next(self._turn))]

    def explained(self, error: BaseException) -> BrokerUnavailable | BrokerRefused:
        """Return an error of redis-py as one of ours, without a password."""
        return redis_errors.explained(error, self.url)

    def unavailable(self, why: str) -> BrokerUnavailable:
        """Return the error that it cannot be reached."""
        return redis_errors.unavailable(self.url, why)

    def refused(self, why: str) -> BrokerRefused:
        """Return the error that it is there and says no."""
        return redis_errors.refused(self.url, why)

    def _dial(self, pool: Any, preamble: Sequence[tuple[Any, ...]]) -> socket.socket:
        connection = pool.make_connection()
        try:
            connection.connect()
            self._inspect(connection)
            connection.send_packed_command(connection.pack_commands(preamble))
            for _ in preamble:
                connection.read_response()
        except BaseException:
            connection.disconnect()
            raise
        connected, connection._sock = connection._sock, None  # its own destructor would close it
        connected.setblocking(False)
        return connected

    def _inspect(self, connection: Any) -> None:
        """Refuse a server that cannot serve us."""
        connection.send_command("INFO", "server")
        said = dict(line.split(":", 1) for line in connection.read_response().decode().splitlines() if ":" in line)
        if said.get("redis_mode") == "cluster":
            raise exceptions.AuthorizationError(
                "it is a Redis Cluster, whose nodes cannot change several keys in one step: name a single Redis, or "
                "use Sentinel for fail-over"
            )
        version = tuple(int(part) for part in said.get("redis_version", "0.0").split(".")[:2])
        if version < OLDEST:
            raise exceptions.AuthorizationError(
                f"it is Redis {said.get('redis_version')}, and {OLDEST[0]}.{OLDEST[1]} is the oldest that will do"
            )

    def _check_database(self) -> None:
        for url in self.url.split(";"):
            path = urlsplit(url).path.strip("/")
            if scheme_of(url) != "redis+socket" and path and not path.isdecimal():
                raise self.refused(f"Database is int between 0 and limit - 1, not {path}")

    def _make_pools(self, timeout: float) -> list[Any]:
        urls = self.url.split(";")
        common: dict[str, Any] = {
            "socket_timeout": timeout,
            "socket_connect_timeout": self.options.connect_timeout,
            "protocol": 2,
            "max_connections": _UNLIMITED,
            "retry": Retry(NoBackoff(), 0),
            "client_name": self.options.client_name,
            **self.options.connection,
        }
        if scheme_of(self.url) == "sentinel":
            return [self._sentinel_pool(urls, common)]
        if self.options.ssl or scheme_of(self.url) == "rediss":
            common |= for_redis(self.options.ssl)
        return [cast("Any", ConnectionPool).from_url(plain_url(url, self.options.ssl), **common) for url in urls]

    def _sentinel_pool(self, urls: Sequence[str], common: dict[str, Any]) -> Any:
        """Return a pool whose connections lead to the master of the moment."""
        name = self.options.master_name
        if not name:
            raise ValueError("broker_transport_options={'master_name': ...} has to say whose master is meant")
        parts = [urlsplit(url if "://" in url else f"sentinel://{url}") for url in urls]
        first = next((one for one in reversed(parts) if one.password or one.path.strip("/")), parts[-1])
        login = {"username": first.username, "password": first.password, "db": int(first.path.strip("/") or 0)}
        tls = {"ssl": True, **for_redis(self.options.ssl)} if self.options.ssl else {}
        known = [(one.hostname or "127.0.0.1", one.port or _SENTINEL_PORT) for one in parts]
        asking = {
            "socket_timeout": self.options.connect_timeout,
            "retry": Retry(NoBackoff(), 0),
            **self.options.sentinel_kwargs,
        }
        sentinel: Any = Sentinel(known, sentinel_kwargs=asking, **common, **tls)
        return sentinel.master_for(name, **login).connection_pool
