"""What becomes of a job whose process died while it ran it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...transports.message import Outcome, Verdict
from .heads import peek

if TYPE_CHECKING:
    from ...transports.message import Delivery
    from ..pool.packets import Job
    from .context import NodeContext
    from .stopwatch import Timed


class PostMortem(NamedTuple):
    """Another process is to fail the job for this reason. overran: the seconds that it had, where that is why."""

    reason: str
    overran: float | None = None


class Circumstances(NamedTuple):
    """What the slot was about when its process died.

    end: how it ended, for people. overrun: the job that it was killed for. cut: it was killed, or told to leave, for
    reasons that are not the job's.
    """

    end: str
    overrun: Timed | None
    cut: bool


def fate(context: NodeContext, job: Job, circumstances: Circumstances) -> Outcome | PostMortem:
    """Return how a job goes on that was being run: back to its queue, or to its post-mortem. Pure.

    A message that is acknowledged already (its tag is below 0) is not run again: nobody knows how far it came.
    """
    end, overrun, cut = circumstances
    delivery = job.delivery
    if job.post_mortem:
        return context.obituary(job)
    if overrun is not None and overrun.job is job:
        return PostMortem(f"it ran longer than its time limit of {overrun.limit:g} s", overrun.limit)
    if cut and delivery.tag > 0:
        return Outcome(delivery.tag, Verdict.REQUEUE)
    if delivery.tag < 0 or _is_fragile(context, delivery):
        return PostMortem(end)
    deliveries = delivery.losses + 1
    if deliveries < context.options.max_deliveries:
        return Outcome(delivery.tag, Verdict.LOST, reason=end)
    return PostMortem(f"its pool process ended {deliveries} times while it ran it, the last time {end}")


def _is_fragile(context: NodeContext, delivery: Delivery) -> bool:
    return bool(context.fragile) and peek(delivery.head).task in context.fragile
