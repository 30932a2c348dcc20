"""The process table: who runs, who descends from whom, who was left behind by a test.

It is read from /proc; elsewhere than on Linux every answer is empty, and leaks go unnoticed.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .waiting import PATIENCE, wait_until

SHARED = {"UNDERSTUDY_TEST_SHARED": "1"}
"""Environment of processes that several tests share: the leak check lets them and their children live."""

_PR_SET_CHILD_SUBREAPER = 36
_LIBRARY_HELPERS = (b"multiprocessing.resource_tracker", b"multiprocessing.forkserver")


def is_running(pid: int) -> bool:
    """Tell whether a process is there and is not a zombie (in a container nobody may reap those).

    A killed process may be a zombie while some of its threads still end: it holds its files and locks until the last of
    them has, and its parent cannot collect its status before.
    """
    state, threads = _state(pid)
    return state not in ("", "Z", "X") or (state == "Z" and threads > 1)


def parent(pid: int) -> int:
    """Return the pid of a process's parent, or 0 where the process is gone."""
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def command_line(pid: int) -> str:
    """Return a process's arguments in one line, empty where it is gone."""
    return _read(pid, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()


def children(pid: int) -> set[int]:
    """Return the pids of a process's running children."""
    found: set[int] = set()
    with suppress(OSError):  # it has ended: its folder may go while it is read
        for listing in Path(f"/proc/{pid}/task").glob("*/children"):
            with suppress(OSError):
                found.update(map(int, listing.read_text().split()))
    return {child for child in found if is_running(child)}


def descendants(pid: int) -> set[int]:
    """Return the pids of a process's running children, their children and so on."""
    found: set[int] = set()
    new = children(pid)
    while new:
        found |= new
        new = {child for one in new for child in children(one)} - found
    return found


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent dies, so that none escapes the leak check."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@contextmanager
def nothing_left_behind(patience: float = PATIENCE) -> Iterator[None]:
    """Fail, and kill them, where processes started in this block still run `patience` seconds after it.

    One moment without any is enough: a process of a server that tests share cannot be told from others while it ends.
    """
    before = descendants(os.getpid())
    yield
    try:
        wait_until(lambda: not _started_since(before), patience)
    except AssertionError:
        _end(_started_since(before))


def _end(left: set[int]) -> None:
    lines = [f"  {pid}: {command_line(pid)}" for pid in sorted(left)]
    for pid in left:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    assert not left, "processes were left behind (killed now):\n" + "\n".join(lines)


def _started_since(before: set[int]) -> set[int]:
    started: set[int] = set()
    new = children(os.getpid()) - before
    while new:
        counted = {pid for pid in new if not _is_exempt(pid)}
        started |= counted
        new = {child for pid in counted for child in children(pid)} - started - before
    return started


def _is_exempt(pid: int) -> bool:
    marks = [f"{name}={value}".encode() for name, value in SHARED.items()]
    variables = _read(pid, "environ").split(b"\0")
    return any(mark in variables for mark in marks) or any(name in _read(pid, "cmdline") for name in _LIBRARY_HELPERS)


def _state(pid: int) -> tuple[str, int]:
    """Return the letter of a process's state and the number of its threads, ("", 0) where it is gone."""
    fields = _stat(pid)
    return (fields[0].decode(), int(fields[17])) if fields else ("", 0)


def _stat(pid: int) -> list[bytes]:
    """Return what the kernel says of a process, from its state on; nothing where it is gone."""
    return _read(pid, "stat").rpartition(b") ")[2].split()


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
