"""`PoolProcess`: the node's handle on one pool process."""

from __future__ import annotations

import signal
import socket
from itertools import count
from typing import NamedTuple

import msgspec

from ...actors.completion import Completion
from ...transports.message import Outcome
from .channel import Channel
from .errors import AppImportFailed, StartFailed
from .packets import ChildPacket, Done, Job, Leave, NodePacket, Ready, Work
from .platform import Sentinel


class Finished(NamedTuple):
    """A job, what came of it, and how many seconds it ran."""

    job: Job
    outcome: Outcome
    seconds: float


class Remains(NamedTuple):
    """What a dead process leaves: every job that it was sent, and that was not returned yet, is in one of the lists.

    finished: answered before it died. unread: never read, so certainly not begun. lost: being run when it died.
    """

    finished: list[Finished]
    unread: list[Job]
    lost: list[Job]


class PoolProcess:
    """A pool process, seen from its node. Nothing here waits; one thread at a time may drive it.

    Watch two descriptors: `fileno()` is readable when `receive` has something, `sentinel.fileno()` once the process
    has exited. Then, and only then, `bury` it: a task is given back after its process is seen dead, never before.
    `ready` resolves when it has initialised the app, and fails with `AppImportFailed` where it could not; jobs may be
    sent before. `status` resolves with its exit code (negative: the signal; None: nobody knows), usually a moment
    after the sentinel; see `reap`.
    """

    def __init__(self, sentinel: Sentinel, ours: socket.socket, theirs: socket.socket) -> None:
        """Handle the process of `sentinel`, which has `theirs` as its socket too; all three now belong here."""
        ours.setblocking(False)
        self.sentinel = sentinel
        self.pid: int = sentinel.pid
        self.ready: Completion[None] = Completion()
        self.status: Completion[int | None] = Completion()
        self._ours: Channel[NodePacket, ChildPacket] = Channel(ours, msgspec.msgpack.Decoder(ChildPacket))
        self._theirs: Channel[ChildPacket, NodePacket] = Channel(theirs, msgspec.msgpack.Decoder(NodePacket))
        self._jobs: dict[int, Job] = {}
        self._numbers = count(1)
        self._retired = False
        self._orphaned = False

    def __repr__(self) -> str:
        return f"<PoolProcess {self.pid}, {len(self._jobs)} jobs>"

    def fileno(self) -> int:
        """Return the descriptor that is readable when `receive` has something to return."""
        return self._ours.fileno()

    @property
    def load(self) -> int:
        """How many jobs it was sent and has not answered, the running one included."""
        return len(self._jobs)

    @property
    def current(self) -> Job | None:
        """The oldest job that it has not answered: what it runs, or will take next."""
        return next(iter(self._jobs.values()), None)

    def send(self, job: Job) -> bool:
        """Queue a job behind those that it has; False, and nothing sent, where its socket is full or it is retired."""
        if self._retired:
            return False
        number = next(self._numbers)
        if not self._ours.send(Work(number, job)):
            return False
        self._jobs[number] = job
        return True

    def receive(self) -> list[Finished]:
        """Return what it has answered since the last call, in its order; resolves `ready` on the way."""
        finished: list[Finished] = []
        while (received := self._ours.receive()) is not None:
            packet = received[0]
            if isinstance(packet, Done):
                finished.append(Finished(self._jobs.pop(packet.number), packet.outcome, packet.seconds))
            elif isinstance(packet, Ready):
                self.ready.resolve(None)
            else:
                self.ready.fail(AppImportFailed(packet.report))
        return finished

    def take_back(self) -> list[Job]:
        """Take back the jobs that it has not read yet, oldest first; it may be running or stopped.

        Each packet is read by exactly one side, so a job that is returned here is never run there.
        """
        unread = self._unread()
        if self._retired:
            self._ours.send(Leave())  # the one before may have been taken back too; a second one is never read
        return unread

    def retire(self) -> list[Job]:
        """Let it end after the job that it runs, and return the jobs that it will not come to."""
        self._retired = True
        return self.take_back()

    def kill(self) -> None:
        """Send SIGKILL; its sentinel tells when it is gone."""
        self.sentinel.signal(signal.SIGKILL)

    def orphan(self) -> None:
        """Take note that its forkserver is dead, and will not tell its status."""
        self._orphaned = True
        if self.sentinel.exited():
            self.reap()

    def reap(self) -> Completion[int | None]:
        """Return the `status` of a process that has exited, having collected it where that is up to this process.

        It may stay open where a forkserver is stuck: limit the wait.
        """
        code = self.sentinel.reap()
        if code is not None or self._orphaned:
            self.status.resolve(code)
        return self.status

    def bury(self) -> Remains:
        """Settle the estate of a process that has exited, and close everything; not to be used afterwards."""
        if not self.sentinel.exited():
            raise RuntimeError(f"pool process {self.pid} is alive: kill it and wait for its sentinel before its burial")
        remains = Remains(self.receive(), self._unread(), list(self._jobs.values()))
        self._jobs.clear()
        self._ours.close()
        self._theirs.close()
        self.sentinel.close()
        self.ready.fail(StartFailed(f"pool process {self.pid} ended before it was ready"))
        return remains

    def _unread(self) -> list[Job]:
        unread: list[Job] = []
        while (received := self._theirs.receive(wait=False)) is not None:
            packet = received[0]
            if isinstance(packet, Work):
                unread.append(self._jobs.pop(packet.number))
        return unread
