"""The pool of a simulation: processes whose work takes virtual time, and which die by chance, or of poison."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...actors import Actor, Completion, Down, Message, on
from ...transports.message import ChordPart, Outcome, Publication, Result, Verdict
from ..node.messages import Spawn
from ..pool.errors import StartFailed
from ..pool.process import Finished, Remains
from .faults import PROCESS_DEATH, SPAWN_FAILURE
from .names import ENDLESS, POISON, SLOW, body_of, head_of, name_of, place_in_chord

if TYPE_CHECKING:
    from ...actors import Ref
    from ..pool.packets import Job
    from .world import World

TIME_LIMIT = 0.2
"""Seconds for which endless and slow tasks may run."""


@dataclass(frozen=True, slots=True)
class Wake(Message["SimulatedChild", None]):
    """Something can be read; the machine may be busy."""


@dataclass(frozen=True, slots=True)
class Take(Message["SimulatedChild", None]):
    """Look for a job."""


@dataclass(frozen=True, slots=True)
class Finish(Message["SimulatedChild", None]):
    """The job that runs is done."""

    job: Job


@dataclass(frozen=True, slots=True)
class Die(Message["SimulatedChild", None]):
    """End at once."""


@dataclass(frozen=True, slots=True)
class Birth(Message["SimulatedNursery", None]):
    """A fork is done."""

    born: Completion[SimulatedProcess]


class SimulatedChild(Actor):
    """What a pool process does: read a job, run it, answer, read the next."""

    def __init__(self, process: SimulatedProcess) -> None:
        self._process = process

    @on(Wake)
    def wake(self, _: Wake) -> None:
        """Get to run in a while."""
        world = self._process.world
        self.after(world.span(world.pace.longest_wake), Take())

    @on(Take)
    def take(self, _: Take) -> None:
        """Read a job and begin it, or die of it."""
        process, world = self._process, self._process.world
        if process.dead or process.running is not None or not process.unread:
            return
        job = process.running = process.unread.popleft()
        world.ledger.note_run(job)
        name = "" if job.post_mortem else name_of(job.delivery.head)
        if name.startswith(ENDLESS):
            return
        if name.startswith(SLOW):
            self.after(TIME_LIMIT * 0.9 + world.span(TIME_LIMIT * 0.2), Finish(job))
        elif name.endswith(POISON) or (name and world.strikes(PROCESS_DEATH)):
            self.after(world.span(world.pace.longest_task), Die())
        else:
            self.after(world.span(world.pace.longest_task), Finish(job))

    @on(Finish)
    def finish(self, message: Finish) -> None:
        """Answer."""
        process = self._process
        if process.dead or process.running is not message.job:
            return
        process.running = None
        process.answer(Finished(message.job, outcome(message.job), 0.001))
        self.ref.tell(Die() if process.leaving else Take())

    def on_stop(self) -> None:
        """End with the nursery that it belongs to."""
        self.die(Die())

    @on(Die)
    def die(self, _: Die) -> None:
        """End; the node sees it a moment later."""
        process = self._process
        if not process.dead:
            process.dead = True
            process.gone()


class SimulatedProcess:
    """A pool process as its slot sees it; see `Process`."""

    def __init__(self, world: World, pid: int) -> None:
        self.world = world
        self.pid = pid
        self.ready: Completion[None] = Completion()
        self.unread: deque[Job] = deque()
        self.running: Job | None = None
        self.dead = False
        self.leaving: bool = False
        self.child: Ref[Any] | None = None
        self.answer: Callable[[Finished], object] = lambda _: None
        self.gone: Callable[[], object] = lambda: None

    @property
    def load(self) -> int:
        """See `Process`."""
        return len(self.unread) + (self.running is not None)

    @property
    def current(self) -> Job | None:
        """See `Process`."""
        return self.running or next(iter(self.unread), None)

    def listen(self) -> None:
        """See `Process`: an answer is noticed at once here."""

    def watch(self, answered: Callable[[list[Finished]], object], gone: Callable[[], object]) -> None:
        """See `Process`."""
        self.answer = lambda finished: answered([finished])
        self.gone = gone
        self.ready.resolve(None)

    def send(self, job: Job) -> bool:
        """See `Process`."""
        self.unread.append(job)  # its socket takes packets until it is buried
        if not self.dead:
            assert self.child is not None
            self.child.tell(Wake())
        return True

    def take_back(self) -> list[Job]:
        """See `Process`."""
        taken = list(self.unread)
        self.unread.clear()
        return taken

    def retire(self) -> list[Job]:
        """See `Process`."""
        self.leaving = True
        if self.running is None:
            self.kill()
        return self.take_back()

    def kill(self) -> None:
        """See `Process`."""
        assert self.child is not None
        self.child.tell(Die())

    def reap(self) -> Completion[int | None]:
        """See `Process`."""
        return Completion.of(-9)

    def bury(self) -> Remains:
        """See `Process`."""
        lost = [self.running] if self.running is not None else []
        return Remains([], self.take_back(), lost)


class SimulatedNursery(Actor):
    """Forks simulated processes, in a while, or fails to."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pids = 0
        self._processes: dict[Ref[Any], SimulatedProcess] = {}

    @on(Spawn)
    def spawn_process(self, request: Spawn) -> Completion[SimulatedProcess]:
        """Answer in a while."""
        born: Completion[SimulatedProcess] = Completion()
        born.add_done_callback(lambda done: self._adopt(request.owner, done))
        self.after(self._world.span(self._world.pace.longest_spawn), Birth(born))
        return born

    def _adopt(self, owner: Ref[Any], born: Completion[SimulatedProcess]) -> None:
        if born.error() is not None:
            return
        if owner not in self._processes:
            self.monitor(owner)
        self._processes[owner] = born.get()

    @on(Down)
    def owner_down(self, event: Down) -> None:
        """Kill the process of a slot that was killed itself."""
        process = self._processes.pop(event.target, None)
        if process is not None:
            process.kill()

    @on(Birth)
    def birth(self, message: Birth) -> None:
        """Hand a new process over."""
        world = self._world
        if world.strikes(SPAWN_FAILURE):
            message.born.fail(StartFailed("no pool process: simulated"))
            return
        self._pids += 1
        process = SimulatedProcess(world, self._pids)
        process.child = self.spawn(SimulatedChild, process)
        message.born.resolve(process)


