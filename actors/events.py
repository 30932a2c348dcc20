"""What the kernel reports: an event bus of one system, and its events."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

if TYPE_CHECKING:
    from .reasons import Error, ExitReason
    from .ref import Ref

E = TypeVar("E")
logger: logging.Logger = logging.getLogger("understudy.actors")


SLOW = 0.1
"""Seconds that a turn on a shared dispatcher may take before it is reported."""


@dataclass(frozen=True, slots=True)
class ActorStarted:
    """An actor finished its start."""

    telemetry: ClassVar[str] = "actor.start"

    ref: Ref[Any]


@dataclass(frozen=True, slots=True)
class ActorStopped:
    """An actor ended, for whichever reason."""

    telemetry: ClassVar[str] = "actor.stop"

    ref: Ref[Any]
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class ActorCrashed:
    """An actor's code raised."""

    telemetry: ClassVar[str] = "actor.crash"

    ref: Ref[Any]
    reason: Error


@dataclass(frozen=True, slots=True)
class ChildRestarted:
    """A supervisor put an understudy in a child's place; `ref` is the new incarnation."""

    telemetry: ClassVar[str] = "supervisor.restart"

    supervisor: Ref[Any]
    child_id: object
    ref: Ref[Any]
    reason: ExitReason | None


@dataclass(frozen=True, slots=True)
class ChildStopFailed:
    """A child that its supervisor told to stop ended in another way, or had to be killed."""

    telemetry: ClassVar[str] = "supervisor.stop_failed"

    supervisor: Ref[Any]
    child_id: object
    ref: Ref[Any]
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class SupervisorGaveUp:
    """A supervisor has used up its restarts, and ends with all of its children; `child_id` was the last straw."""

    telemetry: ClassVar[str] = "supervisor.give_up"

    supervisor: Ref[Any]
    child_id: object
    restarts: int
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class MailboxOverflowed:
    """A message found a bounded mailbox full; `policy` is what became of it. Published for each such message."""

    telemetry: ClassVar[str] = "mailbox.overflow"

    ref: Ref[Any]
    policy: str
    waiting: int


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A told message that nobody will handle. `why`: dead, full, dropped, poison or no routee."""

    telemetry: ClassVar[str] = "dead_letter"

    ref: Ref[Any]
    message: Any
    why: str


@dataclass(frozen=True, slots=True)
class SlowTurn:
    """A turn on a shared dispatcher has taken `seconds` so far, which is too long; `stack` says where it is.

    Published once for a turn, while it goes on, from a thread of its own.
    """

    telemetry: ClassVar[str] = "actor.slow"

    ref: Ref[Any]
    seconds: float
    stack: str


class EventBus:
    """Hands events to subscribers, in the publishing thread, in order of subscription. Thread-safe."""

    def __init__(self) -> None:
        self._subscribers: dict[type, list[Callable[[Any], object]]] = {}
        self._of_all: list[Callable[[Any], object]] = []

    def subscribe(self, event_class: type[E], callback: Callable[[E], object]) -> Callable[[], None]:
        """Call `callback(event)` for each event of that class; returns a function that ends it. Must not block."""
        return _enter(self._subscribers.setdefault(event_class, []), callback)

    def subscribe_all(self, callback: Callable[[Any], object]) -> Callable[[], None]:
        """Call `callback(event)` for each event of any class, after those who subscribed to that; see `telemetry`."""
        return _enter(self._of_all, callback)

    def publish(self, event: object) -> None:
        """Hand `event` on; an error of a subscriber is logged."""
        for callback in (*self._subscribers.get(type(event), ()), *self._of_all):
            try:
                callback(event)
            except KeyboardInterrupt:
                raise
            except BaseException:  # whatever it is, it is not the fault of the actor that the event is about
                logger.exception("a subscriber failed on %r", event)


def _enter(subscribers: list[Callable[[Any], object]], callback: Callable[[Any], object]) -> Callable[[], None]:
    subscribers.append(callback)

    def unsubscribe() -> None:
        if callback in subscribers:
            subscribers.remove(callback)

    return unsubscribe
