"""The slot: keeps one pool process on stage, and puts an understudy in its place when it dies.

A process that dies is an event here, not a crash: whatever it was running is lost or dead, whatever it had not read is
given back, and a new process is asked for. One that runs a task for longer than it may is killed, and the task has
failed. Room is told to the roster as credit: `credit` jobs may still come.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ...actors import Actor, ActorDead, Backoff, Deferred, Error, on
from ..pool.errors import AppImportFailed
from ..pool.exits import describe_exit
from ..pool.lookahead import LookAhead
from ..pool.packets import Job
from .fate import Circumstances, PostMortem, fate
from .heads import peek
from .holdings import Holdings
from .messages import (
    Answered,
    CauseKnown,
    CheckTime,
    Commit,
    Cut,
    GoodbyeOver,
    Hatch,
    Hatched,
    HatchFailed,
    LastWords,
    LookBack,
    ProcessBroken,
    ProcessGone,
    ProcessReady,
    ReadyOverdue,
    Returned,
    Room,
    Run,
    Spawn,
    TakeBack,
)
from .retirement import Retirement
from .returning import back_to_queue
from .stopwatch import Stopwatch

if TYPE_CHECKING:
    from ...actors import Ref, Timer
    from ...transports.message import Outcome
    from .committer import Committer
    from .context import Claim, NodeContext
    from .ports import Process, Remains
    from .roster import Roster
    from .stopwatch import Timed

logger: logging.Logger = logging.getLogger(__name__)

RESPAWN = Backoff(first=0.05, factor=2.0, maximum=10.0, jitter=0.2)
LOOK_BACK_AFTER = 0.01
"""Seconds after which jobs that were sent ahead are taken back from behind one that runs longer than was estimated."""
GOODBYE_WITHIN = 1.0
"""Seconds that a process that was told to leave has for it, beside the job that it runs."""
LAST_WORDS_AFTER = 7.0
"""Seconds after which a slot that stops waits no longer: it is killed after ten."""
CAUSE_WITHIN = 0.5
"""Seconds to wait for the exit code of a dead process."""


class Slot(Actor):
    """Runs jobs in its process, one at a time, with a few sent ahead where they are short."""

    def __init__(self, context: NodeContext) -> None:
        self._context = context
        self._process: Process | None = None
        self._held = Holdings()
        self._post_mortems: list[tuple[Claim, Job]] = []
        self._look_ahead = LookAhead()
        self._look_back: Timer | None = None
        self._stopwatch = Stopwatch(context.hard_limit)
        self._time_check: Timer | None = None
        self._checks_at = 0.0
        self._credit = 0
        self._overrun: Timed | None = None
        self._cutting = False
        self._stopping = self._leaving = self._hatching = False
        self._failures = 0
        self._retirement: Retirement | None = None

    def on_start(self) -> Deferred:
        """Ask for the first process; the slot has started when that has initialised the app."""
        root = self.path.rsplit("/pool/", 1)[0]
        self._roster: Ref[Roster] = self.system.get(f"{root}/pool/roster")
        self._nursery = self.system.get(f"{root}/pool/nursery")
        self._committer: Ref[Committer] = self.system.get(f"{root}/results/committer")
        self._hatch()
        return Deferred.LATER

    # -- a process comes -------------------------------------------------------------------------------------------

    def _hatch(self) -> None:
        self._hatching = True
        self._nursery.ask(Spawn(self.ref), block=False).pipe_to(self.ref, Hatched, HatchFailed)

    @on(Hatch)
    def hatch(self, _: Hatch) -> None:
        """Ask for a process, now that the pause is over."""
        if not self._stopping:
            self._hatch()

    @on(Hatched)
    def hatched(self, event: Hatched) -> None:
        """Watch the new process; it is of use once it is ready."""
        self._hatching = False
        process = self._process = event.process
        self._retirement = Retirement(self._context.options, process.pid)
        tell = self.ref.tell
        process.watch(lambda finished: tell(Answered(process, finished)), lambda: tell(ProcessGone(process)))
        process.ready.pipe_to(self.ref, lambda _: ProcessReady(process), lambda error: ProcessBroken(process, error))
        self.after(self._context.options.ready_within, ReadyOverdue(process))
        if self._stopping and not self._post_mortems:
            process.kill()

    @on(ReadyOverdue)
    def ready_overdue(self, event: ReadyOverdue) -> None:
        """Kill a process that does not come to be ready."""
        if event.process is self._process and not event.process.ready.done():
            limit = self._context.options.ready_within
            logger.error("%s: pool process %d was not ready within %g s", self.path, event.process.pid, limit)
            event.process.kill()

    @on(HatchFailed)
    def hatch_failed(self, event: HatchFailed) -> None:
        """Try again after a pause; end with a nursery that has ended."""
        self._hatching = False
        if isinstance(event.error, ActorDead) and not self._stopping:
            raise event.error
        logger.error("%s: no new pool process: %s", self.path, event.error)
        if self._stopping:
            self._leave()
        else:
            self._retry_hatch()

    @on(ProcessReady)
    def process_ready(self, event: ProcessReady) -> None:
        """Offer room."""
        if event.process is not self._process:
            return
        self.started(event.process.pid)
        self._go_on()

    @on(ProcessBroken)
    def process_broken(self, event: ProcessBroken) -> None:
        """Fail the start where the app cannot be imported; the process's end is seen to as any other."""
        if isinstance(event.error, AppImportFailed):
            logger.error("%s", event.error)
            self.start_failed(Error.of(event.error))

    # -- jobs come and go ------------------------------------------------------------------------------------------

    @on(Run)
    def run(self, message: Run) -> None:
        """Send jobs to the process; what it has no room for goes back."""
        self._credit = max(0, self._credit - len(message.jobs))
        refused = [job for job in message.jobs if not self._send(message.claim, job)]
        if refused:
            self._give_back(message.claim, refused)
        process = self._process
        if process is not None and process.load > 1 and self._look_back is None:
            self._look_back = self.after(LOOK_BACK_AFTER, LookBack())
        self._mind_the_time()

    @on(Answered)
    def answered(self, event: Answered) -> None:
        """Have outcomes committed, and offer the room that came free."""
        if event.process is not self._process:
            return
        self._failures = 0
        if self._look_back is not None:
            self._look_back.cancel()
            self._look_back = None
        self._commit([(finished.job, finished.outcome) for finished in event.finished])
        observe = self._look_ahead.observe
        for finished in event.finished:
            observe(finished.seconds)
        self._consider_retirement(event.process, len(event.finished))
        self._offer_room()
        if self._stopping and not event.process.load:
            self._see_off(event.process)
        if event.process.load > 1:
            self._look_back = self.after(LOOK_BACK_AFTER, LookBack())
        self._mind_the_time()

    def _consider_retirement(self, process: Process, jobs: int) -> None:
        retirement = self._retirement
        if retirement is None or retirement.due:
            return
        retirement.count(jobs, self.clock.now())
        if retirement.due:
            logger.info("%s: pool process %d retires", self.path, process.pid)
            self._return(process.retire())

    @on(LookBack)
    def look_back(self, _: LookBack) -> None:
        """Take back the jobs behind one that runs longer than was estimated, so that free slots get them."""
        self._look_back = None
        if self._process is not None and self._process.load > 1:
            self._look_ahead.observe(LOOK_BACK_AFTER)
            self._return(self._process.take_back())
            self._go_on()  # where nothing was begun at all, no answer will come to do it

    @on(TakeBack)
    def take_back(self, message: TakeBack) -> None:
        """Return what was not begun; jobs of other claims come back to their own dispatches, too."""
        if self._process is not None:
            self._return(self._process.take_back())
            self._go_on()

    @on(Cut)
    def cut(self, message: Cut) -> None:
        """Kill the process if it runs one of the claim's tasks."""
        process = self._process
        if process is None:
            return
        self._return(process.take_back())
        if message.claim is None or message.claim in self._held:
            self._cutting = True
            process.kill()
        else:
            self._go_on()

    def _send(self, claim: Claim, job: Job) -> bool:
        process = self._process
        if process is None or self._doomed or not process.send(job):
            return False
        self._held.take(claim, job)
        return True

    def _commit(self, done: list[tuple[Job, Outcome]]) -> None:
        for claim, outcomes in self._held.settle(done).items():
            self._committer.tell(Commit(claim, outcomes))

    def _return(self, jobs: list[Job]) -> None:
        """Give jobs that were not begun back to their dispatches; a post-mortem waits for the next process instead."""
        self._post_mortems += [(self._held.release(job), job) for job in jobs if job.post_mortem]
        for claim, returned in self._held.settle((job, job) for job in jobs if not job.post_mortem).items():
            self._give_back(claim, returned)

    def _give_back(self, claim: Claim, jobs: list[Job]) -> None:
        """Give jobs back that were not begun; without a dispatch the broker has them still, or gets them anew."""
        if claim.dispatch is None:
            return
        early = [back_to_queue(job.delivery) for job in jobs if job.delivery.tag < 0]
        if not early:
            claim.dispatch.tell(Returned(jobs))
            return
        anew, committer = Commit(claim, early), self._committer
        told = claim.dispatch.ask(Returned(jobs), block=False)
        told.add_done_callback(lambda done: done.error() and committer.tell(anew))

    def _go_on(self) -> None:
        """Send the post-mortems that wait, then offer the room that is left."""
        self._post_mortems = [(claim, job) for claim, job in self._post_mortems if not self._send(claim, job)]
        self._offer_room()
        self._mind_the_time()

    def _offer_room(self) -> None:
        if self._process is None or self._doomed or self._stopping:
            return
        held = self._process.load + self._credit
        room = 1 + self._look_ahead.allowance() - held
        left = self._retirement.left(held) if self._retirement is not None else None
        if left is not None:
            room = min(room, left)
        if room > 0:
            self._credit += room
            self._roster.tell(Room(self.ref, room, self._look_ahead.seconds))

    # -- a job takes too long --------------------------------------------------------------------------------------

    def _timed(self) -> Timed | None:
        """Return the job that runs, if its time is limited."""
        return self._stopwatch.see(self._process.current if self._process is not None else None, self.clock.now())

    def _mind_the_time(self) -> None:
        """Have the time checked when that of the running job is up, unless it is checked before that anyway."""
        timed = self._timed()
        if timed is None or (self._time_check is not None and self._checks_at <= timed.due):
            return
        if self._time_check is not None:
            self._time_check.cancel()
        self._checks_at = timed.due
        self._time_check = self.after(timed.due - self.clock.now(), CheckTime())

    @on(CheckTime)
    def check_time(self, _: CheckTime) -> None:
        """Kill the process if the time of the job that it runs is up: then the job has failed.

        What was sent ahead is taken back first, and answers are heard. So a job that has no answer by then is the only
        one that the process has read, and no other one dies with it.
        """
        self._time_check = None
        process, timed = self._process, self._timed()
        if process is None or timed is None or self._doomed:
            return
        if timed.due <= self.clock.now():
            self._return(process.take_back())
            process.listen()
            if self._timed() is timed:
                self._overrun = timed
                log_overrun(timed, process.pid)
                process.kill()
                return
        self._go_on()

    @property
    def _doomed(self) -> bool:
        """Whether the process was killed on purpose, and is not seen dead yet."""
        return self._cutting or self._overrun is not None

    # -- a process goes --------------------------------------------------------------------------------------------

    @on(ProcessGone)
    def process_gone(self, event: ProcessGone) -> None:
        """Wait a moment for the exit code, so that the reason can be told."""
        process = event.process
        process.reap().pipe_to(self.ref, lambda code: CauseKnown(process, code), lambda _: CauseKnown(process, None))
        self.after(CAUSE_WITHIN, CauseKnown(process, None))

    @on(CauseKnown)
    def cause_known(self, event: CauseKnown) -> None:
        """Bury the process, see to what it leaves, and ask for the next one."""
        if event.process is not self._process:
            return
        self._process = None
        remains = event.process.bury()
        self._commit([(finished.job, finished.outcome) for finished in remains.finished])
        self._return(remains.unread)
        self._see_to_lost(remains, describe_exit(event.code))
        retired = self._retirement is not None and self._retirement.due and not remains.lost
        if not (self._doomed or self._stopping or retired):
            logger.warning("%s: pool process %d ended: %s", self.path, event.process.pid, describe_exit(event.code))
            if not remains.finished:
                self._failures += 1
        self._cutting, self._overrun = False, None
        if self._stopping:
            self._leave()
        elif self._failures > 1:
            self._retry_hatch()
        else:
            self._hatch()

    def _see_to_lost(self, remains: Remains, end: str) -> None:
        """See to the jobs that were being run; a post-mortem is kept until there is a process for it."""
        overrun = None if self._stopping else self._overrun
        circumstances = Circumstances(end, overrun, cut=self._cutting or self._stopping)
        settled: list[tuple[Job, Outcome]] = []
        for job in remains.lost:
            becomes = fate(self._context, job, circumstances)
            if isinstance(becomes, PostMortem):
                self._post_mortems.append((self._held.release(job), Job(job.delivery, *becomes)))
            else:
                settled.append((job, becomes))
        self._commit(settled)

    def _retry_hatch(self) -> None:
        self._failures += 1
        self.after(RESPAWN.delay(self._failures, self.rng.random()), Hatch())

    # -- the slot goes ---------------------------------------------------------------------------------------------

    def on_stop(self) -> Deferred | None:
        """Let the process end after its current job, or at once where there is none."""
        self._stopping = True
        process = self._process
        if process is None and not self._post_mortems:
            return None
        self.after(LAST_WORDS_AFTER, LastWords())
        if process is None:
            self._leave()
            return Deferred.LATER
        self._return(process.retire())
        if not process.load:
            self._see_off(process)
        return Deferred.LATER

    def _see_off(self, process: Process) -> None:
        """Let a process that has nothing to do say goodbye, unless it has not come as far as that."""
        if process.ready.done():
            self.after(GOODBYE_WITHIN, GoodbyeOver(process))
        else:
            process.kill()

    @on(GoodbyeOver)
    def goodbye_over(self, event: GoodbyeOver) -> None:
        """Kill a process that takes too long to go."""
        if event.process is self._process:
            event.process.kill()

    def _leave(self) -> None:
        """Have one more process see to the post-mortems that wait, if there are any; then end."""
        if self._post_mortems and not self._leaving:
            self._leaving = True
            if not self._hatching:
                self._hatch()
            return
        for claim, job in self._post_mortems:
            self._committer.tell(Commit(claim, [self._context.obituary(job)]))
        self._post_mortems.clear()
        self.stopped()

    @on(LastWords)
    def last_words(self, _: LastWords) -> None:
        """End now, and say what there is to say: in a moment this slot is killed, and says nothing any more."""
        self._leaving = True
        if self._process is not None:
            self._process.kill()
        else:
            self._leave()

    def on_failure(self, *args: object, **kwargs: object) -> None:
        """Kill the process: its messages are requeued by the dispatch, which sees this slot's end."""
        if self._process is not None:
            self._process.kill()


def log_overrun(timed: Timed, pid: int) -> None:
    """Log that a task has run for too long."""
    headers = peek(timed.job.delivery.head)
    logger.error(
        "Hard time limit (%gs) exceeded for %s[%s]: pool process %d is killed",
        timed.limit,
        headers.task,
        headers.id,
        pid,
    )
