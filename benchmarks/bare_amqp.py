"""AMQP frames over a socket, and nothing else: what the broker takes, and gives, at most."""

from __future__ import annotations

import socket
import time
from typing import Any

from understudy.transports.amqp_broker.protocol import methods as amqp
from understudy.transports.amqp_broker.protocol.connection import Connection, Delivered, Event, Login, Said
from understudy.transports.amqp_broker.protocol.frames import ack_frame, content_frames, method_frame, publish_head
from understudy.transports.amqp_broker.protocol.properties import encode_properties

PREFETCH = 2_000
WINDOW = 4_000
_CHUNK = 1 << 18
_BATCH = 100
_BODY = b'[[1], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'
_HEADERS: dict[str, Any] = {
    **dict.fromkeys(("shadow", "eta", "expires", "group", "group_index", "parent_id", "stamped_headers")),
    "lang": "py",
    "task": "note",
    "retries": 0,
    "timelimit": [None, None],
    "argsrepr": "(1,)",
    "kwargsrepr": "{}",
    "origin": "gen1@host",
    "ignore_result": True,
    "replaced_task_nesting": 0,
    "stamps": {},
}


class Channel:
    """One connection with one channel, whose frames are read as they come."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), 10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connection = Connection(Login(heartbeat=0))
        while not self._connection.opened:
            self._socket.sendall(self._connection.outgoing())
            self._receive()
        self._ask(amqp.ChannelOpen())

    def _declare(self, queue: str, *, durable: bool = True) -> None:
        self._ask(amqp.QueueDeclare(0, queue, False, durable, False, False, False, {}))

    def _ask(self, method: amqp.Method) -> None:
        self._socket.sendall(method_frame(1, method))
        while not self._receive():
            pass

    def _receive(self) -> list[Event]:
        return self._connection.receive(self._socket.recv(_CHUNK))


class Bare(Channel):
    """One durable queue, which is emptied with `close`."""

    def __init__(self, port: int, queue: str) -> None:
        super().__init__(port)
        self._queue = queue
        self._declare(queue)

    def publish(self, count: int) -> float:
        """Return the seconds for so many messages, confirmed, as many at a time as the window has room for."""
        self._ask(amqp.ConfirmSelect(False))
        began, sent, confirmed = time.perf_counter(), 0, 0
        while confirmed < count:
            while sent < count and sent - confirmed < WINDOW:
                batch = min(_BATCH, count - sent)
                self._socket.sendall(b"".join(self._message(sent + one) for one in range(batch)))
                sent += batch
            confirmed = max([confirmed, *map(_confirmed, self._receive())])
        return time.perf_counter() - began

    def one_by_one(self, count: int) -> float:
        """Return the seconds for so many messages, each of them confirmed before the next is sent."""
        self._ask(amqp.ConfirmSelect(False))
        began = time.perf_counter()
        for number in range(count):
            self._socket.sendall(self._message(number))
            while not self._receive():
                pass
        return time.perf_counter() - began

    def consume(self, count: int) -> float:
        """Return the seconds for so many messages, acknowledged some hundred at a time."""
        self._ask(amqp.Qos(0, PREFETCH, False))
        began, seen, done = time.perf_counter(), 0, 0
        self._socket.sendall(method_frame(1, amqp.Consume(0, self._queue, "c", False, False, False, False, {})))
        while seen < count:
            tags = [event.tag for event in self._receive() if isinstance(event, Delivered)]
            seen += len(tags)
            if tags and (seen - done >= _BATCH or seen == count):
                self._socket.sendall(ack_frame(1, tags[-1], multiple=True))
                done = seen
        return time.perf_counter() - began

    def close(self) -> None:
        """Empty the queue, and hang up."""
        with self._socket:
            self._socket.sendall(method_frame(1, amqp.QueuePurge(0, self._queue, False)))
            self._socket.sendall(method_frame(0, amqp.Close(200, "done")))
            while self._connection.closed is None:
                self._receive()

    def _message(self, number: int) -> bytes:
        return _message(self._queue, number)


class Post(Channel):
    """Takes messages from one queue, acknowledging each, and sends them, unconfirmed, to another."""

    def __init__(self, port: int, inbox: str, outbox: str, *, durable: str) -> None:
        super().__init__(port)
        for queue in (inbox, outbox):
            self._declare(queue, durable=queue == durable)
        self._outbox = outbox
        self._socket.sendall(method_frame(1, amqp.Consume(0, inbox, "c", False, False, False, False, {})))

    def send(self) -> None:
        """Send a message."""
        self._socket.sendall(_message(self._outbox, 0))

    def take(self) -> None:
        """Wait for the next message."""
        while not (taken := [event for event in self._receive() if isinstance(event, Delivered)]):
            pass
        self._socket.sendall(ack_frame(1, taken[-1].tag, multiple=True))


def _message(queue: str, number: int) -> bytes:
    task_id = f"{number:036d}"
    properties = encode_properties(
        {
            "headers": {**_HEADERS, "id": task_id, "root_id": task_id},
            "content_type": "application/json",
            "content_encoding": "utf-8",
            "delivery_mode": 2,
            "priority": 0,
            "correlation_id": task_id,
            "reply_to": "",
        }
    )
    return publish_head(1, "", queue, mandatory=True) + content_frames(1, properties, _BODY, 131_072)


def _confirmed(event: Event) -> int:
    return event.method.delivery_tag if isinstance(event, Said) and isinstance(event.method, amqp.Ack) else 0
