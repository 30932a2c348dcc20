"""The nursery: where pool processes come from, by a forkserver that it replaces when it dies."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ...actors import Actor, Backoff, Completion, Deferred, Down, Error, Message, Ref, on
from ..pool.exits import describe_exit
from ..pool.forking import ForkServer
from ..pool.packets import AppSpec
from ..pool.process import PoolProcess
from .messages import Spawn
from .ports import Process, WatchedProcess

logger: logging.Logger = logging.getLogger(__name__)

DRAIN_WITHIN = 2.0
"""Seconds that a forkserver may take to end."""
RESTART = Backoff(first=0.02, factor=2.0, maximum=5.0, jitter=0.2)


@dataclass(frozen=True, slots=True)
class Loaded(Message["Nursery", None]):
    """The forkserver has imported the app; `leftovers` are threads and sockets that no fork survives."""

    server: ForkServer
    leftovers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadFailed(Message["Nursery", None]):
    """The forkserver could not import the app."""

    server: ForkServer
    error: BaseException


@dataclass(frozen=True, slots=True)
class ServerGone(Message["Nursery", None]):
    """The forkserver has died."""

    server: ForkServer


@dataclass(frozen=True, slots=True)
class Adopted(Message["Nursery", None]):
    """A process was handed to its slot."""

    owner: Ref[Any]
    process: Process


@dataclass(frozen=True, slots=True)
class NotAdopted(Message["Nursery", None]):
    """No process could be made for a slot."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Reopen(Message["Nursery", None]):
    """The pause before the next forkserver is over."""


@dataclass(frozen=True, slots=True)
class Overdue(Message["Nursery", None]):
    """The forkserver has had its time to end."""


class Nursery(Actor):
    """Keeps a forkserver alive, and has it fork pool processes. A dead forkserver leaves its processes unharmed."""

    def __init__(self, spec: AppSpec) -> None:
        self._spec = spec
        self._preload = True
        self._server: ForkServer | None = None
        self._waiting: list[Completion[Process]] = []
        self._processes: dict[Ref[Any], Process] = {}
        self._failures = 0
        self._stopping = False

    def on_start(self) -> Deferred:
        """Import the app; the nursery has started when that is done."""
        self._open()
        return Deferred.LATER

    @on(Spawn)
    def spawn_process(self, request: Spawn) -> Completion[Process]:
        """Fork a process, or wait for the next forkserver."""
        promise: Completion[Process] = Completion()
        promise.pipe_to(self.ref, lambda process: Adopted(request.owner, process), NotAdopted)
        if self._server is None:
            self._waiting.append(promise)
        else:
            self._fork(self._server, promise)
        return promise

    @on(Adopted)
    def adopted(self, event: Adopted) -> None:
        """Note whose process it is."""
        if event.owner not in self._processes:
            self.monitor(event.owner)
        self._processes[event.owner] = event.process

    @on(NotAdopted)
    def not_adopted(self, _: NotAdopted) -> None:
        """Leave it to the slot to ask again."""

    @on(Down)
    def owner_down(self, event: Down) -> None:
        """Kill the process of a slot that was killed itself: its message is somebody else's by now."""
        process = self._processes.pop(event.target, None)
        if process is not None:
            with suppress(OSError):  # it was buried before
                process.kill()

    def _fork(self, server: ForkServer, promise: Completion[Process]) -> None:
        io = self.io

        def hand_over(born: Completion[PoolProcess]) -> None:
            error = born.error()
            if error is not None:
                promise.fail(error)
            else:
                promise.resolve(WatchedProcess(born.get(), io))

        server.spawn().add_done_callback(hand_over)

    def _open(self) -> None:
        server = self._server = ForkServer(self._spec, preload=self._preload)
        self.io.add_reader(server.fileno(), server.receive)
        self.io.add_reader(server.sentinel.fileno(), lambda: self._see_end(server))
        server.started.pipe_to(
            self.ref,
            lambda leftovers: Loaded(server, leftovers),
            lambda error: LoadFailed(server, error),
        )
        for promise in self._waiting:
            self._fork(server, promise)
        self._waiting.clear()

    def _see_end(self, server: ForkServer) -> None:
        self._unwatch(server)
        self.ref.tell(ServerGone(server))

    def _unwatch(self, server: ForkServer) -> None:
        self.io.remove_reader(server.fileno())
        self.io.remove_reader(server.sentinel.fileno())

    @on(Loaded)
    def loaded(self, event: Loaded) -> None:
        """Be ready, unless what the import left behind asks for importing after the fork."""
        self._failures = 0
        if event.leftovers and event.server is self._server:
            logger.warning(
                "importing the app left behind what does not survive a fork, so each pool process imports it anew: %s",
                ", ".join(event.leftovers),
            )
            self._preload = False
            self._server = None
            event.server.drain()
            self._open()
        else:
            self.started()

    @on(LoadFailed)
    def load_failed(self, event: LoadFailed) -> None:
        """Fail the start; later on, the forkserver's end is seen to as any other."""
        self.start_failed(Error.of(event.error))

    @on(ServerGone)
    def server_gone(self, event: ServerGone) -> None:
        """Put another forkserver in its place."""
        code = event.server.bury()
        if event.server is not self._server:
            return
        self._server = None
        if self._stopping:
            self.stopped()
            return
        self._failures += 1
        logger.warning("the forkserver ended (%s): another one takes its place", describe_exit(code))
        self.after(RESTART.delay(self._failures, self.rng.random()), Reopen())

    @on(Reopen)
    def reopen(self, _: Reopen) -> None:
        """Start the next forkserver."""
        if self._server is None and not self._stopping:
            self._open()

    def on_stop(self) -> Deferred | None:
        """Let the forkserver reap its last children and end; the slots have ended their processes before."""
        self._stopping = True
        if self._server is None:
            return None
        self._server.drain()
        self.after(DRAIN_WITHIN, Overdue())
        return Deferred.LATER

    @on(Overdue)
    def overdue(self, _: Overdue) -> None:
        """Kill a forkserver that does not end."""
        if self._server is not None:
            self._server.kill()

    def on_failure(self, *args: object, **kwargs: object) -> None:
        """End the forkserver."""
        if self._server is not None:
            self._unwatch(self._server)
            self._server.kill()
