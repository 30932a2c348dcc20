"""`Wire`: one connection to a broker, with a socket. What it carries is the channels' business."""

from __future__ import annotations

import logging
import select
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from typing import TypeVar

from ...actors.completion import Completion, wait_on_thread
from ..errors import BrokerRefused, BrokerUnavailable, TransportError
from ..lane import now
from ..server_options import ServerOptions
from ..socket_reader import SocketReader
from ..urls import in_order, scrub
from .channel import Channel, Listener
from .dialing import Address, addresses, dial
from .ear import READ, WRITE, Ear, Ears
from .protocol import methods as amqp
from .protocol.connection import Connection, Event, Login
from .protocol.errors import ChannelClosed, ConnectionClosed, MalformedFrame
from .protocol.frames import heartbeat_frame, method_frame

T = TypeVar("T")

logger: logging.Logger = logging.getLogger(__name__)

_GLANCE = 0.5
"""Seconds after which a thread that reads looks whether it still has to."""
_LONGEST_SLEEP = 1.0
_GOODBYE = 1.0
_SAYS_NO = frozenset({403, 530})
"""Why a broker closes a connection that it will not have: access refused, a virtual host that is not there."""
_poll = getattr(select, "poll", None)
"""Not on Windows, nor where eventlet has replaced it: answers are then left to the lane."""


