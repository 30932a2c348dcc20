"""`SocketReader`: how much to ask of a socket at a time."""

from __future__ import annotations

import socket

LITTLE = 1 << 16
MUCH = 1 << 18


class SocketReader:
    """Reads little at a time from a socket, and much while there is much. For one socket after another, one thread.

    Python makes room for all that is asked for before it knows how much there is. The C library maps memory for more
    than 128 KiB, and unmaps what is not needed: that takes ten times as long as to read a message.
    """

    def __init__(self) -> None:
        self._room = LITTLE

    def read(self, connected: socket.socket) -> bytes:
        """Return what `connected.recv` does, and raise what it raises."""
        data = connected.recv(self._room)
        self._room = MUCH if len(data) == self._room else LITTLE
        return data
