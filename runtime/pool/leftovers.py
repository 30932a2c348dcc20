"""What an import left running or open that a forked child cannot use: threads and sockets."""

from __future__ import annotations

import os
import socket
import stat
import threading
from pathlib import Path


class Inspection:
    """Compares the process with what it was when the inspection began."""

    def __init__(self) -> None:
        """Remember what is there already."""
        self._known_threads = {thread.ident for thread in threading.enumerate()}
        self._known_tasks = _native_threads()
        self._known_sockets = _sockets()

    def leftovers(self) -> tuple[str, ...]:
        """Name the threads and sockets that are new since then, for a reader who has to find their maker."""
        return (*self._threads(), *self._new_native_threads(), *self._new_sockets())

    def _threads(self) -> list[str]:
        new = [thread for thread in threading.enumerate() if thread.ident not in self._known_threads]
        return [f"thread {thread.name!r}" for thread in new]

    def _new_native_threads(self) -> list[str]:
        """Threads started by extension modules: the same locks held for ever, no Python object to tell of them."""
        ours = {thread.native_id for thread in threading.enumerate()}
        new = [name for tid, name in _native_threads().items() if tid not in self._known_tasks and tid not in ours]
        return [f"native thread {name!r}" for name in new]

    def _new_sockets(self) -> list[str]:
        return [_describe(fd) for fd, inode in _sockets().items() if self._known_sockets.get(fd) != inode]


def _native_threads() -> dict[int, str]:
    """Return the names of this process's threads by native id, where the system tells."""
    names: dict[int, str] = {}
    for task in _entries("/proc/self/task"):
        try:
            names[int(task.name)] = (task / "comm").read_text().strip()
        except OSError:  # it ended meanwhile
            continue
    return names


def _sockets() -> dict[int, int]:
    """Return the inodes of this process's open sockets by descriptor."""
    found: dict[int, int] = {}
    for entry in _entries("/dev/fd"):
        fd = int(entry.name)
        try:
            status = os.fstat(fd)
        except OSError:  # the descriptor of the listing itself
            continue
        if stat.S_ISSOCK(status.st_mode):
            found[fd] = status.st_ino
    return found


def _entries(directory: str) -> list[Path]:
    """Return what is in a directory of the kernel's, which not every system or container has."""
    try:
        return list(Path(directory).iterdir())
    except OSError:
        return []


def _describe(fd: int) -> str:
    with socket.socket(fileno=os.dup(fd)) as sock:
        try:
            return f"socket {sock.family.name} {sock.getsockname()} connected to {sock.getpeername()}"
        except OSError:
            return f"socket {sock.family.name} {sock.getsockname()}"
