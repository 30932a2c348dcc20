"""`Channel`: typed packets over a packet socket."""

from __future__ import annotations

import os
import socket
from array import array
from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from .errors import HungUp, PoolError
from .platform import PACKET_LIMIT, RECEIVE_FLAGS, spill, unspill

Sent = TypeVar("Sent", bound=msgspec.Struct)
Received = TypeVar("Received", bound=msgspec.Struct)

SPILLED = 0xC1
"""Stands for a packet that is in the file whose descriptor came last: a byte with which no msgpack begins."""

_FDS_SPACE = socket.CMSG_SPACE(2 * array("i").itemsize) if hasattr(socket, "CMSG_SPACE") else 0


class Channel(Generic[Sent, Received]):
    """One end of a packet socket: `Sent` goes out, `Received` comes in, each with up to one file descriptor.

    Packets larger than the socket takes travel in a spilled file, unseen by either side. Each packet is received by
    exactly one reader, whichever process it is in. It waits if its socket does (`setblocking`).
    """

    def __init__(self, sock: socket.socket, decoder: msgspec.msgpack.Decoder[Received]) -> None:
        """Wrap `sock`, which now belongs to the channel; `decoder` is for the union of what comes in."""
        self._sock = sock
        self._decode = decoder.decode
        self._encode = msgspec.msgpack.Encoder().encode
        self._buffers = [memoryview(bytearray(PACKET_LIMIT))]

    def fileno(self) -> int:
        """Return the socket's descriptor, or -1 once closed."""
        return self._sock.fileno()

    def send(self, packet: Sent, fds: Sequence[int] = ()) -> bool:
        """Send one packet; False, and nothing sent, where it would have to wait. Raises `HungUp`."""
        data = self._encode(packet)
        try:
            if len(data) > PACKET_LIMIT:
                self._send_spilled(data, fds)
            elif fds:
                socket.send_fds(self._sock, [data], fds)
            else:
                self._sock.send(data)
        except BlockingIOError:
            return False
        except ConnectionError as error:
            raise HungUp("the other end of the channel is closed") from error
        return True

    def receive(self, wait: bool = True) -> tuple[Received, list[int]] | None:
        """Return the next packet and the descriptors that came with it; None where there is none yet.

        wait: whether a waiting socket may wait. Raises `HungUp` at the end of file.
        """
        flags = RECEIVE_FLAGS if wait else RECEIVE_FLAGS | socket.MSG_DONTWAIT
        try:
            size, ancillary, _, _ = self._sock.recvmsg_into(self._buffers, _FDS_SPACE, flags)
        except BlockingIOError:
            return None
        except ConnectionError as error:
            raise HungUp("the other end of the channel is closed") from error
        if not size:
            raise HungUp("the other end of the channel is closed")
        packet = self._buffers[0][:size]
        fds = _descriptors(ancillary) if ancillary else []
        return self._decode(_spilled(fds) if packet[0] == SPILLED else packet), fds

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()

    def _send_spilled(self, data: bytes, fds: Sequence[int]) -> None:
        file = spill(data)
        try:
            socket.send_fds(self._sock, [bytes([SPILLED])], [*fds, file])
        finally:
            os.close(file)


def _spilled(fds: list[int]) -> bytes:
    if not fds:
        raise PoolError("a large packet's file could not be received: too many open files in this process (ulimit -n)")
    return unspill(fds.pop())


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> list[int]:
    fds = array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    if not RECEIVE_FLAGS:
        for fd in fds:
            os.set_inheritable(fd, False)
    return list(fds)