def hard_limit(head: bytes) -> float | None:
    """Return how long a simulated task may run."""
    return TIME_LIMIT if name_of(head).startswith((ENDLESS, SLOW)) else None


def outcome(job: Job) -> Outcome:
    """Return what comes of a simulated task: success, or how it failed."""
    name = name_of(job.delivery.head)
    if job.overran is not None:
        return Outcome(job.delivery.tag, Verdict.ACK, Result(name, "FAILURE", b"{}"))
    place = place_in_chord(name)
    if job.post_mortem:
        failed = Result(name, "FAILURE", b"{}")
        if place is None:
            return Outcome(job.delivery.tag, Verdict.DEAD, failed, reason=job.post_mortem)
        body = Result(body_of(place[0]), "FAILURE", b"{}")
        return Outcome(
            job.delivery.tag,
            Verdict.DEAD,
            failed,
            reason=job.post_mortem,
            more_results=(body,),
            ended_chord=place[0],
        )
    return Outcome(job.delivery.tag, Verdict.ACK, Result(name, "SUCCESS", b"{}"), chord=part(name))


def part(name: str) -> ChordPart | None:
    """Return what a task counts for in its chord, None where it is in none."""
    place = place_in_chord(name)
    if place is None:
        return None
    chord, index, size = place
    body = body_of(chord)
    return ChordPart(chord, index, name, "SUCCESS", b"", Publication(body, "celery", head_of(body), b""), size)
