"""What must hold in every world of nodes, whatever the schedule and the faults."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ...actors.simulation.invariants import Complaint, Invariant
from ...transports.message import Verdict

if TYPE_CHECKING:
    from ...actors.simulation.watching import WatchedCell
    from .world import World


class WorldInvariant(Invariant):
    """Looks at a world when something has happened at its broker."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._seen = 0

    def after_step(self, touched: Iterable[WatchedCell]) -> Complaint:
        """See `Invariant`."""
        news = self.world.ledger.news
        if len(news) == self._seen:
            return None
        names, self._seen = news[self._seen :], len(news)
        return self.judge(names)

    def judge(self, names: list[str]) -> Complaint:
        """See what has become of the tasks that something happened to."""


class FinishedOnce(WorldInvariant):
    """No task is finished, or made a dead letter, twice."""

    name = "finished once"

    def judge(self, names: list[str]) -> Complaint:
        """See `WorldInvariant`."""
        for name in names:
            ends = self.world.ledger.ends(name)
            if len(ends) > 1:
                return f"{name} was finished {len(ends)} times: {', '.join(end.name for end in ends)}"
        return None


class StoredFirst(WorldInvariant):
    """What is acknowledged has its result in the store, and what is dead is in the dead letter queue too."""

    name = "acknowledged only when stored"

    def judge(self, names: list[str]) -> Complaint:
        """See `WorldInvariant`."""
        storage, ledger = self.world.storage, self.world.ledger
        ended = [name for name in names if ledger.ends(name)]
        for name, result in zip(ended, storage.results.get(ended, 0.0), strict=True):
            if result is None:
                return f"{name} was acknowledged, and its result is not stored"
            if ledger.ends(name)[-1] is Verdict.DEAD and not storage.dead.select([name], None, 1):
                return f"{name} is dead, and is not in the dead letter queue"
        return None


class NothingLost(WorldInvariant):
    """Every task that the broker took in is in its queue, once, until it is finished."""

    name = "no task is lost"

    def judge(self, names: list[str]) -> Complaint:
        """See `WorldInvariant`."""
        stored = Counter(message.id for message in self.world.storage.messages.everything())
        pending = Counter(list(self.world.ledger.pending))
        if stored == pending:
            return None
        return f"lost: {sorted(pending - stored)}, there though finished, or twice: {sorted(stored - pending)}"


class NotTooEarly(WorldInvariant):
    """No task is handed out before its ETA, and no chord's body before the whole of its header has ended."""

    name = "not before its time"

    def after_step(self, touched: Iterable[WatchedCell]) -> Complaint:
        """See `Invariant`."""
        premature = self.world.ledger.premature
        return premature[0] if premature else None


def world_invariants(world: World) -> list[Invariant]:
    """Return what every world demands."""
    return [FinishedOnce(world), StoredFirst(world), NothingLost(world), NotTooEarly(world)]
