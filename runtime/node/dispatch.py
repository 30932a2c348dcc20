"""The dispatch: brings the messages of one queue and the room in the pool together.

It knows what its claim holds (`_in_hand`) from delivery until the outcome is durable, and demands as much as its window
allows: see `Window`. Messages of tasks with a rate limit wait apart (`_held`) until the turnstile admits them.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING

from ...actors import Actor, Completion, Down, UnderstudyError, on
from ...transports.message import Delivery, Outcome, Verdict
from ..log import TASK_LOGGER
from ..pool.packets import Job
from .acknowledged import Acknowledged, is_owed
from .cargo import Cargo
from .heads import NOTHING, peek
from .messages import (
    Admitted,
    Commit,
    Cut,
    Deliver,
    Demand,
    Depart,
    Drain,
    Enter,
    Granted,
    Returned,
    Room,
    Run,
    Settled,
    TakeBack,
    Want,
)
from .returning import back_to_queue
from .window import Window

if TYPE_CHECKING:
    from ...actors import Ref
    from .committer import Committer
    from .context import Claim, NodeContext
    from .intake import IntakeActor
    from .roster import Roster
    from .slot import Slot
    from .turnstile import Turnstile


task_logger: logging.Logger = logging.getLogger(TASK_LOGGER)


class PartLost(UnderstudyError):
    """A part of the node that this one needs has ended, and will be replaced."""


class Dispatch(Actor):
    """Holds the messages of one claim until they are settled, and gives them to slots that have room."""

    def __init__(self, context: NodeContext, claim: Claim) -> None:
        self._context = context
        self._claim = claim
        self._waiting: deque[Job] = deque()
        self._held: dict[str, deque[Job]] = {}
        self._held_count = 0
        self._in_hand: dict[int, Ref[Slot] | None] = {}
        self._acknowledged = Acknowledged()
        self._watched: dict[Ref[Slot], int] = {}
        self._window = Window(context.options)
        self._cargo = Cargo(context.options.prefetch_bytes, context.options.concurrency)
        self._demanded = 0
        self._drained: Completion[None] | None = None

    def on_start(self) -> None:
        """Find the others and demand the first messages."""
        get = self.system.get
        root = self.path.rsplit("/queues/", 1)[0]
        self._intake: Ref[IntakeActor] = get(f"{self.path.rpartition('/')[0]}/intake")
        self._turnstile: Ref[Turnstile] = get(f"{root}/pool/turnstile")
        self._roster: Ref[Roster] = get(f"{root}/pool/roster")
        self._committer: Ref[Committer] = get(f"{root}/results/committer")
        self._needed = {self.monitor(self._roster), self.monitor(self._committer)}
        self._claim.dispatch = self.ref
        self._demand()

    # -- work comes ------------------------------------------------------------------------------------------------

    @on(Deliver)
    def deliver(self, message: Deliver) -> None:
        """Take messages in hand."""
        self._demanded -= len(message.deliveries)
        deaths = self._context.options.max_node_deaths
        jobs = [Job(each) if each.deaths < deaths else fatal(each) for each in message.deliveries]
        for job in jobs:
            self._in_hand[job.delivery.tag] = None
            self._cargo.load(job.delivery)
        if self._drained is not None:
            self._requeue(jobs)
            return
        if task_logger.isEnabledFor(logging.INFO):
            log_received(message.deliveries)
        if self._context.received is not None:
            self._context.received(message.deliveries)
        if self._context.rates:
            self._hold(jobs)
        else:
            self._waiting.extend(jobs)
        self._want()
        if self._cargo.is_full:
            self._demand()  # where slots have nothing to do

    def _hold(self, jobs: Sequence[Job]) -> None:
        """Let those of tasks with a rate limit wait for their turn, out of the others' way."""
        held: Counter[str] = Counter()
        for job in jobs:
            task = peek(job.delivery.head).task
            if task in self._context.rates and not job.post_mortem:
                held[task] += 1
                self._held.setdefault(task, deque()).append(job)
            else:
                self._waiting.append(job)
        for task, count in held.items():
            self._turnstile.tell(Enter(self.ref, task, count))
        if held:
            self._held_count += held.total()
            self._demand()

    @on(Admitted)
    def admitted(self, message: Admitted) -> None:
        """Let messages go on whose turn it is; there are fewer where they were given back meanwhile."""
        held = self._held.get(message.task, deque())
        turn = [held.popleft() for _ in range(min(message.count, len(held)))]
        self._held_count -= len(turn)
        self._waiting.extend(turn)
        self._want()

    @on(Returned)
    def returned(self, message: Returned) -> None:
        """Take back what a slot has not begun, ahead of what is waiting."""
        self._take_back(message.jobs)

    def _take_back(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            self._in_hand[job.delivery.tag] = None
        if self._drained is not None:
            self._requeue(jobs)
            return
        self._waiting.extendleft(reversed(jobs))
        self._want()

    # -- work goes -------------------------------------------------------------------------------------------------

    @on(Granted)
    def granted(self, message: Granted) -> None:
        """Fill the room of a slot, and give back what is left of it."""
        slot, room = message.slot, message.count
        self._window.observe(message.seconds)
        batch: list[Job] = []
        waiting = self._waiting
        while waiting and room > 0:
            room -= 1
            job = waiting.popleft()
            if self._context.early and self._is_early(job):
                self._acknowledge_first(slot, job)
            else:
                batch.append(job)
        if room:
            self._roster.tell(Room(slot, room, message.seconds))
        if batch:
            self._give(slot, batch)

    def _give(self, slot: Ref[Slot], batch: list[Job]) -> None:
        if slot not in self._watched:
            self._watched[slot] = self.monitor(slot)
        for job in batch:
            self._in_hand[job.delivery.tag] = slot
        slot.tell(Run(self._claim, batch))

    def _is_early(self, job: Job) -> bool:
        return job.delivery.tag > 0 and not job.post_mortem and peek(job.delivery.head).task in self._context.early

    def _acknowledge_first(self, slot: Ref[Slot], job: Job) -> None:
        delivery = job.delivery
        self._acknowledged.begin(slot, job)
        self._committer.tell(Commit(self._claim, [Outcome(delivery.tag)], {delivery.tag: delivery}))

    # -- work is done ----------------------------------------------------------------------------------------------

    @on(Settled)
    def settled(self, message: Settled) -> None:
        """Let go of what is durable, and demand more."""
        for tag, held in zip(message.tags, message.held, strict=True):
            self._in_hand.pop(tag, None)
            self._cargo.unload(tag)
            if tag < 0:
                self._settle_acknowledged(tag)
            elif self._acknowledged.is_under_way(tag):
                self._run_acknowledged(tag, held)
        if self._drained is None:
            self._demand()
        else:
            self._check_drained()

    def _run_acknowledged(self, tag: int, held: bool) -> None:
        slot, job = self._acknowledged.finish(tag, held=held)
        if job is not None and self._drained is None and slot.is_alive():
            self._give(slot, [job])
            return
        self._roster.tell(Room(slot, 1))
        if job is not None:
            self._take_back([job])

    def _settle_acknowledged(self, number: int) -> None:
        self._acknowledged.settle(number)
        failed = self._acknowledged.answer(number)
        if failed is not None:
            self._take_back([failed])

    @on(Down)
    def down(self, event: Down) -> None:
        """End with a part that this one cannot work without; requeue what a slot that crashed had in hand.

        What the slot had finished, the committer was told before.
        """
        if event.monitor in self._needed:
            raise PartLost(f"{event.target} has ended: the queue's group begins again with its successor")
        self._watched.pop(event.target, None)
        orphans = [tag for tag, slot in self._in_hand.items() if slot == event.target]
        if orphans:
            ask_after = self._acknowledged.ask_after
            outcomes = [Outcome(tag, Verdict.REQUEUE) if tag > 0 else Outcome(ask_after(tag)) for tag in orphans]
            self._committer.tell(Commit(self._claim, outcomes))

    def on_failure(self, *args: object, **kwargs: object) -> None:
        """Have what runs cut off: the next owner will run it again. See to what is acknowledged: nobody else can."""
        for slot in self._watched:
            slot.tell(Cut(self._claim))
        self._hand_over()

    def on_stop(self) -> None:
        """See to what is acknowledged. Something is left only where the group is replaced before it was drained."""
        self._hand_over()

    def _hand_over(self) -> None:
        """Put acknowledged messages back that were not begun; of those that may have been say that they failed.

        What is being acknowledged at the moment the committer puts back.
        """
        for slot in self._acknowledged.reserved():
            self._roster.tell(Room(slot, 1))
        left = [job for job in self._waiting if job.delivery.tag < 0]
        obituary = self._context.obituary
        outcomes = [obituary(job) if is_owed(job) else back_to_queue(job.delivery) for job in left]
        outcomes += [obituary(job) for job in self._acknowledged.in_question()]
        if outcomes:
            self._committer.tell(Commit(self._claim, outcomes))

    # -- the end ---------------------------------------------------------------------------------------------------

    @on(Drain)
    def drain(self, _: Drain) -> Completion[None]:
        """Begin nothing more; answer when all that is in hand is settled."""
        self._drained = self._drained or Completion()
        self._turnstile.tell(Depart(self.ref))
        waiting = [*self._waiting, *chain.from_iterable(self._held.values())]
        self._waiting.clear()
        self._requeue(waiting)
        self._held.clear()
        self._held_count = 0
        for slot in dict.fromkeys(self._in_hand.values()):
            if slot is not None:
                slot.tell(TakeBack(self._claim))
        self._check_drained()
        return self._drained

    def _requeue(self, jobs: Sequence[Job]) -> None:
        """Put back what was not begun; what nobody else can see to waits for room, as before."""
        self._waiting.extend(job for job in jobs if is_owed(job))
        self._want()
        back = [back_to_queue(job.delivery) for job in jobs if not is_owed(job)]
        if back:
            self._committer.tell(Commit(self._claim, back))

    def _check_drained(self) -> None:
        if self._drained is not None and not self._in_hand:
            self._drained.resolve(None)

    # -- how much --------------------------------------------------------------------------------------------------

    def _want(self) -> None:
        self._roster.tell(Want(self.ref, len(self._waiting)))

    def _demand(self) -> None:
        beside = min(self._held_count, self._context.options.prefetch_limit)
        missing = self._window.missing(len(self._in_hand) - beside + self._demanded)
        room = self._cargo.more(asked=missing > 0)
        if missing or room:
            self._demanded += missing
            self._intake.tell(Demand(missing, room))


def fatal(delivery: Delivery) -> Job:
    """Return the job of failing a message that its nodes may have died of; it is not run again."""
    return Job(delivery, f"{delivery.deaths} nodes died while they held it")


def log_received(deliveries: Sequence[Delivery]) -> None:
    """Log that tasks have come; what cannot be read is the pool's to report."""
    for delivery in deliveries:
        headers = peek(delivery.head)
        if headers is not NOTHING:
            task_logger.info("Task %s[%s] received", headers.task, headers.id)
