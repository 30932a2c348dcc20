"""`Simulation`: a world of actors in which all that happens is chosen, and judged after every step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ..actor import Actor
from ..deadlock import Deadlock
from ..hosts.simulated import SEEDS, SimulatedHost
from ..life import Status
from ..supervision.messages import WhichChildren
from ..supervision.supervisor import Supervisor
from .chaos import Chaos
from .choices import Choice, Recorder
from .errors import NoProgress
from .invariants import Always, Invariant, kernel_invariants
from .scene import Scene
from .scheduling import Scheduling, Uniform, checked_scheduling
from .watching import WatchedSystem

if TYPE_CHECKING:
    from ..ref import Ref
    from .faults import Fault
    from .watching import WatchedCell

A = TypeVar("A", bound=Actor)
WITHIN = 60.0
"""Virtual seconds that a healed world gets to come to rest in."""


class Simulation:
    """What a simulated test is handed: a system, its virtual time, faults, and what must always hold.

    Not thread-safe; everything happens on the thread that runs it, whenever it waits for something.
    """

    def __init__(
        self,
        choice: Choice,
        faults: Iterable[Fault] = (),
        schedulings: Sequence[Scheduling] = (),
        host: type[SimulatedHost] = SimulatedHost,
    ) -> None:
        self.choice: Recorder = Recorder(choice)
        several = [checked_scheduling(each) for each in schedulings] or [Uniform()]
        scheduling = several[self.choose(len(several), "scheduling") if len(several) > 1 else 0]
        self.host: SimulatedHost = host(self.choice, scheduling=scheduling)
        self.chaos: Chaos = Chaos(self.host, faults)
        self.scene: Scene = Scene(kernel_invariants())
        self.host.director = self.chaos
        self.host.story = self.choice.story
        self.host.after_step.append(self._judge)
        self.system: WatchedSystem = self.add_system("simulation")

    @property
    def now(self) -> float:
        """Virtual seconds since the beginning."""
        return self.host.clock.now()

    # -- actors ----------------------------------------------------------------------------------------------------

    def spawn(self, actor_class: type[A], *args: Any, name: str | None = None, **kwargs: Any) -> Ref[A]:
        """Start a top-level actor of `system`; see `System.spawn`."""
        return self.system.spawn(actor_class, *args, name=name, **kwargs)

    def find(self, path: str) -> Ref[Any] | None:
        """Return whoever holds `path` in `system` now; see `System.find`."""
        return self.system.find(path)

    def add_system(self, name: str) -> WatchedSystem:
        """Make another system on the same host: another process, say, which `vanish` ends as kill -9 does."""
        return WatchedSystem(self.scene, name, self.host, self.host.clock, Random(self.choice.choose(SEEDS, "rng")))

    # -- time ------------------------------------------------------------------------------------------------------

    def run(self, *, until: Callable[[], bool] | None = None, seconds: float | None = None) -> None:
        """Go on until `until()` holds, `seconds` of virtual time have passed, or nothing is left to happen.

        Raises `Deadlock` where nothing is left and `until()` does not hold, and `InvariantBroken`.
        """
        self.host.run(until=until, seconds=seconds)
        self._raise_kept()

    def heal(self) -> None:
        """End all faults, and let everybody go on who was held up."""
        self.chaos.heal()

    def settle(self, within: float = WITHIN, until: Callable[[], bool] | None = None) -> None:
        """Demand progress: heal, and go on until `until()` holds and everything rests.

        At rest no message waits, nobody is starting, stopping or about to be restarted, and no promised answer is due.
        Timers may go on. within: virtual seconds. Raises `NoProgress`, which says what is left, and `InvariantBroken`.
        """
        self.heal()
        with suppress(Deadlock):  # what is left says it better
            self.host.run(until=lambda: self.host.idle and (until is None or until()) and self._rests(), seconds=within)
        self._raise_kept()
        left = self._unrest()
        if until is not None and not until():
            left.append("what was waited for has not happened")
        if left:
            raise NoProgress(f"after {within:g} s without a fault: {'; '.join(left[:10])}")
        self.scene.check_rest()

    # -- what must hold --------------------------------------------------------------------------------------------

    def always(self, name: str, condition: Callable[[], object]) -> None:
        """Demand that `condition()` is true after every step; it may also raise."""
        self.watch(Always(name, condition))

    def watch(self, invariant: Invariant) -> None:
        """Demand what `invariant` says."""
        self.scene.add(invariant)

    # -- chance ----------------------------------------------------------------------------------------------------

    def choose(self, n: int, label: str) -> int:
        """Draw a number from 0 to n - 1 for the test's own purposes."""
        return self.choice.choose(n, label)

    def suffer(self, *faults: Fault) -> None:
        """Let these strike too, from now on."""
        self.chaos.add(*faults)

    # -- the end ---------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Stop all systems, the youngest first; raises `NoProgress` where one does not stop in time."""
        for system in reversed(self.scene.systems):
            if not system.ended and not system.stop(timeout=WITHIN):
                raise NoProgress(f"the system {system.name!r} did not stop within {WITHIN:g} s")
        self._raise_kept()

    def __enter__(self) -> Self:
        self.host.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.host.__exit__()

    def _judge(self) -> None:
        self._raise_kept()
        self.scene.check()

    def _raise_kept(self) -> None:
        """Raise what an actor's turn has swallowed as if it were that actor's own error."""
        if self.choice.error is not None:
            raise self.choice.error
        self.scene.raise_complaint()

    def _rests(self) -> bool:
        return not any(True for cell in self.scene.cells for _ in unrest_of(cell))

    def _unrest(self) -> list[str]:
        return [f"{cell.ref} of {cell.system.name!r} {why}" for cell in self.scene.cells for why in unrest_of(cell)]


def unrest_of(cell: WatchedCell) -> Iterable[str]:
    """Yield what is left to do for an actor."""
    if cell.life.status is not Status.RUNNING:
        yield f"is {cell.life.status.value}"
    if cell.busy:
        yield "awaits something"
    if cell.mailbox.signals or cell.mailbox.user:
        yield f"has {len(cell.mailbox.signals) + len(cell.mailbox.user)} messages waiting"
    if cell.owes:
        yield f"owes {cell.owes} answers"
    if cell.life.status is Status.RUNNING and isinstance(cell.actor, Supervisor):
        restarting = [child.id for child in cell.actor.which_children(WhichChildren()) if child.restarting]
        if restarting:
            yield f"is about to restart {', '.join(map(repr, restarting))}"
