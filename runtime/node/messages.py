"""What the actors of a node tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...actors import Message

if TYPE_CHECKING:
    from ...actors import Ref
    from ...transports.message import Delivery, Outcome
    from ..pool.packets import Job
    from .commit import Carried
    from .committer import Committer
    from .context import Claim
    from .dispatch import Dispatch
    from .intake import IntakeActor
    from .ports import Finished, Process
    from .roster import Roster
    from .slot import Slot
    from .turnstile import Turnstile
    from .watchman import Watchman

# -- to the intake -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Demand(Message["IntakeActor", None]):
    """Fetch so many more messages, and take so many more bytes before pausing."""

    credit: int
    room: int = 0


@dataclass(frozen=True, slots=True)
class Halt(Message["IntakeActor", None]):
    """Fetch no more."""


@dataclass(frozen=True, slots=True)
class Fetched(Message["IntakeActor", None]):
    """The broker delivered."""

    deliveries: list[Delivery]


@dataclass(frozen=True, slots=True)
class FetchFailed(Message["IntakeActor", None]):
    """The broker could not be asked."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Refetch(Message["IntakeActor", None]):
    """Ask the broker again."""


@dataclass(frozen=True, slots=True)
class Closed(Message["IntakeActor", None]):
    """The claim was given up, or could not be."""


# -- to the dispatch ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deliver(Message["Dispatch", None]):
    """Messages to be run; there is always at least one."""

    deliveries: list[Delivery]


@dataclass(frozen=True, slots=True)
class Granted(Message["Dispatch", None]):
    """There is room for `count` jobs in `slot`, where a job takes `seconds`, if that is known."""

    slot: Ref[Slot]
    count: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Returned(Message["Dispatch", None]):
    """A slot gives back what it certainly has not begun."""

    jobs: list[Job]


@dataclass(frozen=True, slots=True)
class Settled(Message["Dispatch", None]):
    """Outcomes are durable, or (`held` False) were refused since the message is not ours any more."""

    tags: list[int]
    held: list[bool]


@dataclass(frozen=True, slots=True)
class Admitted(Message["Dispatch", None]):
    """So many messages of a task with a rate limit may begin."""

    task: str
    count: int


@dataclass(frozen=True, slots=True)
class Drain(Message["Dispatch", None]):
    """Begin nothing more; answered when everything in hand is settled."""


# -- to the roster -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Room(Message["Roster", None]):
    """A slot has room for `count` more jobs, or a dispatch gives back room that it was granted.

    seconds: what the slot estimates that a job takes; None where it does not know.
    """

    slot: Ref[Slot]
    count: int
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Want(Message["Roster", None]):
    """A dispatch has `count` jobs waiting; replaces what it wanted before."""

    dispatch: Ref[Dispatch]
    count: int


# -- to the turnstile --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Enter(Message["Turnstile", None]):
    """A dispatch has `count` more messages of a task with a rate limit."""

    dispatch: Ref[Dispatch]
    task: str
    count: int


@dataclass(frozen=True, slots=True)
class Depart(Message["Turnstile", None]):
    """A dispatch has none waiting any more."""

    dispatch: Ref[Dispatch]


@dataclass(frozen=True, slots=True)
class Turn(Message["Turnstile", None]):
    """The next message of a task may begin."""

    task: str


# -- to a slot ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Run(Message["Slot", None]):
    """Run these, in order; uses up as much of the granted room."""

    claim: Claim
    jobs: list[Job]


@dataclass(frozen=True, slots=True)
class TakeBack(Message["Slot", None]):
    """Return what of this claim was not begun."""

    claim: Claim


@dataclass(frozen=True, slots=True)
class Cut(Message["Slot", None]):
    """Kill the process if it runs a task of this claim (None: of any), and requeue what is cut off, uncounted."""

    claim: Claim | None


@dataclass(frozen=True, slots=True)
class Hatched(Message["Slot", None]):
    """A new process is there."""

    process: Process


@dataclass(frozen=True, slots=True)
class HatchFailed(Message["Slot", None]):
    """No process could be made."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class ProcessReady(Message["Slot", None]):
    """The process has initialised the app."""

    process: Process


@dataclass(frozen=True, slots=True)
class ProcessBroken(Message["Slot", None]):
    """The process could not initialise the app."""

    process: Process
    error: BaseException


@dataclass(frozen=True, slots=True)
class ReadyOverdue(Message["Slot", None]):
    """The time is up in which the process had to be ready."""

    process: Process


@dataclass(frozen=True, slots=True)
class Answered(Message["Slot", None]):
    """The process has finished jobs."""

    process: Process
    finished: list[Finished]


@dataclass(frozen=True, slots=True)
class ProcessGone(Message["Slot", None]):
    """The process has exited."""

    process: Process


@dataclass(frozen=True, slots=True)
class CauseKnown(Message["Slot", None]):
    """The dead process was buried as far as can be; `code` is its exit code, where somebody knows it."""

    process: Process
    code: int | None


@dataclass(frozen=True, slots=True)
class GoodbyeOver(Message["Slot", None]):
    """A process that was told to leave has had its time."""

    process: Process


@dataclass(frozen=True, slots=True)
class CheckTime(Message["Slot", None]):
    """See whether the job that runs has run for longer than it may."""


@dataclass(frozen=True, slots=True)
class LastWords(Message["Slot", None]):
    """The time in which a slot has to stop is nearly up."""


@dataclass(frozen=True, slots=True)
class LookBack(Message["Slot", None]):
    """See whether jobs wait behind one that runs longer than was estimated."""


@dataclass(frozen=True, slots=True)
class Hatch(Message["Slot", None]):
    """Ask for a new process, after a pause."""


# -- to the nursery ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spawn(Message[Any, "Process"]):
    """Make a pool process; the nursery answers when it has been forked, and kills it when `owner` has ended."""

    owner: Ref[Slot]


# -- to the committer --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Commit(Message["Committer", None]):
    """Make these outcomes durable, and tell the claim's dispatch.

    early: the messages of outcomes that acknowledge what has yet to run, by tag; where nobody is left to run it, it is
    published anew.
    """

    claim: Claim
    outcomes: list[Outcome]
    early: Mapping[int, Delivery] = field(default_factory=dict[int, "Delivery"])


@dataclass(frozen=True, slots=True)
class Committed(Message["Committer", None]):
    """The broker has answered a batch."""

    claim: Claim
    carried: Carried


@dataclass(frozen=True, slots=True)
class CommitFailed(Message["Committer", None]):
    """The broker did not take a batch."""

    claim: Claim
    error: BaseException


@dataclass(frozen=True, slots=True)
class CommitAgain(Message["Committer", None]):
    """Offer a batch once more."""

    claim: Claim


# -- to the watchman ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Renew(Message["Watchman", None]):
    """Renew the lease."""


@dataclass(frozen=True, slots=True)
class Renewed(Message["Watchman", None]):
    """The broker has answered: `held` is False where the lease was lost."""

    held: bool


@dataclass(frozen=True, slots=True)
class RenewFailed(Message["Watchman", None]):
    """The broker could not be asked."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Drained(Message["Watchman", None]):
    """Nothing is in hand any more, or nobody is left to say so."""


@dataclass(frozen=True, slots=True)
class GraceOver(Message["Watchman", None]):
    """Running tasks have had their time."""
