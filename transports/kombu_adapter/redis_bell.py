"""`Bell`: how one waits for a Redis list without taking from it."""

from __future__ import annotations

import socket
from typing import Any

from ..lane import now, readable

BELL_SECONDS = 10
"""Seconds after which the server answers even though the list is empty."""


class Bell:
    """A connection that blocks until a list has an item: it moves the last one to where it was.

    A server that owes the answer for too long is taken for lost.
    """

    def __init__(self, connection: Any, key: str, reply_timeout: float) -> None:
        connection.connect()
        self.socket: socket.socket = connection._sock
        self._connection = connection
        self._key = key
        self._reply_timeout = reply_timeout
        self._armed: float | None = None

    def arm(self) -> None:
        """Ask to be told when the list has an item."""
        if self._armed is None:
            self._connection.send_command("BLMOVE", self._key, self._key, "RIGHT", "RIGHT", BELL_SECONDS)
            self._armed = now()

    def listen(self) -> None:
        """Read the answer, if it is there."""
        if readable(self.socket):
            self._connection.read_response()
            self._armed = None
        elif self._armed is not None and now() > self._armed + BELL_SECONDS + self._reply_timeout:
            raise ConnectionError("Redis does not answer")

    def close(self) -> None:
        """Close the connection; in a forked child, its end alone."""
        self._connection.disconnect()
