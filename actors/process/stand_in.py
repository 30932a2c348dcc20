"""`StandIn`: plays an actor whose body is in a child process, from a thread of its own."""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, ClassVar

from ..actor import Actor, on
from ..bouncing import died
from ..errors import UnderstudyError
from ..life import Deferred
from ..messages import KERNEL_EVENTS
from ..native import allocate_lock
from .frames import Act, Acted, Call, Failed, Frame, Later, Outcome, Setup, dump, failure, load
from .likeness import Likeness, double
from .refs import KnownRefs
from .services import Answered, Services

if TYPE_CHECKING:
    from types import TracebackType

    from ..life import Hook
    from ..reasons import ExitReason
    from ..ref import Ref

LAST_CALL = 1.0
"""Seconds that the kernel gets to end a process that was killed."""
PROGRAM = "import sys; sys.path[:] = {path!r}; from understudy.actors.process.child import main; main({fd})"


class ProcessDied(UnderstudyError):
    """The child process of an actor ended while it was needed; says how."""


class StandIn(Actor):
    """Hands what its actor is to do to the child process, and does meanwhile what the body wants done here."""

    body: ClassVar[type[Actor]]
    pinned: ClassVar[bool] = True

    def __init__(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._arguments = (args, kwargs)
        self._process: subprocess.Popen[bytes] | None = None
        self._ended = False
        self._lock = allocate_lock()
        self._known = KnownRefs()
        self._services = Services(self, self._cell.bonds)
        self._leaves: tuple[ExitReason | None] | None = None
        self._likeness: Likeness = {}

    def on_start(self) -> Hook:
        """Start the process, and the body in it."""
        args, kwargs = self._arguments
        del self._arguments
        self._known.name(self.ref)
        setup = self._dump(Setup(self.body, args, kwargs, self.ref, self.parent, self.system.name))
        here, there = socket.socketpair()
        with there:
            self._launch(there.fileno())
        self._line = Connection(here.detach())
        return self._exchange(setup)

    def on_stop(self) -> Hook:
        """Stop the body, and wait for the end of its process."""
        if self._exchange(self._dump(Act("on_stop"))) is Deferred.LATER:
            return Deferred.LATER
        self._hang_up()
        return None

    def leave(self, reason: ExitReason | None) -> None:
        """End as soon as the body is done with what it does now: it has finished a stop that it deferred."""
        self._leaves = (reason,)

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Do nothing: the body's own has run."""

    def receive(self, message: Any) -> Any:
        """Have the body take a message; raises what it raised."""
        if isinstance(message, KERNEL_EVENTS) and not self._cell.heeds(message):
            return None
        value = self._exchange(self._dump(Act("receive", message)))
        return self._services.promise(value.number) if isinstance(value, Later) else value

    def answered(self, answered: Answered) -> None:
        """Hand an answer to the body in a turn to come; any thread."""
        self._cell.tell_past_bound(answered)

    @on(Answered)
    def hand_on(self, answered: Answered) -> None:
        """Hand an answer to the body, unless it belongs to an earlier life of the actor, or was waited for."""
        outcome = self._services.outcome(answered.number) if answered.services is self._services else None
        if outcome is None:
            return
        try:
            frame = self._dump(Act("answered", outcome))
        except Exception as error:  # noqa: BLE001 - what cannot be sent fails who waits for it
            frame = self._dump(Act("answered", Outcome(outcome.number, error=error)))
        self._exchange(frame)

    def _proxied(self) -> Any:
        """Return what a proxy looks into: what the body had when it had started."""
        return double(self._likeness)

    def looked_at(self, ref: Ref[Any]) -> Any:
        """Return what a proxy of another actor looks into."""
        return ref._actor_weakref()  # pyright: ignore[reportPrivateUsage]

    def let_go(self) -> None:
        """Kill the process; any thread."""
        with self._lock:
            self._ended = True
            process = self._process
        if process is not None and process.poll() is None:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LAST_CALL)

    def _launch(self, fd: int) -> None:
        program = PROGRAM.format(path=sys.path, fd=fd)
        with self._lock:  # whoever kills the actor finds the process, or keeps it from being started
            if self._ended:
                raise ProcessDied(f"{self.path} was killed before its process had started")
            self._process = subprocess.Popen(
                [sys.executable, "-c", program], stdin=subprocess.DEVNULL, pass_fds=[fd], close_fds=True
            )

    def _dump(self, frame: Frame) -> bytes:
        return dump(frame, self._known.name)

    def _exchange(self, frame: bytes) -> Any:
        """Have the body act, and return what comes of it; do what it wants done meanwhile."""
        outcome = self._converse(frame)
        while isinstance(outcome, Call):
            outcome = self._converse(self._serve(outcome))
        if isinstance(outcome, Failed):
            raise outcome.error
        assert isinstance(outcome, Acted)
        self._note(outcome)
        return outcome.value

    def _converse(self, frame: bytes) -> Any:
        try:
            self._line.send_bytes(frame)
            return load(self._line.recv_bytes(), self._known.find)
        except (EOFError, OSError) as error:
            if self._ended:  # the actor was killed, and its process with it
                raise died(self._cell) from None
            raise ProcessDied(f"the process of {self.path} {self._how_it_ended()}") from error

    def _serve(self, call: Call) -> bytes:
        try:
            return self._dump(Acted(self._services.do(call.service, call.args)))
        except BaseException as error:  # noqa: BLE001 - it is the body's to raise
            return failure(error, self._known.name, self._known.find)

    def _note(self, acted: Acted) -> None:
        self._known.drop(acted.dropped)
        if acted.likeness is not None:
            self._likeness = acted.likeness
        if acted.stop is not None:
            self.stop(acted.stop)
        if self._leaves is not None:
            self._hang_up()
            self.stopped(*self._leaves)

    def _hang_up(self) -> None:
        self._line.close()
        if self._process is not None:
            self._process.wait()

    def _how_it_ended(self) -> str:
        status = None if self._process is None else self._process.wait()
        if status is not None and status < 0:
            return f"was killed by {signal.Signals(-status).name}"
        return f"ended with status {status}"
