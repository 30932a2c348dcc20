"""What a body in a child process has in place of a cell, a dispatcher and a system."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from ..bonds import Bonds
from ..clock import Clock, SystemClock
from ..errors import ActorDead
from ..ids import Ids
from ..messages import Signal, StopSignal
from ..timers import Timer
from .child_ref import Forwarded
from .line import Line, NotInChildProcess

if TYPE_CHECKING:
    from ..actor import Actor
    from ..reasons import ExitReason
    from ..ref import Ref
    from .frames import Setup


class Relative(NamedTuple):
    """A parent or a child: no more than its ref is known."""

    ref: Ref[Any]


class ChildTimer(Timer):
    """A timer that runs in the actor's own process."""

    __slots__ = ("_line", "_number")

    def __init__(self, line: Line, number: int, cell: Any, message: Any, interval: float | None) -> None:
        super().__init__(cell, message, interval)
        self._line = line
        self._number = number

    def cancel(self) -> None:
        """See `Timer`."""
        if self.active:
            self.active = False
            self._line.call("cancel", self._number)


class Surroundings:
    """In place of a cell, of its dispatcher and of its life cycle."""

    lives = 0
    alive = True

    def __init__(self, line: Line, setup: Setup) -> None:
        self.path: str = setup.ref.path
        self.ref: Ref[Any] = setup.ref
        self.parent: Relative | None = None if setup.parent is None else Relative(setup.parent)
        self.bonds: Bonds = Bonds()
        self.system: Place = Place(line, setup.system)
        self.dispatcher: Surroundings = self
        self.life: Surroundings = self
        self.asking: object = None
        self.stop: ExitReason | None = None
        self._line = line
        self._timers = 0

    def heeds(self, event: object) -> bool:
        """Heed whatever comes: the actor's own process has seen to it that it should."""
        return True

    def take(self, message: Any) -> Forwarded:
        """Return what is handed on, with whoever asked."""
        return Forwarded(message)

    def signal(self, order: Signal) -> None:
        """Take the body's wish to stop."""
        assert isinstance(order, StopSignal)
        self.stop = order.reason

    def after(self, cell: Any, delay: float, message: Any, interval: float | None) -> Timer:
        """Set a timer in the actor's own process."""
        self._timers += 1
        self._line.call("after", self._timers, delay, message, interval)
        return ChildTimer(self._line, self._timers, cell, message, interval)

    def started(self, info: object = None) -> None:
        """Finish a start that was deferred."""
        self._line.call("started", info)

    def fail(self, reason: ExitReason) -> None:
        """Give up a start that was deferred."""
        self._line.call("start_failed", reason)

    def stopped(self, reason: ExitReason | None = None) -> None:
        """Finish a stop that was deferred."""
        self._line.call("stopped", reason)

    @property
    def io(self) -> NoReturn:
        """Refuse: the process waits for its actor's messages, and for nothing else."""
        raise NotInChildProcess(
            f"the body of {self.path} is in a child process, which waits for its messages and watches no file "
            f"descriptors: read them in an actor without a process, and tell this one"
        )


class Place:
    """In place of a system."""

    def __init__(self, line: Line, name: str) -> None:
        self.name: str = name
        self.clock: Clock = SystemClock()
        self.rng: Random = Random()
        self.ids: Ids = Ids(self.rng)
        self._line = line

    def __getattr__(self, attribute: str) -> NoReturn:
        raise NotInChildProcess(
            f"the body of {self._line.path} is in a child process, where its system has no {attribute!r}: "
            f"clock, rng, ids, find, get and resolve are there"
        )

    def find(self, path: str) -> Ref[Any] | None:
        """See `System`."""
        return self._line.call("find", path)

    def get(self, path: str) -> Ref[Any]:
        """See `System`."""
        ref = self.find(path)
        if ref is None:
            raise ActorDead(f"nobody holds {path} in the system {self.name!r}")
        return ref

    def resolve(self, address: Any, actor_class: type[Actor] | None = None) -> Ref[Any]:
        """See `System`."""
        return self._line.call("resolve", address, actor_class)

    def next_id(self) -> int:
        """Return a number that is unique in the system."""
        return self._line.call("next_id")

    def spawn_child(
        self, parent: Any, actor_class: type[Actor], arguments: tuple[Any, Any], name: str | None
    ) -> Relative:
        """Start a child of the actor, in the actor's own process."""
        return Relative(self._line.call("spawn", actor_class, arguments, name))
