"""`Stream`: a socket that never blocks, cut into frames; both ends of the writer's connections use it."""

from __future__ import annotations

import contextlib
import socket

from ..socket_reader import SocketReader
from .frames import Unframer

_HIGH_WATER = 8 << 20


class Stream:
    """Reads frames, and sends bytes as the other end takes them. Safe for one reader beside one sender."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self.socket = connected
        self.broken: bool = False
        """Whether it has come to its end; everything received before was returned by then."""
        self.received: int = 0
        """How many bytes have arrived."""
        self._incoming = SocketReader()
        self._unframer = Unframer()
        self._unsent = bytearray()

    def receive(self) -> list[memoryview]:
        """Return the contents of the frames that are complete."""
        try:
            data = self._incoming.read(self.socket)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self.broken = True
            return []
        self.received += len(data)
        return self._unframer.feed(data)

    def send(self, data: bytes = b"") -> None:
        """Send what waits to be sent and `data` after it; what the other end does not take now waits.

        An end of the stream is found out by `receive`, which first returns what arrived before it.
        """
        if not self._unsent:
            self._unsent += data[self._sent_of(data) :]
            return
        self._unsent += data
        with memoryview(self._unsent) as waiting:
            sent = self._sent_of(waiting)
        del self._unsent[:sent]  # moves nothing: much may wait, and little be taken at a time

    @property
    def backlog(self) -> bool:
        """Whether bytes wait to be sent."""
        return bool(self._unsent)

    @property
    def flooded(self) -> bool:
        """Whether so much waits to be sent that nothing more should be read."""
        return len(self._unsent) > _HIGH_WATER

    def _sent_of(self, data: bytes | memoryview) -> int:
        """Return how many bytes the socket has taken; of a broken one all, since nobody will ever read them."""
        try:
            return self.socket.send(data) if data else 0
        except BlockingIOError:
            return 0
        except OSError:
            return len(data)

    def end(self) -> None:
        """Hang up, which a thread that waits on the socket notices, and close it."""
        with contextlib.suppress(OSError):  # the other end was faster
            self.socket.shutdown(socket.SHUT_RDWR)
        self.close()

    def close(self) -> None:
        """Close this process's copy of the socket."""
        self.socket.close()
