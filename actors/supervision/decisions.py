"""What a supervisor decides: pure functions over values (Erlang/OTP, supervisor module and its principles guide)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..reasons import Error, ExitReason, Killed, Normal, Shutdown
from .errors import BadSpec
from .spec import AutoShutdown, ChildSpec, Restart, Strategy, choice

REMEMBERED = 100
"""Restarts of one child."""


@dataclass(frozen=True, slots=True)
class ChildEnd:
    """A child that ended by itself: which one, how, and the specs of all children in start order.

    now: the clock's seconds. restarts: when this child was restarted before, the latest last; at most `REMEMBERED` of
    them. attempts: how often in a row it has crashed on the same message; 0 where it crashed on none.
    """

    spec: ChildSpec
    reason: ExitReason
    siblings: Sequence[ChildSpec]
    now: float = 0.0
    restarts: tuple[float, ...] = ()
    attempts: int = 0

    @property
    def culprit(self) -> object:
        """The message on which it crashed, or None."""
        return self.reason.culprit if isinstance(self.reason, Error) else None

    def restarted_within(self, seconds: float) -> int:
        """Return how often it was restarted in the last `seconds`."""
        return sum(moment >= self.now - seconds for moment in self.restarts)


class Poison(StrEnum):
    """What becomes of the message on which a child crashed. Whoever asked has the error already."""

    DROP = "drop"
    """It counts as handled."""
    DEAD_LETTER = "dead_letter"
    """It becomes a `DeadLetter` event, with "poison" for its reason."""
    RETRY = "retry"
    """A told message is handled again, before all others; only where the child is restarted in place."""


@dataclass(frozen=True, slots=True)
class Replace:
    """Stop those of `ids` that run, the last first, and start all of them in order. It counts as one restart.

    delay: seconds between the two, instead of what the child's `backoff` says. poison: see `Poison`. Raises `BadSpec`
    for what makes no sense. Ids of children that are gone are passed over; where all of them are, that is the
    supervisor's crash.
    """

    ids: tuple[Hashable, ...]
    delay: float | None = None
    poison: Poison | str = Poison.DROP

    def __post_init__(self) -> None:
        if not isinstance(self.ids, tuple | list):  # pyright: ignore[reportUnnecessaryIsInstance] - users may be wrong
            raise BadSpec(f"a Replace has a tuple of ids, not {self.ids!r}")
        if self.delay is not None and not self.delay >= 0:
            raise BadSpec(f"a delay is seconds, 0 or more, not {self.delay!r}")
        object.__setattr__(self, "poison", choice(Poison, self.poison, "poison"))


@dataclass(frozen=True, slots=True)
class Leave:
    """Start nothing; `forget` drops the child's spec too."""

    forget: bool


@dataclass(frozen=True, slots=True)
class GiveUp:
    """End the supervisor."""


Decision = Replace | Leave | GiveUp


def decide(strategy: Strategy, end: ChildEnd) -> Decision:
    """Return what follows from a child's end, by restart type and strategy."""
    if not restarts(end.spec, end.reason):
        return Leave(forget=end.spec.restart is Restart.TEMPORARY)
    return Replace(affected(strategy, end.siblings, end.spec))


def restarts(spec: ChildSpec, reason: ExitReason) -> bool:
    """Whether a child that ended for `reason` is to be started again."""
    return spec.restart is Restart.PERMANENT or (spec.restart is Restart.TRANSIENT and reason.abnormal)


def affected(strategy: Strategy, siblings: Sequence[ChildSpec], failed: ChildSpec) -> tuple[Hashable, ...]:
    """Return the ids that are replaced together with `failed`, in start order."""
    if strategy is Strategy.ONE_FOR_ONE:
        return (failed.id,)
    ids = tuple(spec.id for spec in siblings)
    return ids if strategy is Strategy.ONE_FOR_ALL else ids[ids.index(failed.id) :]


def count_restart(
    history: Sequence[float], now: float, intensity: int, period: float
) -> tuple[tuple[float, ...], bool]:
    """Return the restarts of the last `period` seconds with that of now, and whether they are few enough."""
    recent = (*(moment for moment in history if moment >= now - period), now)
    return recent, len(recent) <= intensity


def ends_as_told(spec: ChildSpec, reason: ExitReason) -> bool:
    """Whether `reason` is how a child ends that was told to stop; any other is worth a report."""
    match reason:
        case Shutdown():
            return True
        case Killed():
            return spec.shutdown == "brutal_kill"
        case Normal():
            return spec.restart is not Restart.PERMANENT
        case _:
            return False


def ends_supervisor(auto_shutdown: AutoShutdown, ended: ChildSpec, significant_left: bool) -> bool:
    """Whether a child's end for good ends its supervisor too."""
    if not ended.significant:
        return False
    if auto_shutdown is AutoShutdown.ANY_SIGNIFICANT:
        return True
    return auto_shutdown is AutoShutdown.ALL_SIGNIFICANT and not significant_left
