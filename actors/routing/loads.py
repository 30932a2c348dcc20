"""`Loads`: how much those behind a router have to do, as far as it knows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from ..completion import Completion
from ..messages import Ask
from ..ref import Ref
from ..remote.ref import RemoteRef

EXACT = 16
"""So many asks are looked at one by one; of more, one whose answer arrives just now makes no difference."""


@dataclass(slots=True)
class Load:
    """What one routee was given. asked: asks of which the answer is not there yet.

    The rest is about one on another node. reported: what its node said last, without those asks, and what had been told
    until it was asked to say so. told: since then. own: how many asks had no answer at that moment. weighed: whether
    its node is being asked, or is about to be.
    """

    asked: set[Completion[Any]] = field(default_factory=set[Completion[Any]])
    reported: int = 0
    told: int = 0
    own: int = 0
    weighed: bool = False

    @property
    def unanswered(self) -> int:
        """How many asks have no answer yet."""
        if len(self.asked) > EXACT:
            return len(self.asked)
        return sum(not each.done() for each in tuple(self.asked))

    def ask(self, ask: Ask) -> None:
        """Count an ask until it is answered, in whichever thread that is."""
        self.asked.add(ask.completion)
        ask.completion.add_done_callback(self.asked.discard)

    def begin_report(self) -> None:
        """Note that its node is being asked: what was told so far will be in its answer."""
        self.reported, self.told, self.own = self.reported + self.told, 0, self.unanswered

    def end_report(self, waiting: int | None) -> None:
        """Take in how many messages waited there; None where that is not to be had.

        Asks of this router's that were among them may be answered by now.
        """
        self.reported = 0 if waiting is None else max(0, waiting - self.own)


class Loads:
    """The loads of those behind one router; for its own turns alone."""

    def __init__(self) -> None:
        self._loads: dict[Ref[Any], Load] = {}

    def __getitem__(self, ref: Ref[Any]) -> Load:
        return self._loads.setdefault(ref, Load())

    def waiting(self, ref: Ref[Any]) -> int:
        """Return how many messages a routee has yet to handle, as far as that is known."""
        load = self._loads.get(ref)
        if load is None:
            return ref.waiting
        if is_elsewhere(ref):
            return load.reported + load.told + load.unanswered
        return max(ref.waiting, load.unanswered)

    def forget_others(self, present: Collection[Ref[Any]]) -> None:
        """Keep the loads of those who are `present`, once there are many others."""
        if len(self._loads) > 2 * len(present):
            self._loads = {ref: load for ref, load in self._loads.items() if ref in present}


def is_elsewhere(ref: Ref[Any]) -> bool:
    """Tell whether an actor's mailbox is on another node."""
    return isinstance(ref, RemoteRef) and not ref.is_here()
