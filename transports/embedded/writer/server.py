"""`Server`: the writer's loop.

A turn drains all sockets, carries out everything in one commit, and answers.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import time
from collections.abc import Callable
from functools import partial

from ....actors.hosts.linger import Linger
from ...errors import TransportError
from ...message import UNREADABLE
from ..core.broker import Broker
from ..core.owners import Answer
from ..frames import Content, Welcome, agree, decode_hello, decode_requests, describe_error, frame
from ..platform import peer_of
from ..service import Asked, Service
from .connection import Connection
from .vigil import Vigil

logger: logging.Logger = logging.getLogger(__name__)

_DEAF_SECONDS = 1.0
"""A turn that began so much later than asked for could not hear renewals: leases are prolonged by it."""
_READ = selectors.EVENT_READ
_WRITE = selectors.EVENT_WRITE


class Server:
    """Serves clients until `stop` is called, on one thread.

    parent: the pid of the node that started this process; when `orphaned` was called the server goes on until the
    connection of that node has ended too, so that what it held is given back by this writer, which knows what that was.
    """

    def __init__(self, service: Service, listener: socket.socket, vigil: Vigil, parent: int) -> None:
        self._service = service
        self._listener = listener
        self._vigil = vigil
        self._parent = parent
        self._uid = os.getuid()
        self._linger = Linger()
        self._selector = selectors.DefaultSelector()
        self._connections: set[Connection] = set()
        self._asked: list[Asked] = []
        self._touched: dict[Connection, None] = {}
        """Connections with something to send, or at their end: in the order in which they are seen to."""
        self._stop_at: float | None = None
        listener.setblocking(False)
        self._selector.register(listener, _READ, self._accept)

    def watch(self, descriptor: int, callback: Callable[[], None]) -> None:
        """Call back, once, when a file descriptor can be read."""

        def call(_: object) -> None:
            self._selector.unregister(descriptor)
            callback()

        self._selector.register(descriptor, _READ, call)

    def stop(self, within: float = 0.0) -> None:
        """End `run`: now, or as soon as the parent's connection has ended, in `within` seconds at the latest."""
        self._stop_at = time.monotonic() + within

    def orphaned(self) -> None:
        """End soon: the node that started this process is gone."""
        self.stop(within=1.0)

    def recover(self) -> None:
        """Find out which nodes outlived the last writer, and wait for them to say what they hold."""
        self._act(lambda broker: broker.recover(self._vigil.begin(self._service.nodes())))

    def run(self) -> None:
        """Serve."""
        while not self._over():
            self._turn()
        for connection in list(self._connections):
            self._drop(connection)

    def _over(self) -> bool:
        if self._stop_at is None:
            return False
        waited_for = any(connection.pid == self._parent for connection in self._connections) or self._vigil.keeping
        return time.monotonic() >= self._stop_at or not waited_for

    def _turn(self) -> None:
        began = time.monotonic()
        due = began + self._service.next_round(time.time(), began)
        timeout = self._patience(due - began, began)
        for key, _ in self._linger.select(self._selector, timeout):
            key.data(key.fileobj)
        mono = time.monotonic()
        if mono - began - timeout > _DEAF_SECONDS:
            self._service.broker.prolong(mono - began)
        if self._vigil.keeping:
            self._look_after_nodes()
        if self._asked or mono >= due:
            asked, self._asked = self._asked, []
            self._tell(self._service.round(asked, time.time(), mono))
        self._flush()

    def _look_after_nodes(self) -> None:
        for boot in self._vigil.dead(time.monotonic()):
            self._act(lambda broker, boot=boot: broker.bury_node(boot))
        self._vigil.keep_only(self._service.broker.nodes)

    def _patience(self, next_round: float, mono: float) -> float:
        """Return how long to wait for the sockets."""
        waits = [next_round, self._vigil.next_look(mono), 60.0 if self._stop_at is None else 0.01]
        return max(0.0, min(waits))

    def _accept(self, _: object) -> None:
        stream, _address = self._listener.accept()
        pid, uid = peer_of(stream)
        if uid != self._uid:
            logger.warning("a connection of user %d was refused: the broker's file belongs to user %d", uid, self._uid)
            stream.close()
            return
        connection = Connection(stream, pid)
        self._connections.add(connection)
        self._selector.register(stream, _READ, partial(self._ready, connection))

    def _ready(self, connection: Connection, _: object) -> None:
        try:
            for content in connection.receive():
                if connection.client is None:
                    self._shake_hands(connection, content)
                else:
                    self._asked += [(connection.client, request) for request in decode_requests(content)]
        except (TransportError, *UNREADABLE) as error:
            logger.warning("the connection of process %d was ended: %s", connection.pid, error)
            connection.broken = True
        if connection.broken or connection.backlog:
            self._touched[connection] = None

    def _shake_hands(self, connection: Connection, content: Content) -> None:
        hello = decode_hello(content)
        try:
            version = agree(hello)
        except TransportError as error:
            connection.send(frame(Welcome(refusal=describe_error(error))))
            raise
        connection.client = self._service.join(hello.nonce, connection)
        resumed, answers = self._service.resume(connection.client, hello.held, time.time(), time.monotonic())
        self._vigil.end(connection.client.boots)
        connection.send(frame(Welcome(version, resumed)))
        self._tell(answers)

    def _act(self, action: Callable[[Broker], object]) -> None:
        self._tell(self._service.act(action, time.time(), time.monotonic()))

    def _tell(self, answers: list[Answer]) -> None:
        for answer in answers:
            connection: Connection = answer.token[0].address
            connection.answer(answer)
            self._touched[connection] = None

    def _flush(self) -> None:
        touched, self._touched = self._touched, {}
        for connection in touched:
            connection.flush()
            if connection.broken:
                self._drop(connection)
            else:
                self._listen(connection)

    def _listen(self, connection: Connection) -> None:
        events = (0 if connection.flooded else _READ) | (_WRITE if connection.backlog else 0)
        key = self._selector.get_key(connection.socket)
        if key.events != events:
            self._selector.modify(connection.socket, events, key.data)

    def _drop(self, connection: Connection) -> None:
        if connection not in self._connections:
            return
        self._connections.discard(connection)
        self._selector.unregister(connection.socket)
        connection.close()
        if connection.client is not None:
            self._service.leave(connection.client)
            self._vigil.keep(connection.client.boots & set(self._service.broker.nodes), time.monotonic())
