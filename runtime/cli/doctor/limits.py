"""What the machine allows."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from ...pool.errors import UnsupportedPlatform
from ...pool.platform import PACKET_LIMIT, packet_pair
from .finding import Finding, Section, Verdict
from .sizes import size_text

FILES_OF_A_NODE = 64
FILES_OF_A_PROCESS = 8
"""Descriptors that a node keeps, and that each of its pool processes costs it; rounded up."""
FEW_FILES = 256
PACKETS_AHEAD = 32
"""Unread packets of a kilobyte below which short tasks are not sent ahead as far as they could be."""


def limits() -> Section:
    """Return what this user may use of this machine."""
    return Section("Limits", [_processors(), _open_files(), _packets(), _shared_memory()])


def _processors() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Finding("processors", f"{usable} usable")


def _open_files() -> Finding:
    if sys.platform == "win32":
        return Finding("open files", "not limited here", Verdict.NOTE)
    import resource

    return open_files(*resource.getrlimit(resource.RLIMIT_NOFILE))


def open_files(soft: int, hard: int) -> Finding:
    """Judge the limits of open files, negative ones for none."""
    value = f"{_limit(soft)} (can be raised to {_limit(hard)})"
    processes = max(0, soft - FILES_OF_A_NODE) // FILES_OF_A_PROCESS
    if soft < 0 or soft >= FEW_FILES:
        return Finding("open files", value)
    return Finding(
        "open files", value, Verdict.WARNING, f"enough for about {processes} pool processes: raise `ulimit -n`"
    )


def _limit(value: int) -> str:
    return "any number" if value < 0 else str(value)


def _packets() -> Finding:
    """Try what the pool does: the largest packet in one piece, then short ones until nobody has read too many."""
    try:
        ours, theirs = packet_pair()
    except UnsupportedPlatform as error:
        return Finding("pool packets", "none", Verdict.WRONG, str(error))
    with ours, theirs:
        ours.setblocking(False)
        try:
            ours.send(bytes(PACKET_LIMIT))
        except OSError as error:
            advice = f"a packet of {PACKET_LIMIT} bytes does not fit ({error}): raise net.core.wmem_default"
            return Finding("pool packets", "too small", Verdict.WRONG, advice)
        theirs.recv(PACKET_LIMIT)
        ahead = 0
        try:
            while ahead < 1000:
                ours.send(bytes(1024))
                ahead += 1
        except OSError:
            pass
    value = f"{PACKET_LIMIT // 1024} KiB each, {ahead} of 1 KiB ahead"
    if ahead < PACKETS_AHEAD:
        return Finding(
            "pool packets", value, Verdict.WARNING, "few short tasks can be sent ahead: raise net.core.wmem_default"
        )
    return Finding("pool packets", value)


def _shared_memory() -> Finding:
    path = Path("/dev/shm")
    if not path.is_dir():
        return Finding("/dev/shm", "not here", Verdict.NOTE, "Understudy does without it")
    usage = shutil.disk_usage(path)
    advice = "Understudy does without it; libraries that share memory between processes (numpy, PyTorch) need it"
    return Finding("/dev/shm", f"{size_text(usage.free)} free of {size_text(usage.total)}", Verdict.NOTE, advice)
