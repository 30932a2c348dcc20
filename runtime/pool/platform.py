"""The system calls that a process pool stands on: packet sockets, exit handles, spill files.

| | Linux (5.3 or newer) | macOS |
|---|---|---|
| packets | `SOCK_SEQPACKET` | `SOCK_DGRAM`: packets and take-back alike, but no end of file and smaller packets |
| death of a process | pidfd, passed by the forkserver | kqueue, opened by whoever watches |
| large packets | memfd | unlinked temporary file |

Elsewhere the module imports, and `packet_pair`, the first step of every pool, says that there is none.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import sys
from pathlib import Path

from .errors import UnsupportedPlatform

PACKET_LIMIT = 65536 if sys.platform == "linux" else 8192
"""Bytes that go in one packet; more is spilled to a file whose descriptor is sent."""

PACKET_BUFFER = 262144
"""What a macOS socket is asked to hold: the packets in flight of one child, which it would otherwise refuse."""

RECEIVE_FLAGS: int = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


def packet_pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets that keep the bounds of packets and carry file descriptors."""
    if sys.platform == "linux":
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if sys.platform == "darwin":
        pair = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        for end in pair:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, PACKET_BUFFER)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PACKET_BUFFER)
        return pair
    raise UnsupportedPlatform(f"there is no process pool on {sys.platform}: use `-P solo`, or run the worker in WSL")


class Sentinel:
    """A file descriptor that is readable once a process has exited, reaped or not.

    Opened before the process can have been reaped, it never means another process that got the same pid.
    """

    def __init__(self, pid: int, fd: int | None = None) -> None:
        """Watch `pid`, by `fd` where a pidfd of it was passed to us. On Linux no process is a `ProcessLookupError`."""
        self.pid = pid
        if sys.platform == "linux":
            self._fd = os.pidfd_open(pid) if fd is None else fd
        elif sys.platform == "darwin":
            self._queue = select.kqueue()
            self._fd = self._queue.fileno()
            watch = select.kevent(pid, select.KQ_FILTER_PROC, select.KQ_EV_ADD, select.KQ_NOTE_EXIT)
            try:
                self._queue.control([watch], 0)
            except ProcessLookupError:  # it has exited, and been reaped: a timer without delay says so
                self._queue.control([select.kevent(pid, select.KQ_FILTER_TIMER, select.KQ_EV_ADD)], 0)
        else:
            raise UnsupportedPlatform(f"cannot watch processes on {sys.platform}")

    def fileno(self) -> int:
        """Return the descriptor, to be polled only."""
        return self._fd

    def passable(self) -> list[int]:
        """Return the descriptors that mean the same in another process: a pidfd does, a kqueue does not."""
        return [self._fd] if sys.platform == "linux" else []

    def exited(self) -> bool:
        """Tell whether the process has ended (nobody closes a sentinel before)."""
        return self._fd < 0 or self.wait(0)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait up to `timeout` seconds for the end of the process; return whether it has come."""
        poller = select.poll()
        poller.register(self._fd, select.POLLIN)
        return bool(poller.poll(None if timeout is None else timeout * 1000))

    def signal(self, signum: int) -> None:
        """Send a signal; a process that is gone already is left in peace."""
        try:
            if sys.platform == "linux":
                signal.pidfd_send_signal(self._fd, signum)
            elif not self.exited():
                os.kill(self.pid, signum)
        except ProcessLookupError:
            pass

    def reap(self) -> int | None:
        """Collect the exit code of a process that has exited and is our own child (or was left to us); else None."""
        if self._fd < 0:
            return None
        try:
            if sys.platform == "linux":
                end = os.waitid(os.P_PIDFD, self._fd, os.WEXITED | os.WNOHANG)
                return None if end is None else end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return os.waitstatus_to_exitcode(status) if pid else None
        except ChildProcessError:
            return None

    def close(self) -> None:
        """Close the descriptor; the process goes on."""
        if sys.platform == "darwin":
            self._queue.close()
        elif self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


def wait_for_hang_up(sock: socket.socket, peer: int) -> None:
    """Wait until the other end of `sock`, held by the process `peer` alone, is closed."""
    if sys.platform != "linux":
        Sentinel(peer).wait()
        return
    poller = select.poll()
    poller.register(sock, 0)
    poller.poll()


def spill(data: bytes) -> int:
    """Write `data` to a file without a name, in memory where possible; return its descriptor."""
    if sys.platform == "linux":
        fd = os.memfd_create("understudy-packet")
    else:
        import tempfile

        fd, path = tempfile.mkstemp(prefix="understudy-")
        Path(path).unlink()
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(fd, view) :]
    except OSError:
        os.close(fd)
        raise
    return fd


def unspill(fd: int) -> bytes:
    """Return what was spilled, and close the descriptor."""
    os.lseek(fd, 0, os.SEEK_SET)
    with open(fd, "rb", buffering=0) as file:
        return file.readall()


def set_title(title: str) -> None:
    """Name this process in `ps` and `top` where that costs nothing (the first 15 bytes count)."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # a container without /proc: the name is a courtesy
            Path("/proc/self/comm").write_text(title)
