"""`Guardian`: the root of a system's tree."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any, ClassVar

from .actor import Actor, on
from .completion import Completion
from .errors import StartFailed, SystemStopped
from .life import Deferred
from .messages import ChildExited, ChildStarted, ChildStartFailed, Message
from .ref import Ref


@dataclass(frozen=True, slots=True)
class SpawnTop(Message["Guardian", Ref[Any]]):
    """Start a top-level actor; answered with its ref once it has started."""

    actor_class: type[Actor]
    arguments: tuple[tuple[Any, ...], dict[str, Any]]
    name: str | None


@dataclass(frozen=True, slots=True)
class StopOverdue(Message["Guardian", None]):
    """The children did not stop in time; said to itself."""

    patience: float


class Guardian(Actor):
    """The parent of whatever is spawned from outside. Its children come and go; it stops the last one first."""

    expected: ClassVar[tuple[type[BaseException], ...]] = (Exception,)

    def __init__(self) -> None:
        self._starting: dict[Ref[Any], Completion[Ref[Any]]] = {}
        self._running: dict[Ref[Any], None] = {}
        self._stopping = False

    @on(SpawnTop)
    def spawn_top(self, message: SpawnTop) -> Completion[Ref[Any]]:
        """Start a child and promise its ref."""
        if self._stopping:
            raise SystemStopped(f"the system {self.system.name!r} is stopping: make a new one")
        ref = self.system.spawn_child(self._cell, message.actor_class, message.arguments, message.name).ref
        promise = self._starting[ref] = Completion()
        return promise

    @on(ChildStarted)
    def child_started(self, event: ChildStarted) -> None:
        """Hand the ref to whoever spawned it."""
        promise = self._starting.pop(event.child, None)
        if promise is not None:
            self._running[event.child] = None
            promise.resolve(event.child)

    @on(ChildStartFailed)
    def child_start_failed(self, event: ChildStartFailed) -> None:
        """Hand the failure to whoever spawned it."""
        promise = self._starting.pop(event.child, None)
        if promise is not None:
            why = "it chose not to run" if event.reason is None else event.reason
            failure = StartFailed(f"{event.child.path} did not start: {why}", event.reason)
            failure.__cause__ = getattr(event.reason, "exception", None)
            promise.fail(failure)
        self._go_on_stopping()

    @on(ChildExited)
    def child_exited(self, event: ChildExited) -> None:
        """Forget it; go on stopping where that is under way."""
        self._running.pop(event.child, None)
        promise = self._starting.pop(event.child, None)  # killed at the very moment at which it had started
        if promise is not None:
            promise.fail(StartFailed(f"{event.child.path} ended at once: {event.reason}", event.reason))
        self._go_on_stopping()

    def on_stop(self) -> Deferred | None:
        """Stop the children, the youngest first, one at a time."""
        self._stopping = True
        patience = self.system.patience
        if patience is not None:
            self.after(patience, StopOverdue(patience))
        return Deferred.LATER if self._stop_youngest() else None

    @on(StopOverdue)
    def stop_overdue(self, event: StopOverdue) -> None:
        """Kill what is left."""
        self.system.kill_the_rest(event.patience)

    def _go_on_stopping(self) -> None:
        if self._stopping and not self._stop_youngest():
            self.stopped()

    def _stop_youngest(self) -> bool:
        youngest = next(chain(reversed(self._starting), reversed(self._running)), None)
        if youngest is not None:
            youngest.stop(block=False)
        return youngest is not None
