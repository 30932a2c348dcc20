"""`Wire`: one connection that never blocks; commands go out, and replies come back in the same order."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from typing import Any

import hiredis

from ..lane import now
from ..socket_reader import LITTLE, SocketReader

AT_A_TIME = 4 << 20
"""Bytes that are read in one go: whoever hears several connections comes to the others in between."""
_NOTHING_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class Wire:
    """Sends bytes as the other end takes them, and reads replies. Thread-safe: TLS bears one thread at a time."""

    def __init__(self, connected: socket.socket) -> None:
        self.socket = connected
        self.broken: bool = False
        """Whether it has come to its end; every reply received before was returned by then."""
        self.active: float = now()
        """When the other end was last seen to be there: it said something, or took more of what waits (monotonic)."""
        self._lock = threading.Lock()
        self._incoming = SocketReader()
        self._reader: Any = hiredis.Reader()
        self._unsent = bytearray()

    @property
    def backlog(self) -> bool:
        """Whether bytes wait to be sent."""
        return bool(self._unsent)

    @property
    def amid_reply(self) -> bool:
        """Whether a part of a reply is there, and the rest is not."""
        return bool(self._reader.has_data())

    def send(self, data: bytes = b"") -> None:
        """Send what waits to be sent and `data` after it; what the other end does not take now waits.

        An end of the connection is found out by `receive`.
        """
        with self._lock:
            if self._unsent:
                self._unsent += data
                sent = self._send(self._unsent)
                del self._unsent[:sent]  # moves nothing: a large message goes in many pieces
                self.active = now() if sent else self.active
            elif data:
                sent = self._send(data)
                if sent < len(data):
                    self._unsent += memoryview(data)[sent:]

    def receive(self) -> list[Any]:
        """Return the replies that are complete; errors among them are `hiredis.ReplyError`s."""
        with self._lock:
            if not self.broken:
                self._fill()
            replies: list[Any] = []
            try:
                while (reply := self._reader.gets()) is not False:
                    replies.append(reply)
            except hiredis.ProtocolError:
                self.broken = True
            return replies

    def end(self) -> None:
        """Hang up, which a thread that waits on the socket notices, and close it."""
        self.broken = True
        with contextlib.suppress(OSError):  # the other end was faster
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def abandon(self) -> None:
        """Close this process's copy of the socket, without a word to the other end."""
        if isinstance(self.socket, ssl.SSLSocket):
            socket.close(self.socket.detach())
        else:
            self.socket.close()

    def _send(self, data: bytes | bytearray) -> int:
        sent = 0
        with memoryview(data) as view:
            try:
                while sent < len(data):
                    with view[sent:] as rest:
                        sent += self.socket.send(rest)
            except _NOTHING_YET:
                return sent
            except OSError:
                return len(data)
        return sent

    def _holds_more(self) -> bool:
        """Tell whether something is there that nobody who waits on the socket would hear of."""
        return isinstance(self.socket, ssl.SSLSocket) and bool(self.socket.pending())

    def _fill(self) -> None:
        read = 0
        try:
            while True:
                data = self._incoming.read(self.socket)
                if not data:
                    self.broken = True
                    return
                self.active = now()
                self._reader.feed(data)
                read += len(data)
                if (len(data) < LITTLE or read >= AT_A_TIME) and not self._holds_more():
                    return
        except _NOTHING_YET:
            return
        except OSError:
            self.broken = True
