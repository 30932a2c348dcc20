"""Reaching the writer: its address is in the lock file's note, and it shakes hands first."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass

from ..errors import BrokerUnavailable
from ..message import UNREADABLE
from .frames import NEWEST, OLDEST, Held, Hello, Unframer, Welcome, decode_welcome, frame, make_error
from .platform import peer_of
from .site import Site
from .stream import Stream

_BUFFER = 1 << 20


@dataclass(slots=True)
class Wire:
    """A connection to a writer. resumed: for each owner that was held whether it goes on."""

    stream: Stream
    pid: int
    resumed: list[bool]


class WriterSilent(OSError):
    """There is a writer, and it did not shake hands in time; `pid` is its process, 0 where it did not even accept."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"process {pid} does not shake hands")
        self.pid = pid


def dial(site: Site, nonce: str, held: list[Held], timeout: float) -> Wire:
    """Return a connection to the writer that serves now.

    Raises `WriterSilent` where it does not answer in time, `OSError` where nobody serves, and a `TransportError` where
    the writer refuses this client.
    """
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    pid = 0
    try:
        connected.settimeout(timeout)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
        connected.connect(_address(site))
        pid = _trusted_peer(connected, site)
        connected.sendall(frame(Hello(OLDEST, NEWEST, nonce, held)))
        welcome = _receive_welcome(connected)
    except TimeoutError:
        connected.close()
        raise WriterSilent(pid) from None
    except BaseException:
        connected.close()
        raise
    if welcome.refusal is not None:
        connected.close()
        raise make_error(welcome.refusal)
    return Wire(Stream(connected), pid, welcome.resumed)


def _address(site: Site) -> str:
    try:
        return str(json.loads(site.lock().read_note())["socket"])
    except (ValueError, KeyError, TypeError):
        raise ConnectionRefusedError("no writer has left its address") from None


def _trusted_peer(connected: socket.socket, site: Site) -> int:
    pid, uid = peer_of(connected)
    if uid != os.getuid():
        raise BrokerUnavailable(f"the writer of {site.database} runs as user {uid}, this process as {os.getuid()}")
    return pid


def _receive_welcome(connected: socket.socket) -> Welcome:
    unframer = Unframer()
    while True:
        data = connected.recv(1)  # a byte at a time: answers may follow the handshake, and are the stream's
        if not data:
            raise ConnectionResetError("the writer ended during the handshake")
        for content in unframer.feed(data):
            try:
                return decode_welcome(content)
            except UNREADABLE as error:
                raise BrokerUnavailable(f"whoever listens there is no writer of ours: {error}") from error
