"""What the pool asks of the system; elsewhere it imports, and says at its first use that there is none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import Program
from understudy.runtime.pool.platform import Sentinel, packet_pair, spill, unspill, wait_for_hang_up

BARE = """
import os, select, signal, socket, subprocess, sys  # the standard library as it is here
import msgspec, pykka, threading, traceback, tempfile, logging, asyncio, random
for module, names in {
    os: ["memfd_create", "pidfd_open", "fork", "register_at_fork", "P_PIDFD", "WNOHANG", "waitid"],
    signal: ["SIGKILL", "pidfd_send_signal", "pthread_sigmask", "SIGSTOP"],
    socket: ["CMSG_SPACE", "MSG_CMSG_CLOEXEC", "MSG_DONTWAIT", "SCM_RIGHTS", "send_fds"],
    select: ["poll"],
}.items():
    for name in names:
        delattr(module, name)
sys.platform = "win32"
from understudy.runtime.pool import child, forking, forkserver, lookahead, process, program, spawning
try:
    spawning.Spawner(program.app_spec("toys:load", "toy")).spawn()
except Exception as error:
    print(type(error).__name__, error)
"""


def sleeper() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])


def test_a_sentinel_tells_the_end_of_a_process_and_how_it_came() -> None:
    with sleeper() as process:
        sentinel = Sentinel(process.pid)
        assert not sentinel.exited()
        assert sentinel.reap() is None
        sentinel.signal(signal.SIGKILL)
        assert sentinel.wait(10)
        assert sentinel.exited()
        assert sentinel.reap() == -signal.SIGKILL
        sentinel.close()
        process.returncode = 0


def test_a_sentinel_of_a_reaped_process_signals_nobody() -> None:
    with sleeper() as process:
        sentinel = Sentinel(process.pid)
        process.kill()
        process.wait()
        sentinel.signal(signal.SIGKILL)
        assert sentinel.exited()
        assert sentinel.reap() is None
        sentinel.close()
        assert sentinel.exited()
        assert sentinel.reap() is None


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process that is gone has exited")
def test_no_process_has_no_sentinel() -> None:
    with sleeper() as process:
        process.kill()
    with pytest.raises(ProcessLookupError):
        Sentinel(process.pid)


def test_hanging_up_is_seen_past_unread_packets() -> None:
    ours, theirs = packet_pair()
    with theirs:
        ours.send(b"unread")
        ours.close()
        wait_for_hang_up(theirs, os.getpid())


def test_what_was_spilled_comes_back_and_leaves_no_descriptor() -> None:
    before = len(list(Path("/dev/fd").iterdir()))
    data = os.urandom(3_000_000)
    assert unspill(spill(data)) == data
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_on_windows_everything_imports_and_the_first_use_says_what_to_do(tmp_path: Path) -> None:
    program = Program(["-c", BARE], tmp_path)
    try:
        assert program.wait() == 0, program.output
        assert program.output.startswith("UnsupportedPlatform there is no process pool on win32: use `-P solo`")
    finally:
        program.close()
