"""`Actor`: what users subclass; `on`: which method takes which message."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from ._pykka import PROXY_MESSAGES, ActorStop, PykkaActor, handle_proxy
from .completion import Completion
from .coroutines import is_async
from .errors import ChildCrashed, Unhandled
from .messages import (
    KERNEL_EVENTS,
    ChildExited,
    ChildStarted,
    ChildStartFailed,
    Down,
    ExitSignal,
    LinkSignal,
    MonitorSignal,
    StopSignal,
)
from .reasons import KILL, SHUTDOWN, ExitReason

if TYPE_CHECKING:
    from random import Random
    from types import TracebackType

    from .batch import Batch
    from .cell import Cell
    from .clock import Clock
    from .hosts.api import IO
    from .ids import Ids
    from .life import Hook
    from .mailbox import Bound
    from .ref import Ref
    from .system import System
    from .timers import Timer

A = TypeVar("A", bound="Actor")
M = TypeVar("M")
R = TypeVar("R")
KERNEL_KINDS = frozenset(KERNEL_EVENTS)
Handler = Callable[[Any, Any], Any]
HOOKS = ("on_start", "on_stop", "on_receive")
"""Methods that may be `async def`, as handlers may."""


def on(message_class: type[M]) -> Callable[[Callable[[A, M], R]], Callable[[A, M], R]]:
    """Mark a method as the one that takes `message_class`; its return value answers an ask.

    A returned `Completion` answers when it is done, so that an actor can reply later. Subclasses override by name.
    Raises `TypeError` for what is no class; so does a class two of whose methods take the same messages.
    """
    if not isinstance(message_class, type):  # pyright: ignore[reportUnnecessaryIsInstance] - not everybody checks types
        raise TypeError(f"on() marks a method for one class of messages, not for {message_class!r}")

    def mark(method: Callable[[A, M], R]) -> Callable[[A, M], R]:
        taken: list[type] = method.__dict__.setdefault("__takes__", [])
        taken.append(message_class)
        return method

    return mark


def marked_in(actor_class: type) -> dict[type, str]:
    """Return which method that a class itself defines takes which messages; raises `TypeError` where two do."""
    names: dict[type, str] = {}
    for name, method in vars(actor_class).items():
        for taken in getattr(method, "__takes__", ()):
            other = names.setdefault(taken, name)
            if vars(actor_class)[other] is not method:
                raise TypeError(f"{actor_class.__name__}: both {other} and {name} take {taken.__name__}")
    return names


def checked_class(actor_class: Any) -> None:
    """Raise `TypeError` for what is no class of actors."""
    if not (isinstance(actor_class, type) and issubclass(actor_class, Actor)):
        raise TypeError(f"what is spawned is a class of actors and its arguments, not {actor_class!r}")


class Actor(PykkaActor):
    """Something with a mailbox and a life of its own; handles one message at a time.

    Subclass it, mark methods with `on`, and start it with `System.spawn`, from another actor with `self.spawn`, or as a
    supervisor's child. `__init__` and all hooks run on the actor's host. An exception that a handler raises ends this
    actor, and goes to the asker too, unless its class is in `expected`.
    """

    trap_exit: ClassVar[bool] = False
    """Whether exit signals arrive as `Exited` messages instead of ending the actor."""
    expected: ClassVar[tuple[type[BaseException], ...]] = ()
    """Errors that answer an ask without ending the actor."""
    mailbox: ClassVar[Bound | None] = None
    """The bound of its mailbox; None for none."""
    pinned: ClassVar[bool] = False
    """Whether it gets a thread of its own, where it may block."""
    reentrant: ClassVar[bool] = False
    """Whether it takes messages while coroutines that its handlers returned are carried out."""

    takes_batches: ClassVar[bool] = False
    asynchronous: ClassVar[str | None] = None
    """The name of a method of its own that is `async def`: an asyncio host has to run it."""
    direct: ClassVar[dict[type, Handler]] = {}
    """Handlers that a cell may call without `receive`."""
    _handlers: ClassVar[dict[type, Handler]] = {}
    _cell: Cell

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.takes_batches = cls.on_batch is not Actor.on_batch
        names: dict[type, str] = {}
        for base in reversed(cls.__mro__):
            names.update(marked_in(base))
        cls.asynchronous = next((name for name in (*HOOKS, *names.values()) if is_async(getattr(cls, name))), None)
        if cls.takes_batches and is_async(cls.on_batch):
            raise TypeError(f"{cls.__name__}.on_batch cannot be `async def`: tell an actor whose handlers are")
        cls._handlers = {taken: getattr(cls, name) for taken, name in names.items()}
        handlers = {} if cls.takes_batches else cls._handlers
        cls.direct = {kind: each for kind, each in handlers.items() if kind not in KERNEL_KINDS}

    @classmethod
    def takes(cls) -> tuple[type[Any], ...]:
        """Return the message classes that its methods are marked with."""
        return tuple(cls._handlers)

    def __init__(self) -> None:
        """Set up the state; runs on the actor's host, each time it is started."""
        # pykka's __init__ would make an inbox and a ref of its own.

    @classmethod
    def construct(cls, cell: Cell, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Self:
        """Make an instance for `cell`: the context is there before `__init__` runs."""
        actor = cls.__new__(cls)
        actor._cell = cell
        actor.__init__(*args, **kwargs)
        return actor

    def __repr__(self) -> str:
        where = self._cell.path if hasattr(self, "_cell") else "outside of any system"
        return f"<{type(self).__name__} {where}>"

    __str__ = __repr__

    # -- to override -----------------------------------------------------------------------------------------------

    def on_start(self) -> Hook:
        """Run before the first message. Raise `IgnoreStart` not to run.

        Return `Deferred.LATER` to take messages already, and call `started()` or `start_failed()` later.
        """

    def on_stop(self) -> Hook:
        """Run at an ordered end. Return `Deferred.LATER` to go on with messages and call `stopped()` later."""

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Run, in place of `on_stop`, when the actor's code raised."""

    def on_receive(self, message: Any) -> Any:
        """Take a message that no marked method takes; by default it is refused."""
        raise Unhandled(f"{self!r} takes no {type(message).__name__}; mark a method with @on({type(message).__name__})")

    def on_batch(self, messages: Batch) -> None:
        """Take messages that were told in a row; `self.receive(message)` hands one to the method that takes it.

        Defining it turns batch receive on. What is asked, and what the kernel tells, still comes one by one.
        """
        raise NotImplementedError

    # -- context ---------------------------------------------------------------------------------------------------

    @property
    def ref(self) -> Ref[Self]:
        """The actor's own address."""
        return self._cell.ref

    @property
    def actor_ref(self) -> Ref[Self]:
        """The actor's own address, by pykka's name."""
        return self._cell.ref

    @property
    def actor_urn(self) -> str:
        """A name for this incarnation, by pykka's name."""
        return str(self._cell.ref)

    @property
    def system(self) -> System:
        """The system that it lives in."""
        return self._cell.system

    @property
    def clock(self) -> Clock:
        """The source of time."""
        return self._cell.system.clock

    @property
    def rng(self) -> Random:
        """The source of randomness."""
        return self._cell.system.rng

    @property
    def ids(self) -> Ids:
        """The source of ids."""
        return self._cell.system.ids

    @property
    def io(self) -> IO:
        """Readiness of file descriptors on this actor's dispatcher."""
        return self._cell.dispatcher.io

    @property
    def parent(self) -> Ref[Any] | None:
        """Who spawned or supervises it; the system's guardian for a top-level actor."""
        parent = self._cell.parent
        return None if parent is None else parent.ref

    @property
    def path(self) -> str:
        """The actor's place in the tree."""
        return self._cell.path

    def after(self, delay: float, message: Any) -> Timer:
        """Tell this incarnation `message` in `delay` seconds."""
        cell = self._cell
        return cell.dispatcher.after(cell, delay, message, None)

    def every(self, interval: float, message: Any) -> Timer:
        """Tell this incarnation `message` every `interval` seconds, the first time after one interval.

        Where it falls behind, it skips what it missed. Raises `ValueError` for an interval that is not above 0.
        """
        if not interval > 0:
            raise ValueError(f"an interval is seconds, more than 0, not {interval!r}")
        cell = self._cell
        return cell.dispatcher.after(cell, interval, message, interval)

    def spawn(self, actor_class: type[A], *args: Any, name: str | None = None, **kwargs: Any) -> Ref[A]:
        """Start a child of this actor; it is told to stop when this actor ends.

        Returns at once: messages wait until the child has started. `ChildStarted`, `ChildStartFailed` and `ChildExited`
        tell of its fate; unless taken, an abnormal end of the child ends this actor. Raises `NameTaken`,
        and `TypeError` for what is no class of actors.
        """
        checked_class(actor_class)
        return self._cell.system.spawn_child(self._cell, actor_class, (args, kwargs), name).ref

    def started(self, info: object = None) -> None:
        """Finish a start that `on_start` deferred."""
        self._cell.life.started(info)

    def start_failed(self, reason: ExitReason) -> None:
        """Give up a start that `on_start` deferred."""
        self._cell.life.fail(reason)

    def stopped(self, reason: ExitReason | None = None) -> None:
        """Finish a stop that `on_stop` deferred."""
        self._cell.life.stopped(reason)

    def stop(self, reason: ExitReason = SHUTDOWN) -> None:
        """End after the current message, in order."""
        self._cell.signal(StopSignal(reason))

    def link(self, peer: Ref[Any]) -> None:
        """Tie two fates: the end of one is an exit signal for the other. Idempotent."""
        if peer != self.ref:
            self._cell.bonds.links[peer] = None
            peer.signal(LinkSignal(self.ref))

    def unlink(self, peer: Ref[Any]) -> None:
        """Untie them; no exit signal of `peer` arrives after it."""
        self._cell.bonds.links.pop(peer, None)
        peer.signal(LinkSignal(self.ref, remove=True))

    def monitor(self, peer: Ref[Any]) -> int:
        """Ask for one `Down` when `peer` ends (at once where it has); returns the monitor's number."""
        monitor = self._cell.system.next_id()
        self._cell.bonds.watching[monitor] = peer
        peer.signal(MonitorSignal(monitor, self.ref))
        return monitor

    def demonitor(self, monitor: int) -> None:
        """Want it no more: no `Down` of it is seen after this, even if it is in the mailbox."""
        peer = self._cell.bonds.watching.pop(monitor, None)
        if peer is not None:
            peer.signal(MonitorSignal(monitor, self.ref, remove=True))

    def forward(self, peer: Ref[Any], message: Any) -> None:
        """Hand on `message`, as a rule the one being handled: if somebody asked, `peer` answers in this actor's place.

        Raises as `tell` does; the asker is then still this actor's to answer.
        """
        asking = self._cell.asking
        try:
            peer.put(self._cell.take(message))
        except BaseException:
            self._cell.asking = asking
            raise

    def exit(self, peer: Ref[Any], reason: ExitReason = KILL) -> None:
        """Send `peer` an exit signal."""
        peer.signal(ExitSignal(self.ref, reason))

    def let_go(self) -> None:
        """Let go of what is outside of this process, at whichever end; where it is killed, in the killer's thread."""

    def _proxied(self) -> Any:
        """Return what a proxy looks into: itself, unless its body is elsewhere."""
        return self

    # -- dispatch: called by the cell ------------------------------------------------------------------------------

    def receive(self, message: Any) -> Any:
        """Hand a message to the method that takes it."""
        kind: type = message.__class__
        handler = self._handlers.get(kind)
        if handler is not None:
            if kind in KERNEL_KINDS and not self._cell.heeds(message):
                return None
            return handler(self, message)
        return self._receive_other(message)

    def _receive_other(self, message: Any) -> Any:
        match message:
            case ActorStop():
                return self.stop()
            case Down() | ChildStarted() | ChildStartFailed() | ChildExited() if not self._cell.heeds(message):
                return None
            case ChildStarted():
                return None
            case ChildExited(child, reason) | ChildStartFailed(child, reason):
                if reason is not None and reason.abnormal:
                    raise ChildCrashed(f"{child} ended: {reason}")
                return None
            case _ if isinstance(message, PROXY_MESSAGES):
                return handle_proxy(self, message)
            case _:
                return self.on_receive(message)

    # -- pykka's abstract hooks, which its own engine would call ----------------------------------------------------

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> Any:
        """Refuse pykka's way of starting: an actor belongs to a system."""
        raise TypeError(f"start it in a system: System().spawn({cls.__name__}, ...)")

    @staticmethod
    def _create_actor_inbox() -> Any:
        raise NotImplementedError

    @staticmethod
    def _create_future() -> Completion[Any]:
        return Completion()

    def _start_actor_loop(self) -> None:
        raise NotImplementedError
