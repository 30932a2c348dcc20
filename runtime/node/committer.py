"""The committer: makes outcomes durable in batches.

While one batch is on its way the next one gathers; nobody waits for it to fill.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from msgspec import structs

from ...actors import Actor, Backoff, Batch, Deferred, on
from .commit import Carried, Commitment
from .messages import Commit, CommitAgain, CommitFailed, Committed, Settled
from .returning import back_to_queue

if TYPE_CHECKING:
    from ...transports.message import Delivery, Outcome
    from .context import Claim, CommitPorts

logger: logging.Logger = logging.getLogger(__name__)

RETRY = Backoff(first=0.05, factor=2.0, maximum=5.0, jitter=0.2)
BATCH = 1000
CHORD_RETRY = 1.0
"""Seconds until a chord part is offered again that found another worker's claim on the body."""


class Line:
    """What waits for one claim: outcomes that gather, and the batch that is on its way."""

    __slots__ = ("early", "failures", "gathering", "sent")

    def __init__(self) -> None:
        self.early: dict[int, Delivery] = {}
        self.gathering: list[Outcome] = []
        self.sent: Commitment | None = None
        self.failures: int = 0


class Committer(Actor):
    """Offers each claim's outcomes to the broker, in order, one batch at a time, until the broker has answered."""

    def __init__(self, ports: CommitPorts) -> None:
        self._ports = ports
        self._lines: dict[Claim, Line] = {}
        self._stopping = False

    def on_batch(self, messages: Batch) -> None:
        """Gather all that was told in a row, then send."""
        for message in messages:
            self.receive(message)
        for claim, line in list(self._lines.items()):
            self._send(claim, line)

    @on(Commit)
    def gather(self, message: Commit) -> None:
        """Put outcomes into their claim's line."""
        line = self._lines.get(message.claim)
        if line is None:
            line = self._lines[message.claim] = Line()
        line.gathering.extend(message.outcomes)
        line.early.update(message.early)

    @on(Committed)
    def committed(self, event: Committed) -> None:
        """Tell the dispatch, and go on with what has gathered."""
        claim, carried, line = event.claim, event.carried, self._lines[event.claim]
        assert line.sent is not None
        tags, line.sent, line.failures = [outcome.tag for outcome in line.sent.outcomes], None, 0
        refused = carried.held.count(False)
        if refused:
            logger.warning("%r: %d of %d outcomes were refused, since the lease was lost", claim, refused, len(tags))
        self._tell(claim, line, settled(tags, carried))
        if carried.waiting:
            self.after(CHORD_RETRY, Commit(claim, list(carried.waiting)))
        if not line.gathering:
            del self._lines[event.claim]
            self._check_stopped()

    @on(CommitFailed)
    def commit_failed(self, event: CommitFailed) -> None:
        """Offer the same batch again after a pause: nothing that was done may be forgotten."""
        line = self._lines[event.claim]
        line.failures += 1
        pause = RETRY.delay(line.failures, self.rng.random())
        logger.warning(
            "%r: cannot commit %d outcomes, next attempt in %.2f s: %s",
            event.claim,
            len(line.sent.outcomes) if line.sent is not None else 0,
            pause,
            event.error,
        )
        self.after(pause, CommitAgain(event.claim))

    @on(CommitAgain)
    def commit_again(self, message: CommitAgain) -> None:
        """Offer the batch again, now that the pause is over."""
        commitment = self._lines[message.claim].sent
        assert commitment is not None
        self._offer(message.claim, commitment)

    def on_stop(self) -> Deferred | None:
        """Wait until the last batch is durable."""
        self._stopping = True
        return Deferred.LATER if self._lines else None

    def on_failure(self, *args: object, **kwargs: object) -> None:
        """Say what was not said yet: of what was acknowledged before it ran, nobody else can."""
        for claim, line in self._lines.items():
            if line.gathering:
                Commitment(claim.intake, self._ports, line.gathering).run()

    def _tell(self, claim: Claim, line: Line, told: Settled) -> None:
        """Tell the dispatch; where it is gone, what it has acknowledged and not begun goes back to the queue."""
        dispatch = claim.dispatch
        if dispatch is None or not told.tags:
            return
        early = {tag: line.early.pop(tag) for tag in told.tags if tag in line.early} if line.early else {}
        if not early:
            dispatch.tell(told)
            return
        left = [early[tag] for tag, held in zip(told.tags, told.held, strict=True) if held and tag in early]
        again = Commit(claim, [back_to_queue(structs.replace(delivery, tag=-1)) for delivery in left])
        dispatch.ask(told, block=False).add_done_callback(lambda done: done.error() and self.ref.tell(again))

    def _send(self, claim: Claim, line: Line) -> None:
        if line.gathering and line.sent is None:
            outcomes, line.gathering = line.gathering[:BATCH], line.gathering[BATCH:]
            line.sent = Commitment(claim.intake, self._ports, outcomes)
            self._offer(claim, line.sent)

    def _offer(self, claim: Claim, commitment: Commitment) -> None:
        commitment.run().pipe_to(
            self.ref,
            lambda carried: Committed(claim, carried),
            lambda error: CommitFailed(claim, error),
        )

    def _check_stopped(self) -> None:
        if self._stopping and not self._lines:
            self.stopped()


def settled(tags: list[int], carried: Carried) -> Settled:
    """Return what the dispatch is to be told; what has to wait is in hand still."""
    if not carried.waiting:
        return Settled(tags, carried.held)
    waiting = {outcome.tag for outcome in carried.waiting}
    told = [(tag, held) for tag, held in zip(tags, carried.held, strict=True) if tag not in waiting]
    return Settled([tag for tag, _ in told], [held for _, held in told])
