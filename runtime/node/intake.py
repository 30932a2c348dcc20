"""The intake: fetches messages of one queue as its dispatch demands them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ...actors import Actor, Backoff, Deferred, on
from ...transports.errors import LeaseLost
from .cargo import size_of
from .messages import Closed, Deliver, Demand, Fetched, FetchFailed, Halt, Refetch

if TYPE_CHECKING:
    from ...transports.message import Delivery
    from .context import Claim

logger: logging.Logger = logging.getLogger(__name__)

RECONNECT = Backoff(first=0.1, factor=2.0, maximum=5.0, jitter=0.2)
CLOSE_WITHIN = 5.0


class IntakeActor(Actor):
    """Turns demand into fetches, one at a time; a broker that is away is asked again with growing pauses."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._credit = 0
        self._room = 0
        self._fetching = False
        self._halted = False
        self._failures = 0

    @on(Demand)
    def demand(self, message: Demand) -> None:
        """Fetch so many more."""
        self._credit += message.credit
        self._room += message.room
        self._fetch()

    @on(Halt)
    def halt(self, _: Halt) -> None:
        """Fetch no more; what is under way still comes."""
        self._halted = True

    @on(Fetched)
    def fetched(self, event: Fetched) -> None:
        """Hand deliveries on."""
        self._fetching = False
        if self._failures and not self._halted:
            logger.warning("%s: the broker is back", self._claim.queue)
            self._failures = 0
        self._credit -= len(event.deliveries)
        self._room -= sum(map(size_of, event.deliveries))
        if event.deliveries:
            self._deliver(event.deliveries)
            self.after(0.0, Refetch())  # first they go to their slots: whoever waits for them is waiting now
        else:
            self._fetch()

    @on(FetchFailed)
    def fetch_failed(self, event: FetchFailed) -> None:
        """Ask again after a pause; raises `LeaseLost` where that is why."""
        self._fetching = False
        if isinstance(event.error, LeaseLost) and not self._halted:
            raise event.error  # nothing will ever come for this owner: the group begins again as another
        self._failures += 1
        pause = RECONNECT.delay(self._failures, self.rng.random())
        logger.warning("%s: cannot fetch, next attempt in %.1f s: %s", self._claim.queue, pause, event.error)
        self.after(pause, Refetch())

    @on(Refetch)
    def refetch(self, _: Refetch) -> None:
        """Fetch, now that the pause is over, or everything else is done."""
        self._fetch()

    @on(Closed)
    def closed(self, _: Closed) -> None:
        """End, now that the claim is given up."""
        self.stopped()

    def on_stop(self) -> Deferred | None:
        """Give back what is unsettled. It stops last of its group, so that nothing of the claim is in use any more."""
        self._halted = True
        self._claim.intake.close().pipe_to(self.ref, lambda _: Closed(), lambda _: Closed())
        self.after(CLOSE_WITHIN, Closed())
        return Deferred.LATER

    def _fetch(self) -> None:
        if self._credit > 0 and self._room > 0 and not self._fetching and not self._halted:
            self._fetching = True
            self._claim.intake.fetch(self._credit, self._room).pipe_to(self.ref, Fetched, FetchFailed)

    def _deliver(self, deliveries: list[Delivery]) -> None:
        assert self._claim.dispatch is not None
        self._claim.dispatch.tell(Deliver(deliveries))
