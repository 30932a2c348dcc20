"""The simulated host: one thread, chosen turns, virtual time; the same choices give the same trace.

Each step picks one ready cell and handles one item of it. With nothing ready the clock jumps to what is due next.
Cells, mailboxes, timers and supervisors are the very ones that run in production.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from ..completion import Completion, waiting_here
from ..deadlock import Deadlock, refuse_circle
from ..errors import WouldBlock
from ..events import SLOW
from ..simulation.choices import Choice, RandomChoice, ReplayChoice
from ..simulation.clock import VirtualClock
from ..simulation.errors import StepLimit
from ..simulation.scheduling import Picker, Scheduling, Uniform
from ..simulation.watching import WatchedTimer
from ..timers import Timer, Timers
from .api import IO
from .watcher import report

if TYPE_CHECKING:
    from ..cell import Cell
    from ..coroutines import Land
    from ..system import System
    from .simulated_loop import SimulatedLoop

__all__ = ["Choice", "RandomChoice", "ReplayChoice", "SimulatedHost", "StepLimit", "VirtualClock"]

SEEDS = 2**32
MAX_STEPS = 1_000_000


class Director(Protocol):
    """Who is asked before anything happens; see `Chaos`."""

    def before_step(self) -> None:
        """Change the world."""
        ...

    def before_turn(self, cell: Cell) -> bool:
        """Return whether `cell` gets its turn; it asks for it again where it does not."""
        ...

    def after_turn(self, cell: Cell) -> None:
        """Change what has come of it."""
        ...


class SimulatedHost:
    """A host and its only dispatcher, driven by `step`, `run` and by whoever waits."""

    timer_class: ClassVar[type[Timer]] = WatchedTimer

    def __init__(self, choice: Choice, clock: VirtualClock | None = None, scheduling: Scheduling | None = None) -> None:
        self.choice = choice
        self.clock: VirtualClock = clock or VirtualClock()
        self.rng: Random = Random(choice.choose(SEEDS, "rng"))
        self.current: Cell | None = None
        self.director: Director | None = None
        self.steps: int = 0
        self.max_steps: int = MAX_STEPS
        """Steps after which the simulation is taken for one that does not end."""
        self.trace: int = 0
        """A hash of all that has happened."""
        self.story: list[str] | None = None
        """Where there is a list, each step is written down in it."""
        self.after_step: list[Callable[[], object]] = []
        self.stopped: set[System] = set()
        """Systems that are out of breath (SIGSTOP): they get mail and no turns. Take one out to let it go on."""
        self._picker: Picker = (scheduling or Uniform()).begin(choice)
        self._ready: list[Cell] = []
        self._held: dict[Cell, int] = {}
        self._waiting: list[Cell] = []
        self._timers = Timers()
        self._calls: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        self._loop: SimulatedLoop | None = None

    # -- Host and Dispatcher ---------------------------------------------------------------------------------------

    def place(self, parent: Cell | None, pinned: bool) -> SimulatedHost:
        """See `Host`: everybody is on the one dispatcher."""
        return self

    def stop(self) -> None:
        """See `Host`: other systems on this host go on."""
        self._ready = [cell for cell in self._ready if cell.alive]

    def runs(self, cell: Cell) -> bool:
        """See `Dispatcher`."""
        return self.current is cell

    def ready(self, cell: Cell) -> None:
        """See `Dispatcher`."""
        self._ready.append(cell)

    def after(self, cell: Cell, delay: float, message: Any, interval: float | None) -> Timer:
        """See `Dispatcher`."""
        timer = self.timer_class(cell, message, interval)
        self._timers.add(self.clock.now() + (delay if delay > 0 else 0.0), timer)
        return timer

    def gone(self, cell: Cell) -> None:
        """See `Dispatcher`: what its handlers wait for is cancelled."""
        self.cancel(cell)

    @property
    def io(self) -> IO:
        """See `Dispatcher`: there is no outside world here."""
        raise NotImplementedError("no file descriptors in a simulation: replace the port that wants them")

    def carry(self, cell: Cell, coroutine: Coroutine[Any, Any, Any], land: Land) -> None:
        """See `Carrier`: on an event loop in virtual time."""
        if self._loop is None:
            from .simulated_loop import SimulatedLoop  # late: most simulated actors await nothing

            self._loop = SimulatedLoop(self.clock.now, self.call_at, self._waits, self._turn_of)
        self._loop.carry(cell, coroutine, land)

    def cancel(self, cell: Cell) -> None:
        """See `Carrier`."""
        if self._loop is not None:
            self._loop.cancel(cell)

    # -- for what is simulated beside the actors -------------------------------------------------------------------

    def call_at(self, moment: float, callback: Callable[[], object]) -> None:
        """Call `callback()` between two turns at `moment`, by the monotonic clock."""
        heappush(self._calls, (max(moment, self.clock.now()), next(self._numbers), callback))

    def call_later(self, delay: float, callback: Callable[[], object]) -> None:
        """Call `callback()` between two turns in `delay` seconds."""
        self.call_at(self.clock.now() + delay, callback)

    def hold(self, cell: Cell, seconds: float) -> None:
        """Give `cell` no turn for so long."""
        number = self._held[cell] = next(self._numbers)

        def let_go() -> None:
            if self._held.get(cell) == number:
                del self._held[cell]

        self.call_later(seconds, let_go)

    def release(self) -> None:
        """Let all cells and systems go on that were held up."""
        self._held.clear()
        self.stopped.clear()

    # -- the simulation --------------------------------------------------------------------------------------------

    @property
    def idle(self) -> bool:
        """Whether nobody has anything to do at this moment."""
        return not self._ready and not self._is_due() and not self._loop_has_turn()

    def step(self) -> bool:
        """Give one ready cell a turn, or do what is due; return False where there is nothing of either.

        Raises `StepLimit` after `max_steps`.
        """
        if self.director is not None:
            self.director.before_step()
        running = self._running()
        due = self._is_due()
        if self._loop_has_turn() and self.choice.choose(len(running) + due + 1, "loop or other") == 0:
            self._run_loop()
        elif running and not (due and self.choice.choose(len(running) + 1, "turn or timer") == len(running)):
            self._give_turn(running)
        elif not self._fire():
            return False
        self.steps += 1
        for check in self.after_step:
            check()
        if self.steps >= self.max_steps:
            raise StepLimit(f"{self.choice.origin}: no rest after {self.steps} steps")
        return True

    def run(
        self, *, until: Callable[[], bool] | None = None, seconds: float | None = None, max_steps: int | None = None
    ) -> None:
        """Step until `until()` holds, `seconds` of virtual time have passed, or nothing is left to happen.

        Raises `StepLimit` after `max_steps`, and `Deadlock` where nothing is left and `until()` does not hold.
        """
        end = None if seconds is None else self.clock.now() + seconds
        last = None if max_steps is None else self.steps + max_steps
        while until is None or not until():
            if end is not None and self._nothing_before(end):
                self.clock.advance_to(end)
                return
            if last is not None and self.steps >= last:
                raise StepLimit(f"{self.choice.origin}: no rest after {max_steps} steps")
            if not self.step():
                if until is not None:
                    raise self._deadlock("nothing is left to happen, and what was waited for has not happened")
                return

    def may_block(self) -> None:
        """See `Waiting`: waiting runs the simulation, so everybody may but coroutines."""
        if self._loop is not None and self._loop.running:
            who = "this" if self.current is None else self.current.path
            raise WouldBlock(
                f"{who} would block the event loop that its coroutine runs on: await what ask, start and stop promise "
                f"with block=False"
            )

    def wait(self, completion: Completion[Any], timeout: float | None) -> bool:
        """Run the simulation until `completion` is done or `timeout` virtual seconds passed (`Waiting`).

        Waits are nested: of two actors that wait at a time, the one that began first goes on last.
        """
        self.may_block()
        end = None if timeout is None else self.clock.now() + timeout
        cell = self.current
        if cell is None:
            return self._run_until(completion, end)
        cell.waits_for = completion
        self._waiting.append(cell)
        try:
            refuse_circle(cell)
            return self._run_until(completion, end)
        finally:
            cell.waits_for = None
            self._waiting.pop()

    def _run_until(self, completion: Completion[Any], end: float | None) -> bool:
        while not completion.done():
            if end is not None and self._nothing_before(end):
                self.clock.advance_to(end)
                return False
            if not self.step():
                raise self._deadlock(
                    f"an answer{_of(completion)} is waited for, and nothing is left that could resolve it"
                )
        return True

    def _deadlock(self, what: str) -> Deadlock:
        waiters = [f"{cell.path} waits for an answer{_of(cell.waits_for)}" for cell in self._waiting]
        paused = [f"{cell.path} of {cell.system.name!r} has mail and is stopped" for cell in self._ready]
        details = "; ".join([f"{self.choice.origin}: {what}", *waiters, *paused])
        return Deadlock(f"{details} ({self.steps} steps, {self.clock.now():.3f} s)")

    def _nothing_before(self, moment: float) -> bool:
        deadline = self._next_deadline()
        return not self._running() and not self._loop_has_turn() and (deadline is None or deadline > moment)

    def _next_deadline(self) -> float | None:
        deadline = self._timers.next_deadline()
        if self._calls and (deadline is None or self._calls[0][0] < deadline):
            return self._calls[0][0]
        return deadline

    def _is_due(self) -> bool:
        deadline = self._next_deadline()
        return deadline is not None and deadline <= self.clock.now()

    def _running(self) -> list[Cell]:
        if not self.stopped and not self._held:
            return self._ready
        return [cell for cell in self._ready if not self._waits(cell)]

    def _waits(self, cell: Cell) -> bool:
        """Whether somebody has to wait who is ready: it is held up, or its system stopped."""
        return cell.system in self.stopped or cell in self._held

    def _loop_has_turn(self) -> bool:
        return self._loop is not None and self._loop.has_turn()

    def _run_loop(self) -> None:
        assert self._loop is not None
        cell = self._loop.run_next()
        if cell is not None:
            self._write(cell, "await")

    @contextmanager
    def _turn_of(self, cell: Cell) -> Generator[None]:
        outer, self.current = self.current, cell
        try:
            yield
        finally:
            self.current = outer

    def _give_turn(self, running: list[Cell]) -> None:
        cell = running[self._picker.pick(running)]
        director = self.director
        outer, self.current = self.current, cell
        try:
            if director is not None and not director.before_turn(cell):
                return
            self._ready.remove(cell)
            self._note(cell)
            began = self.clock.now()
            cell.turn(1)
            took = self.clock.now() - began
            if took > SLOW and not cell.actor_class.pinned:
                report(cell, took, "")
            if director is not None:
                director.after_turn(cell)
        finally:
            self.current = outer

    def _fire(self) -> bool:
        """Do what is due now, or jump to what is due next; return False where nothing ever will be."""
        deadline = self._next_deadline()
        if deadline is None:
            return False
        self.clock.advance_to(deadline)
        now = self.clock.now()
        while self._calls and self._calls[0][0] <= now:
            heappop(self._calls)[2]()
        self._timers.fire(now)
        return True

    def __enter__(self) -> Self:
        """Make completions on this thread wait by running the simulation."""
        waiting_here(self)
        return self

    def __exit__(self, *_: object) -> None:
        waiting_here(None)
        if self._loop is not None:
            self._loop.close()

    def _note(self, cell: Cell) -> None:
        lane = cell.mailbox.signals or cell.mailbox.user
        item = type(lane[0]).__name__ if lane else "-"
        self._write(cell, item)

    def _write(self, cell: Cell, what: str) -> None:
        line = f"{self.clock.now():.6f} {cell.system.name} {cell.path}#{cell.uid} {what}"
        self.trace = zlib.crc32(line.encode(), self.trace)
        if self.story is not None:
            self.story.append(f"turn {line}")


def _of(completion: Completion[Any] | None) -> str:
    """Say whose answer it is, where that is known."""
    answerer = None if completion is None else completion.answerer
    return "" if answerer is None else f" of {answerer.path}"
