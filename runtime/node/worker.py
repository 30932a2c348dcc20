"""`Worker`: one node, run in this process from start to shutdown."""

from __future__ import annotations

import logging
import signal
import socket
from dataclasses import asdict
from enum import Enum
from queue import SimpleQueue
from types import FrameType
from typing import TYPE_CHECKING, Any

from ...actors import ActorStopped, Error, ExitReason, FailedStart, Shutdown, StartFailed, System, UnderstudyError
from .. import signals
from ..inspection.opening import open_window
from .blueprint import Blueprint, WorkerFailed, WorkerOptions
from .messages import GraceOver
from .neighbours import network_of
from .node import Node

if TYPE_CHECKING:
    from ...actors import Ref
    from ..app.app import App
    from .context import NodeOptions

logger: logging.Logger = logging.getLogger(__name__)


class How(Enum):
    """How a node is to end."""

    WARM = "warm"
    COLD = "cold"


class Worker:
    """A node of an app. `run` blocks the main thread; SIGTERM and SIGINT stop it warm, a second one or SIGQUIT cold."""

    def __init__(self, app: App, options: WorkerOptions | None = None) -> None:
        self.app = app
        self.options: WorkerOptions = options or WorkerOptions()
        self.hostname: str = self.options.hostname or f"celery@{socket.gethostname()}"
        signals.celeryd_init.send(sender=self.hostname, instance=self, conf=app.conf, options=asdict(self.options))
        self._blueprint = Blueprint(app, self.hostname, self.options)
        self.pool: str = self._blueprint.pool
        self.node: NodeOptions = self._blueprint.node
        self._events: SimpleQueue[Any] = SimpleQueue()
        self._system: System | None = None
        self._root: Ref[Node] | None = None
        self._shutting_down: How | None = None

    # -- life ------------------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Run the node until it is stopped; return the exit code. Raises `WorkerFailed` where it cannot start."""
        handlers = self._take_signals()
        try:
            self.start()
            signals.worker_ready.send(sender=self)
            logger.info("%s ready.", self.hostname)
            reason = self._wait()
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            self.close()
        if reason is not None and self._shutting_down is None:
            raise WorkerFailed(f"the node gave up: {reason}")
        signals.worker_shutdown.send(sender=self)
        return 0

    def start(self) -> None:
        """Boot the node and wait until all of it has started; raises `WorkerFailed`."""
        signals.worker_init.send(sender=self)
        signals.celeryd_after_setup.send(sender=self.hostname, instance=self, conf=self.app.conf)
        for warning in self._blueprint.warnings():
            logger.warning("%s", warning)
        system = self._system = System(network_of(self.app.main))
        system.events.subscribe(ActorStopped, self._see_end)
        open_window(system, self._blueprint.identity(system))
        promise = system.start(Node, self._blueprint.context(system), name="node")
        promise.add_done_callback(lambda _: self._events.put("started"))
        while not promise.done():
            self._obey(self._events.get())
        try:
            self._root = promise.get()
        except StartFailed as failure:
            if self._shutting_down is None:
                path, root = root_of("/node", failure.reason)
                error = root.exception if isinstance(root, Error) else None
                why = str(error) if isinstance(error, UnderstudyError) else f"{path} did not start: {root}"
                raise WorkerFailed(why) from error or failure

    def shutdown(self, how: How = How.WARM) -> None:
        """Begin to stop: warm lets running tasks finish within the grace period, cold gives them back at once."""
        if how is self._shutting_down or self._shutting_down is How.COLD or self._system is None:
            return
        first, self._shutting_down = self._shutting_down is None, how
        signals.worker_shutting_down.send(sender=self, sig=None, how=how.value, exitcode=0)
        if how is How.COLD:
            for path in self._system.paths():
                if path.endswith("/watchman") and (watchman := self._system.find(path)) is not None:
                    watchman.tell(GraceOver())
        if first:
            self._system.guardian.stop(block=False).add_done_callback(lambda _: self._events.put(None))

    def close(self) -> None:
        """Stop whatever still lives, and let go of connections. Idempotent."""
        if self._system is not None:
            self._system.stop()
            self._system = None

    def _wait(self) -> ExitReason | None:
        while True:
            event = self._events.get()
            if event is None or isinstance(event, ExitReason):
                return event
            self._obey(event)

    def _see_end(self, event: ActorStopped) -> None:
        if event.ref.path == "/node":
            self._events.put(event.reason)

    # -- signals ---------------------------------------------------------------------------------------------------

    def _take_signals(self) -> dict[int, Any]:
        def put(number: int, _: FrameType | None) -> None:
            self._events.put(signal.Signals(number))

        wanted = [signal.SIGINT, signal.SIGTERM, *([signal.SIGQUIT] if hasattr(signal, "SIGQUIT") else [])]
        return {number: signal.signal(number, put) for number in wanted}

    def _obey(self, event: object) -> None:
        if not isinstance(event, signal.Signals):
            return
        cold = event.name == "SIGQUIT" or self._shutting_down is not None
        logger.warning("%s: %s shutdown", event.name, "cold" if cold else "warm")
        self.shutdown(How.COLD if cold else How.WARM)


def root_of(path: str, reason: ExitReason) -> tuple[str, ExitReason]:
    """Return the path and the reason of the child, or child's child, with which a failed start of `path` began."""
    while isinstance(reason, Shutdown) and isinstance(reason.detail, FailedStart):
        path, reason = f"{path}/{reason.detail.id}", reason.detail.reason
    return path, reason
