"""What actors are sent: the base class of typed messages, and what the kernel itself tells an actor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from .completion import Completion
    from .reasons import ExitReason
    from .ref import Ref

A_contra = TypeVar("A_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)


class Message(Generic[A_contra, R_co]):
    """Base of typed messages: `class Total(Message["Counter", int])` is taken by a Counter and answered with an int.

    Subclasses are frozen, slotted dataclasses. The type checkers then refuse to tell or ask an actor what it does not
    take, and know the reply's type. Messages of nobody's own (`Message[Any, None]`) can be sent to any actor.
    """

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Down(Message[Any, None]):
    """The monitored actor `target` ended; told once for each monitor."""

    monitor: int
    target: Ref[Any]
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Exited(Message[Any, None]):
    """A linked actor ended, or an exit signal came, and this actor traps exits."""

    source: Ref[Any] | None
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class ChildStarted(Message[Any, None]):
    """A child finished its start."""

    child: Ref[Any]
    info: object = None


@dataclass(frozen=True, slots=True)
class ChildStartFailed(Message[Any, None]):
    """A child ended before it finished its start; `reason` is None where it chose not to run (`IgnoreStart`)."""

    child: Ref[Any]
    reason: ExitReason | None


@dataclass(frozen=True, slots=True)
class ChildExited(Message[Any, None]):
    """A child that had started ended."""

    child: Ref[Any]
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class ChildFailed(Message[Any, None]):
    """A child crashed, or failed to start again, and waits to be restarted in place; see `ChildSpec.in_place`."""

    child: Ref[Any]
    reason: ExitReason


KERNEL_EVENTS = (Down, Exited, ChildStarted, ChildStartFailed, ChildFailed, ChildExited)
"""What the kernel tells: past every bound, and silently forgotten where the receiver has ended."""


class Ask:
    """The envelope of a message that is to be answered; tells travel bare."""

    __slots__ = ("completion", "message")

    def __init__(self, message: Any, completion: Completion[Any]) -> None:
        self.message: Any = message
        self.completion: Completion[Any] = completion


class Signal:
    """Root of what travels in the system lane; never seen by user code."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Start(Signal):
    """Construct the actor and run its `on_start`; `again`: the told message on which it crashed comes first."""

    again: bool = False


@dataclass(frozen=True, slots=True)
class ExitSignal(Signal):
    """An exit signal; `linked` tells one that came through a link from one sent explicitly."""

    source: Ref[Any] | None
    reason: ExitReason
    linked: bool = False


@dataclass(frozen=True, slots=True)
class StopSignal(Signal):
    """End in order: `on_stop` runs, whether exits are trapped or not; what supervisors and `ref.stop()` send."""

    reason: ExitReason
    done: Completion[bool] | None = None


@dataclass(frozen=True, slots=True)
class LinkSignal(Signal):
    """The peer has linked itself to this actor, or (`remove`) unlinked."""

    peer: Ref[Any]
    remove: bool = False


@dataclass(frozen=True, slots=True)
class MonitorSignal(Signal):
    """The watcher wants one `Down`, or (`remove`) wants it no more."""

    monitor: int
    watcher: Ref[Any]
    remove: bool = False
