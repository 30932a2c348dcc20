"""What goes wrong in a simulation: fault policies, which are values.

Each has a `chance` from 0 to 1 of striking at each occasion, and strikes `at_most` so often. Messages between actors of
one system are never lost, doubled or out of order, except by a crash: only what asks `Chaos.fate` is. Otherwise one
would test a system that does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ..guardian import Guardian
from ..life import Status
from ..reasons import Error
from ..supervision.supervisor import Supervisor
from .errors import SimulatedCrash

if TYPE_CHECKING:
    from ..cell import Cell
    from .chaos import Chaos
    from .network import Route

Delays = tuple[float, ...]
"""In how many seconds each copy of a message arrives."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong by chance. Subclass it and override the hooks for the occasions that you mean."""

    chance: float
    at_most: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.chance <= 1:
            raise ValueError(f"{type(self).__name__}: a chance is from 0 to 1, not {self.chance!r}")

    def before_step(self, chaos: Chaos) -> None:
        """Strike at the world before anything else happens."""

    def before_turn(self, chaos: Chaos, cell: Cell) -> bool:
        """Strike at a cell that is about to handle something; return whether it gets to."""
        return True

    def after_turn(self, chaos: Chaos, cell: Cell) -> None:
        """Strike at a cell that has just handled something."""

    def carry(self, chaos: Chaos, route: Route, message: object, delays: Delays) -> Delays:
        """Strike at a message on its way: return other `delays`."""
        return delays


@dataclass(frozen=True, slots=True)
class ActorFault(Fault):
    """Strikes actors whose path matches `paths`, with * and ? as in file names; supervisors are spared."""

    paths: str = "*"

    def means(self, cell: Cell) -> bool:
        """Whether it may strike this cell."""
        return not issubclass(cell.actor_class, Supervisor | Guardian) and fnmatchcase(cell.path, self.paths)


@dataclass(frozen=True, slots=True)
class Crash(ActorFault):
    """An actor crashes, before it handles something or after: `SimulatedCrash` is the reason."""

    def before_turn(self, chaos: Chaos, cell: Cell) -> bool:
        """See `Fault`."""
        self._strike(chaos, cell, "crash before")
        return True

    def after_turn(self, chaos: Chaos, cell: Cell) -> None:
        """See `Fault`."""
        self._strike(chaos, cell, "crash after")

    def _strike(self, chaos: Chaos, cell: Cell, label: str) -> None:
        if cell.life.status is Status.RUNNING and self.means(cell) and chaos.hits(self, label):
            cell.crash(SimulatedCrash(f"{cell.path} crashes by chance"))


@dataclass(frozen=True, slots=True)
class Killing(ActorFault):
    """An actor is killed: none of its code runs any more, not even `on_failure`."""

    def before_turn(self, chaos: Chaos, cell: Cell) -> bool:
        """See `Fault`."""
        if cell.life.status is Status.RUNNING and self.means(cell) and chaos.hits(self, "kill"):
            cell.life.kill()
        return True


@dataclass(frozen=True, slots=True)
class StartFailure(ActorFault):
    """An actor fails to start."""

    def before_turn(self, chaos: Chaos, cell: Cell) -> bool:
        """See `Fault`."""
        if cell.life.status is Status.NEW and self.means(cell) and chaos.hits(self, "start failure"):
            cell.life.fail(Error.of(SimulatedCrash(f"{cell.path} does not start, by chance")))
        return True


@dataclass(frozen=True, slots=True)
class Slowness(ActorFault):
    """An actor gets no turn for up to `longest` seconds, while time goes on for others."""

    longest: float = 1.0

    def before_turn(self, chaos: Chaos, cell: Cell) -> bool:
        """See `Fault`."""
        if not (self.means(cell) and chaos.hits(self, "slowness")):
            return True
        chaos.host.hold(cell, chaos.span(self.longest, "slowness"))
        return False


@dataclass(frozen=True, slots=True)
class Loss(Fault):
    """A copy of a message on its way is lost."""

    def carry(self, chaos: Chaos, route: Route, message: object, delays: Delays) -> Delays:
        """See `Fault`."""
        return tuple(delay for delay in delays if not chaos.hits(self, "loss"))


@dataclass(frozen=True, slots=True)
class Delay(Fault):
    """A copy of a message on its way takes up to `longest` seconds more."""

    longest: float = 1.0

    def carry(self, chaos: Chaos, route: Route, message: object, delays: Delays) -> Delays:
        """See `Fault`."""
        return tuple(
            delay + chaos.span(self.longest, "delay") if chaos.hits(self, "delayed") else delay for delay in delays
        )


@dataclass(frozen=True, slots=True)
class Duplicate(Fault):
    """A message on its way arrives once more, up to `longest` seconds later."""

    longest: float = 1.0

    def carry(self, chaos: Chaos, route: Route, message: object, delays: Delays) -> Delays:
        """See `Fault`."""
        if not (delays and chaos.hits(self, "duplicate")):
            return delays
        return (*delays, delays[0] + chaos.span(self.longest, "duplicate"))


@dataclass(frozen=True, slots=True)
class Partition(Fault):
    """A connection is cut when it is used, in one direction or in both, for up to `longest` seconds."""

    longest: float = 5.0

    def carry(self, chaos: Chaos, route: Route, message: object, delays: Delays) -> Delays:
        """See `Fault`."""
        if chaos.hits(self, "partition"):
            cut = chaos.network.cut(*route, both=chaos.choose(2, "which ways") == 0)
            chaos.host.call_later(chaos.span(self.longest, "partition"), lambda: chaos.network.mend(cut))
        return delays


@dataclass(frozen=True, slots=True)
class ClockJump(Fault):
    """Unix time jumps by up to `longest` seconds, forward or back; monotonic time does not."""

    longest: float = 3600.0

    def before_step(self, chaos: Chaos) -> None:
        """See `Fault`."""
        if chaos.hits(self, "clock jump"):
            way = 1 if chaos.choose(2, "which way") == 0 else -1
            chaos.host.clock.set_off(way * chaos.span(self.longest, "clock jump"))


@dataclass(frozen=True, slots=True)
class Suspension(Fault):
    """The whole machine sleeps for up to `longest` seconds: all clocks jump, and all that was due is late."""

    longest: float = 60.0

    def before_step(self, chaos: Chaos) -> None:
        """See `Fault`."""
        if chaos.hits(self, "suspension"):
            clock = chaos.host.clock
            clock.advance_to(clock.now() + chaos.span(self.longest, "suspension"))


@dataclass(frozen=True, slots=True)
class Mishap(Fault):
    """What a port of a simulation asks about by `name`: `if chaos.strikes("disk full"): ...`."""

    name: str = ""

    def __post_init__(self) -> None:
        super(Mishap, self).__post_init__()
        if not self.name:
            raise ValueError('a mishap has a name: Mishap(0.01, name="disk full")')