class Wire:
    """A connection that is open, or was. A wire that failed is replaced, never repaired.

    Sending is for any thread and never waits. Reading is done by whoever hears its `ear`, or by a thread that waits for
    an answer, one at a time; what was read is handed out there. `nudge` is called when the lane has something to see.
    """

    lost_errors: tuple[type[BaseException], ...] = (OSError, ConnectionClosed, MalformedFrame)
    refused_errors: tuple[type[BaseException], ...] = (ChannelClosed,)

    def __init__(
        self, url: str, options: ServerOptions, ears: Ears, nudge: Callable[[], object], name: str = ""
    ) -> None:
        self.options = options
        self.sending: threading.RLock = threading.RLock()
        """Held while frames are put on their way, by who wants several to stay together."""
        self.failure: BaseException | None = None
        self.waits_to_be_sent: int = 0
        self._url = url
        self._addresses: Sequence[Address] = in_order(addresses(url), options.failover_strategy)
        self._address = self._addresses[0]
        self._ears = ears
        self._ear = ears.new()
        self._nudge = nudge
        self._name = name
        self._connection = Connection(Login())
        self._sock: socket.socket | None = None
        self._incoming = SocketReader()
        self._unsent: list[bytes] = []
        self._channels: dict[int, Channel] = {}
        self._numbers = count(1)
        self._ended: Completion[None] = Completion()
        self._reading = threading.Lock()
        self._borrowed = False
        self._heard_at = self._said_at = now()

    # What a session asks for

    def open(self) -> None:
        """Connect, trying each of the URL's addresses once; raises `BrokerUnavailable` or `BrokerRefused`."""
        for last, address in enumerate(self._addresses, 1 - len(self._addresses)):
            self._address = address
            try:
                self._open(address)
                return
            except (OSError, TransportError) as error:
                self._hang_up()
                if not last:
                    self._ears.drop(self._ear)
                    raise self.explained(error) from error

    def close(self) -> None:
        """Say goodbye, and hang up; a broker that is gone is not waited for."""
        if self.failure is None and self._sock is not None:
            self.send(method_frame(0, amqp.Close(200, "bye")))
            self.wait_until_done(self._ended, _GOODBYE)
        self._fail(ConnectionError("the connection was closed"))
        self._hang_up()
        self._ears.drop(self._ear)

    def abandon(self) -> None:
        """Close this process's copies; nobody else's is touched."""
        self._ear.close()
        if self._sock is not None:
            self._sock.close()

    def sockets(self) -> Sequence[Ear]:
        """Return what becomes readable when `tick` has something to do."""
        return self._ears.mine(self._ear)

    def tick(self) -> float | None:
        """Read what has come, keep the connection alive; returns the seconds until it needs that again."""
        self._ear.listen()
        if self.failure is not None:
            raise self.failure
        beat = self._connection.heartbeat
        if not beat:
            return _LONGEST_SLEEP
        if now() > self._heard_at + 2 * beat and not self._unread():
            self._fail(ConnectionError(f"nothing was heard for {2 * beat} seconds, two heartbeats"))
        self._beat()
        return min(beat / 4, _LONGEST_SLEEP)

    def explained(self, error: BaseException) -> BrokerUnavailable | BrokerRefused:
        """Return an error as one of ours, without a password."""
        if isinstance(error, (BrokerUnavailable, BrokerRefused)):
            return error
        where = self._address.shown
        text = scrub(_words(error), self._url).strip().rstrip(".")
        says_no = isinstance(error, ConnectionClosed) and error.code in _SAYS_NO
        if says_no or isinstance(error, (ChannelClosed, ssl.SSLCertVerificationError)):
            return BrokerRefused(f"{where} refuses: {text}")
        return BrokerUnavailable(f"{where} is not available: {text}")

    # What sessions and channels use

    @property
    def blocked(self) -> str | None:
        """Why the broker takes no messages at present: it is short of memory, or of disk."""
        return self._connection.blocked

    @property
    def frame_max(self) -> int:
        """The largest frame, in bytes."""
        return self._connection.frame_max

    @property
    def longest_silence(self) -> float:
        """Seconds for which a broker that lives is silent at most: it beats twice in it, even if it reads nothing."""
        return self._connection.heartbeat or self.options.reply_timeout

    def is_silent(self, since: float = 0.0) -> bool:
        """Tell whether nothing was heard for so long, after some moment (monotonic): the broker is likely gone."""
        return now() >= max(self._heard_at, since) + self.longest_silence and not self._unread()

    def channel(self, listener: Listener | None = None) -> Channel:
        """Open a channel, and wait for it."""
        with self.sending:
            channel = Channel(self, next(self._numbers), listener or Listener())
            self._channels[channel.number] = channel
        channel.call(amqp.ChannelOpen(), amqp.ChannelOpenOk)
        return channel

    def drop(self, channel: Channel) -> None:
        """Close a channel; what it has not acknowledged is back in its place then."""
        if channel.error is None:
            channel.call(amqp.ChannelClose(200, "done"), amqp.ChannelCloseOk)
        self._channels.pop(channel.number, None)

    def send(self, data: bytes) -> None:
        """Send bytes as the broker takes them; a connection that broke is found out by whoever reads."""
        with self.sending:
            sock = self._sock
            if sock is None or self.failure is not None:
                return
            self._unsent.append(data)
            self.waits_to_be_sent += len(data)
            self._said_at = now()
            if len(self._unsent) == 1:
                self._flush(sock)

    def wait(self, completion: Completion[T], timeout: float | None = None) -> T:
        """Wait for an answer; raises `TimeoutError` where the broker is silent, or has not answered in time.

        timeout: seconds, by default as many as a broker that is there may take.
        """
        asked = now()
        longest = self.options.confirm_timeout if timeout is None else timeout
        while not completion.done():
            step = max(0.0, min(self.options.reply_timeout, asked + longest - now()))
            if self.wait_until_done(completion, step):
                break
            waited = now() - asked
            if waited >= longest or self.is_silent(asked):
                raise TimeoutError(f"no answer within {waited:.3g} seconds")
            self._beat()
        return completion.get(timeout=0)

    def wait_until_done(self, completion: Completion[T], timeout: float | None) -> bool:
        """See `Waiter`: read until the answer is there, unless somebody else does."""
        sock = self._sock
        if _poll is None or sock is None or not self._reading.acquire(blocking=False):
            return wait_on_thread(completion, timeout)
        deadline = None if timeout is None else now() + timeout
        self._borrowed = True
        self._watch()
        try:
            self._read_until(completion, sock, deadline)
        finally:
            self._borrowed = False
            self._reading.release()
            self._watch()
        left = None if deadline is None else max(0.0, deadline - now())
        return completion.done() or wait_on_thread(completion, left)

    def pump(self) -> None:
        """Read and send what can be, unless another thread is at it."""
        if self._unsent and self._sock is not None:
            with self.sending:
                self._flush(self._sock)
        if self._reading.acquire(blocking=False):
            try:
                self._receive()
            finally:
                self._reading.release()

    # Opening

    def _open(self, address: Address) -> None:
        sock = dial(address, self.options.ssl, self.options.connect_timeout)
        self._sock = sock
        self._connection = Connection(
            Login(
                address.user,
                address.password,
                address.virtual_host,
                self.options.login_method,
                int(self.options.heartbeat or 0),
                self._name,
            )
        )
        sock.settimeout(self.options.reply_timeout)
        self._log_in(sock)
        sock.setblocking(False)
        self._heard_at = self._said_at = now()
        self._watch()

    def _log_in(self, sock: socket.socket) -> None:
        connection, deadline = self._connection, now() + self.options.reply_timeout
        while not connection.opened:
            sock.sendall(connection.outgoing())
            data = self._incoming.read(sock)
            if not data:
                raise ConnectionError("the broker has hung up before it let us in")
            connection.receive(data)
            if connection.closed is not None:
                raise connection.closed
            if now() > deadline:
                raise TimeoutError("the broker did not let us in in time")

    # Sending and reading

    def _beat(self) -> None:
        """Say that we are there, if nothing else was said for a while."""
        beat = self._connection.heartbeat
        if beat and now() >= self._said_at + beat / 2:
            self.send(heartbeat_frame())

    def _flush(self, sock: socket.socket) -> None:
        try:
            while self._unsent:
                data = self._unsent[0] if len(self._unsent) == 1 else b"".join(self._unsent)
                sent = sock.send(data)
                self.waits_to_be_sent -= sent
                self._unsent = [data[sent:]] if sent < len(data) else []
                if sent < len(data):
                    break
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except OSError:
            self._unsent = []  # the reader finds the end, and what came before it
        self._watch()

    def _watch(self) -> None:
        sock = self._sock
        if sock is not None and self.failure is None:
            reading = 0 if self._borrowed else READ
            self._ear.watch(sock, reading | (WRITE if self._unsent else 0), self.pump)

    def _read_until(self, completion: Completion[T], sock: socket.socket, deadline: float | None) -> None:
        assert _poll is not None
        poll = _poll()
        poll.register(sock, select.POLLIN)
        self._receive()  # TLS may have decrypted more than was read: no poll sees that
        while not completion.done() and self.failure is None:
            left = _GLANCE if deadline is None else min(_GLANCE, deadline - now())
            if left <= 0:
                return
            poll.modify(sock, select.POLLIN | (select.POLLOUT if self._unsent else 0))
            for _, ready in poll.poll(left * 1000):
                if ready & select.POLLOUT:
                    with self.sending:
                        self._flush(sock)
                if ready & ~select.POLLOUT:
                    self._receive()

    def _receive(self) -> None:
        """Read what there is and hand it out; whoever calls holds `_reading`."""
        if self._sock is None or self.failure is not None:
            return
        try:
            data = self._read(self._sock)
            if data is not None:
                self._take(data)
        except (OSError, TransportError) as error:
            self._fail(error)
        except Exception as error:  # whoever reads is not to blame, and must not stumble over it again
            logger.exception("%s: what has come could not be handled", self._address.shown)
            self._fail(ConnectionError(f"what has come could not be handled: {error!r}"))
        except BaseException:
            self._fail(ConnectionError("the thread that read was interrupted: some of what has come may be lost"))
            raise

    def _take(self, data: bytes) -> None:
        if not data:
            raise ConnectionError("the broker has hung up")
        self._heard_at = now()
        events = self._connection.receive(data)
        answer = self._connection.outgoing()
        if answer:
            self.send(answer)
        self._hand_out(events)
        if self._connection.closed is not None:
            raise self._connection.closed

    def _read(self, sock: socket.socket) -> bytes | None:
        """Return what has come, b"" at the end, None where nothing has."""
        try:
            if not isinstance(sock, ssl.SSLSocket):
                return self._incoming.read(sock)
            with self.sending:  # a TLS connection is one thing in both directions
                data = self._incoming.read(sock)
                while data and sock.pending():
                    data += self._incoming.read(sock)
                return data
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def _hand_out(self, events: Sequence[Event]) -> None:
        touched: dict[int, Channel] = {}
        for event in events:
            channel = touched.get(event.channel) or self._channels.get(event.channel)
            if channel is not None:
                touched[event.channel] = channel
                channel.hear(event)
        for channel in touched.values():
            channel.flush()

    def _unread(self) -> bool:
        """Tell whether there is something to read: a process that was stopped itself is not to blame the broker."""
        if _poll is None or self._sock is None:
            return False
        poll = _poll()
        poll.register(self._sock, select.POLLIN)
        return bool(poll.poll(0))

    # Ending

    def _fail(self, error: BaseException) -> None:
        with self.sending:
            if self.failure is not None:
                return
            self.failure = error
            channels = list(self._channels.values())
            if self._sock is not None:
                self._ear.watch(self._sock, 0, self.pump)
        for channel in channels:
            channel.flush()
            channel.fail(error)
        self._ended.resolve(None)
        self._nudge()

    def _hang_up(self) -> None:
        with self.sending:
            sock, self._sock = self._sock, None
        if sock is not None:
            self._ear.watch(sock, 0, self.pump)
            with suppress(OSError):
                sock.close()


def _words(error: BaseException) -> str:
    if isinstance(error, TimeoutError) and not isinstance(error, ssl.SSLError):
        return "it did not answer in time" if str(error) in {"", "timed out"} else str(error)
    return str(getattr(error, "strerror", None) or error or type(error).__name__)
