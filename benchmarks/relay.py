"""The path of a round trip and nothing else: bare processes that hand a few bytes on, and back.

A client hands them to a broker, that to a node, and that to a pool process; each sleeps in a blocking `recv` until it
is woken. What a round trip takes here is what the machine and the broker take of one: no task queue with the same parts
is quicker, unless it stays awake.
"""

from __future__ import annotations

import multiprocessing
import socket
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Self

from .bare_amqp import Post
from .report import percentiles

_FORK = multiprocessing.get_context("fork")
_MESSAGE = b"m" * 600
_WARM_UP = 50
_MOST = 1 << 16


class Relay(ABC):
    """Processes in a row; `carry` is one round trip. Ends with the block that it is used in."""

    def __init__(self) -> None:
        self._processes: list[BaseProcess] = []

    def __enter__(self) -> Self:
        """Start every part but the client, which is the caller."""
        near, far = socket.socketpair()
        self._start(_echo, far)
        self._start(self.serve, near)
        self.connect()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.join()

    def seconds(self, count: int) -> list[float]:
        """Return how long each of so many round trips took, one after another."""
        taken: list[float] = []
        for _ in range(count + _WARM_UP):
            began = time.perf_counter()
            self.carry()
            taken.append(time.perf_counter() - began)
        return taken[_WARM_UP:]

    @abstractmethod
    def serve(self, pool: socket.socket) -> None:
        """Be the node: take a message, hand it to the pool process, hand on what comes back; for ever."""

    @abstractmethod
    def connect(self) -> None:
        """Be the client from now on."""

    @abstractmethod
    def carry(self) -> None:
        """Hand a message to the broker, and wait for the answer."""

    def _start(self, target: Callable[..., None], *args: object) -> None:
        process = _FORK.Process(target=target, args=args, daemon=True)
        process.start()
        self._processes.append(process)


class EmbeddedRelay(Relay):
    """A writer between client and node, which commits the message, and then its outcome, to a file of SQLite."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._file = directory / "relay.db"
        self._client, self._front = socket.socketpair()
        self._back, self._node = socket.socketpair()

    def __enter__(self) -> Self:
        self._start(self._write)
        return super().__enter__()

    def serve(self, pool: socket.socket) -> None:
        while message := self._node.recv(_MOST):
            pool.sendall(message)
            self._node.sendall(pool.recv(_MOST))

    def connect(self) -> None:
        """Do nothing: the sockets are there already."""

    def carry(self) -> None:
        self._client.sendall(_MESSAGE)
        self._client.recv(_MOST)

    def _write(self) -> None:
        database = sqlite3.connect(self._file, isolation_level=None)
        for statement in (
            "PRAGMA journal_mode=WAL",
            "PRAGMA synchronous=OFF",
            "CREATE TABLE message (id INTEGER PRIMARY KEY, body BLOB)",
            "CREATE TABLE result (id INTEGER PRIMARY KEY, body BLOB)",
        ):
            database.execute(statement).fetchall()
        while message := self._front.recv(_MOST):
            place = database.execute("INSERT INTO message (body) VALUES (?)", (message,)).lastrowid
            self._back.sendall(message)
            answer = self._back.recv(_MOST)
            database.execute("BEGIN")
            database.execute("INSERT INTO result (body) VALUES (?)", (answer,))
            database.execute("DELETE FROM message WHERE id = ?", (place,))
            database.execute("COMMIT")
            self._front.sendall(answer)


class RedisRelay(Relay):
    """A Redis server between client and node: a list for messages, and one for answers."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def serve(self, pool: socket.socket) -> None:
        server = self._open()
        while True:
            _command(server, b"BRPOP", b"relay", b"0")
            pool.sendall(_MESSAGE)
            pool.recv(_MOST)
            _command(server, b"LPUSH", b"relayed", _MESSAGE)

    def connect(self) -> None:
        self._client = self._open()

    def carry(self) -> None:
        _command(self._client, b"LPUSH", b"relay", _MESSAGE)
        _command(self._client, b"BRPOP", b"relayed", b"0")

    def _open(self) -> socket.socket:
        opened = socket.create_connection(("127.0.0.1", self._port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return opened


class RabbitMQRelay(Relay):
    """A RabbitMQ server between client and node: a durable queue for messages, one that is not for answers."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self._port = port

    def serve(self, pool: socket.socket) -> None:
        post = Post(self._port, "relay", "relayed", durable="relay")
        while True:
            post.take()
            pool.sendall(_MESSAGE)
            pool.recv(_MOST)
            post.send()

    def connect(self) -> None:
        self._client = Post(self._port, "relayed", "relay", durable="relay")

    def carry(self) -> None:
        self._client.send()
        self._client.take()


def relayed(relay: Relay, count: int) -> tuple[float, float]:
    """Return p50 and p99 of so many round trips, in milliseconds."""
    with relay:
        return percentiles(relay.seconds(count))


def _echo(line: socket.socket) -> None:
    while message := line.recv(_MOST):
        line.sendall(message)


def _command(server: socket.socket, *words: bytes) -> None:
    parts = [b"*%d\r\n" % len(words), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)]
    server.sendall(b"".join(parts))
    answer = server.recv(_MOST)
    if answer.startswith(b"-"):
        raise RuntimeError(answer.decode())
