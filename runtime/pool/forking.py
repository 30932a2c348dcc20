"""`ForkServer`: the node's handle on one forkserver process."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
from itertools import count
from pathlib import Path
from typing import NamedTuple

import msgspec

from ...actors.completion import Completion
from .channel import Channel
from .errors import AppImportFailed, HungUp, StartFailed
from .exits import describe_exit
from .packets import (
    AppSpec,
    Born,
    Drain,
    Exited,
    Fork,
    ForkReport,
    ForkRequest,
    Loaded,
    LoadFailed,
    Setup,
    Unborn,
)
from .platform import Sentinel, packet_pair, spill
from .process import PoolProcess

HOME = Path(__file__).parents[3]
"""The directory that holds the package: `python -m` finds it there, where no file of the user's shadows a module."""


def launch(module: str, sock: socket.socket, setup: Setup) -> Sentinel:
    """Start `module` of this package in a new interpreter with `sock` and `setup`, and nothing else of ours.

    Raises `StartFailed`. The process is reaped through the sentinel.
    """
    file = spill(msgspec.msgpack.encode(setup))
    command = [sys.executable, "-m", f"{__package__}.{module}", str(sock.fileno()), str(file)]
    try:
        process = subprocess.Popen(command, cwd=HOME, stdin=subprocess.DEVNULL, pass_fds=(sock.fileno(), file))
    except OSError as error:
        raise StartFailed(f"cannot start {' '.join(command)}: {error}") from error
    finally:
        os.close(file)
    process.returncode = 0  # as far as Popen is concerned: else it would wait for the process as well, or warn
    return Sentinel(process.pid)


class _Expected(NamedTuple):
    """A fork that was asked for: who waits for it, and the sockets of the child."""

    completion: Completion[PoolProcess]
    ours: socket.socket
    theirs: socket.socket


class ForkServer:
    """One forkserver process, from its start to its death; a new one is a new object.

    Nothing here waits (but for the start of an interpreter); one thread at a time may drive it. Watch two descriptors:
    when `fileno()` is readable call `receive`; when `sentinel.fileno()` is, the forkserver has died: call `bury`.
    Its children do not die with it, and their `PoolProcess`es stay as they are.

    preload: import the app once, in the forkserver. `started` then tells what the import left running or open: where
    that is anything, forked children would find it broken, and a server with `preload=False` should take its place,
    whose children import the app after the fork, each for itself.
    """

    def __init__(self, spec: AppSpec, *, preload: bool = True) -> None:
        """Start the process; `started` says when it can fork. Raises `StartFailed`."""
        control, theirs = packet_pair()
        control.setblocking(False)
        with theirs:
            self.sentinel: Sentinel = launch("forkserver", theirs, Setup(spec, os.getpid(), preload))
        self.started: Completion[tuple[str, ...]] = Completion()
        self._control: Channel[ForkRequest, ForkReport] = Channel(control, msgspec.msgpack.Decoder(ForkReport))
        self._expected: dict[int, _Expected] = {}
        self._children: dict[int, PoolProcess] = {}
        self._numbers = count(1)

    @property
    def pid(self) -> int:
        """The forkserver's process id."""
        return self.sentinel.pid

    def fileno(self) -> int:
        """Return the descriptor that is readable when `receive` has something to do."""
        return self._control.fileno()

    def spawn(self) -> Completion[PoolProcess]:
        """Ask for a child; fails with `StartFailed` where it cannot be forked or the forkserver dies first.

        May be called before `started` has resolved: the forkserver comes to it when it has imported the app.
        """
        completion: Completion[PoolProcess] = Completion()
        number = next(self._numbers)
        expected = self._expected[number] = _Expected(completion, *packet_pair())
        try:
            if self.fileno() < 0 or not self._control.send(Fork(number), [expected.theirs.fileno()]):
                self._give_up(number, "the forkserver takes no requests")
        except HungUp:
            self._give_up(number, "the forkserver is dead")
        return completion

    def receive(self) -> None:
        """Take in what the forkserver says; resolves completions: `started`, spawned children, children's `status`."""
        with contextlib.suppress(HungUp):  # its sentinel tells
            while (received := self._control.receive()) is not None:
                self._take_in(*received)

    def drain(self) -> None:
        """Let it end when its last child has; it forks no more."""
        with contextlib.suppress(HungUp):  # its sentinel tells
            self._control.send(Drain())

    def kill(self) -> None:
        """End it at once. Its children live on: retire or kill them one by one."""
        self.sentinel.signal(signal.SIGKILL)

    def bury(self) -> int | None:
        """Take in the last words of a forkserver that has exited, and close everything; return its exit code.

        What was not resolved fails. The `status` of its children stays unknown, unless they are left to this process.
        """
        if not self.sentinel.exited():
            raise RuntimeError(f"forkserver {self.pid} is alive: wait for its sentinel before its burial")
        self.receive()
        code = self.sentinel.reap()
        end = f"the forkserver ended too early: {describe_exit(code)}"
        self.started.fail(StartFailed(end))
        for number in list(self._expected):
            self._give_up(number, end)
        for child in self._children.values():
            child.orphan()
        self._children.clear()
        self._control.close()
        self.sentinel.close()
        return code

    def _take_in(self, packet: ForkReport, fds: list[int]) -> None:
        match packet:
            case Loaded(leftovers):
                self.started.resolve(leftovers)
            case LoadFailed(report):
                self.started.fail(AppImportFailed(report))
            case Born(number, pid):
                self._welcome(number, pid, fds)
            case Unborn(number, reason):
                self._give_up(number, f"the forkserver cannot fork: {reason}")
            case Exited(number, code):
                child = self._children.pop(number, None)
                if child is not None:
                    child.status.resolve(code)

    def _welcome(self, number: int, pid: int, fds: list[int]) -> None:
        expected = self._expected.pop(number)
        sentinel = Sentinel(pid, *fds)
        child = self._children[number] = PoolProcess(sentinel, expected.ours, expected.theirs)
        expected.completion.resolve(child)

    def _give_up(self, number: int, reason: str) -> None:
        expected = self._expected.pop(number)
        expected.ours.close()
        expected.theirs.close()
        expected.completion.fail(StartFailed(f"no pool process: {reason}"))
