"""The watchman: keeps the lease of one claim, and sees to an orderly end.

It starts last in its group and so stops first: it halts the intake and waits until nothing is in hand, before the
others are stopped.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ...actors import Actor, Deferred, on
from ...transports.errors import LeaseLost
from .messages import Cut, Drain, Drained, GraceOver, Halt, Renew, Renewed, RenewFailed

if TYPE_CHECKING:
    from ...actors import Ref
    from .context import Claim, NodeContext
    from .dispatch import Dispatch
    from .intake import IntakeActor

logger: logging.Logger = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 4
SAFE_SHARE = 0.75
"""The share of a lease after which an owner that could not renew it ends its work: before others are given it."""


class Watchman(Actor):
    """Renews the lease, cuts off what runs when it is lost, and drains the group when it is stopped."""

    def __init__(self, context: NodeContext, claim: Claim) -> None:
        self._context = context
        self._claim = claim
        self._lease = context.options.lease
        self._asked_at = self._renewed_at = self.clock.now()
        self._asking = False
        self._patient = True
        self._stopping = False

    def on_start(self) -> None:
        """Begin to renew."""
        group = self.path.rpartition("/")[0]
        self._intake: Ref[IntakeActor] = self.system.get(f"{group}/intake")
        self._dispatch: Ref[Dispatch] = self.system.get(f"{group}/dispatch")
        if self._lease is not None:
            self.every(self._lease / RENEWALS_PER_LEASE, Renew())

    # -- the lease -------------------------------------------------------------------------------------------------

    @on(Renew)
    def renew(self, _: Renew) -> None:
        """Ask the broker for another term, unless the last one is too far gone."""
        now = self.clock.now()
        if self._lease is not None and now - self._renewed_at > self._lease * SAFE_SHARE:
            self._give_up("it could not be renewed in time")
        if not self._asking:
            self._asking = True
            self._asked_at = now
            self._claim.intake.renew().pipe_to(self.ref, Renewed, RenewFailed)

    @on(Renewed)
    def renewed(self, event: Renewed) -> None:
        """Count the term from when it was asked for."""
        self._asking = False
        if not event.held:
            self._give_up("the broker has given our messages to others")
        self._renewed_at = self._asked_at

    @on(RenewFailed)
    def renew_failed(self, event: RenewFailed) -> None:
        """Hope for the next attempt."""
        self._asking = False
        logger.warning("%r: cannot renew the lease: %s", self._claim, event.error)

    def _give_up(self, why: str) -> None:
        self._cut()
        raise LeaseLost(f"{self._claim!r} lost its lease: {why}")

    # -- the end ---------------------------------------------------------------------------------------------------

    def on_stop(self) -> Deferred:
        """Take nothing more, wait for what runs, at most for the grace period."""
        self._stopping = True
        self._intake.tell(Halt())
        self._dispatch.ask(Drain(), block=False).pipe_to(self.ref, lambda _: Drained(), lambda _: Drained())
        grace = self._context.options.grace
        if not self._patient:
            self._cut()
        elif grace is not None:
            self.after(grace, GraceOver())
        return Deferred.LATER

    @on(GraceOver)
    def grace_over(self, _: GraceOver) -> None:
        """Cut off what still runs, now or as soon as the stop begins; it goes back to its queue, uncounted."""
        self._patient = False
        if self._stopping:
            logger.warning("%s: the grace period is over, running tasks go back to the queue", self._claim.queue)
            self._cut()

    @on(Drained)
    def drained(self, _: Drained) -> None:
        """Everything is settled."""
        self.stopped()

    def _cut(self) -> None:
        slots = f"{self.path.rsplit('/queues/', 1)[0]}/pool/slots/"
        for number in range(self._context.options.concurrency):
            slot = self.system.find(f"{slots}{number}")
            if slot is not None:
                slot.tell(Cut(self._claim))
