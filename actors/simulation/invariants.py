"""What must hold in every simulation, whatever the schedule and the faults: the kernel's own properties."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

from ..events import ActorStopped, ChildRestarted
from ..life import Status
from ..messages import ChildExited, ChildFailed, ChildStartFailed, Down, StopSignal
from .watching import WatchedCell

if TYPE_CHECKING:
    from collections import deque

    from ..cell import Cell
    from ..supervision.supervisor import Supervisor
    from ..system import System
    from .watching import WatchedTimer

Complaint = str | None
"""What is wrong, or None."""


class Invariant:
    """Something that always holds. Subclass it, and override what you want to see; return what is wrong, if anything.

    It must change nothing: neither the actors nor what is drawn.
    """

    name: str = "an invariant without a name"

    def spawned(self, cell: WatchedCell) -> Complaint:
        """See an incarnation that was made."""

    def told(self, cell: WatchedCell, event: Any) -> Complaint:
        """See what the kernel tells a cell: the end of another, the message of a timer."""

    def handles(self, cell: WatchedCell, item: Any) -> Complaint:
        """See a message that is about to be handled, or the envelope of an ask."""

    def fires(self, timer: WatchedTimer) -> Complaint:
        """See a timer that fires."""

    def published(self, event: ActorStopped | ChildRestarted) -> Complaint:
        """See an event of a system."""

    def after_step(self, touched: Iterable[WatchedCell]) -> Complaint:
        """See the world after a step, and the cells that something happened to in it."""

    def at_rest(self, cells: Iterable[WatchedCell]) -> Complaint:
        """See the living cells when faults are over and nothing is left to do."""


class Always(Invariant):
    """A condition that holds after every step; it may also raise."""

    def __init__(self, name: str, condition: Callable[[], object]) -> None:
        self.name = name
        self._condition = condition

    def after_step(self, touched: Iterable[WatchedCell]) -> Complaint:
        """See `Invariant`."""
        try:
            return None if self._condition() else "it does not hold"
        except Exception as error:  # noqa: BLE001 - the reason why it does not hold
            return f"{type(error).__name__}: {error}"


class Conservation(Invariant):
    """Sent = handled + bounced + waiting, for each incarnation (property 74)."""

    name = "conservation"

    def after_step(self, touched: Iterable[WatchedCell]) -> Complaint:
        """See `Invariant`."""
        for cell in touched:
            waiting = len(cell.mailbox.user) + cell.coming
            if cell.sent != cell.handled + cell.bounced + waiting and not cell.vanished:
                return (
                    f"{cell.ref} was sent {cell.sent} messages, of which {cell.handled} were handled, "
                    f"{cell.bounced} bounced, and {waiting} wait"
                )
        return None


class SignalsFirst(Invariant):
    """No message is handled while a signal waits (property 75)."""

    name = "signals overtake messages"

    def handles(self, cell: WatchedCell, item: Any) -> Complaint:
        """See `Invariant`."""
        if not cell.mailbox.signals:
            return None
        return f"{cell.ref} handles {type(item).__name__} while {cell.mailbox.signals[0]!r} waits"


class OneLife(Invariant):
    """At most one incarnation lives at a path, apart from those whose parents have ended."""

    name = "one incarnation at a path"

    def __init__(self) -> None:
        self._at: dict[tuple[System, str], list[WatchedCell]] = {}

    def spawned(self, cell: WatchedCell) -> Complaint:
        """See `Invariant`."""
        here = self._at.setdefault((cell.system, cell.path), [])
        here[:] = [other for other in here if other.alive and is_rooted(other)]
        here.append(cell)
        if len(here) == 1:
            return None
        return f"{' and '.join(str(each.ref) for each in here)} live at the same time"


class RestartIntensity(Invariant):
    """No supervisor restarts a child that ends by itself more often than its intensity allows (property 58).

    A restart is counted at some moment between the child's end and its new start. So many of them from the first end to
    the last start, in one period, are one too many whenever each was counted.
    """

    name = "restart intensity"

    def __init__(self) -> None:
        self._ends: dict[tuple[WatchedCell, str], float] = {}
        self._restarts: dict[tuple[WatchedCell, str], list[float]] = {}

    def told(self, cell: WatchedCell, event: Any) -> Complaint:
        """See `Invariant`."""
        if isinstance(event, ChildExited | ChildStartFailed | ChildFailed) and not cell_of(event.child).ordered:
            self._ends[cell, event.child.path] = cell.system.clock.now()

    def published(self, event: ActorStopped | ChildRestarted) -> Complaint:
        """See `Invariant`."""
        if isinstance(event, ActorStopped):
            return None
        cell = cell_of(event.supervisor)
        place = (cell, event.ref.path)
        ended, supervisor = self._ends.pop(place, None), cast("Supervisor | None", cell.actor)
        if ended is None or supervisor is None:
            return None  # it was stopped for the sake of another, whose restart this is
        since = cell.system.clock.now() - supervisor.period
        ends = self._restarts[place] = [end for end in (*self._restarts.get(place, ()), ended) if end >= since]
        if len(ends) <= supervisor.intensity:
            return None
        return (
            f"{event.supervisor} has restarted {event.child_id!r} {len(ends)} times in {supervisor.period:g} s, "
            f"where its intensity is {supervisor.intensity}"
        )


class NoOrphans(Invariant):
    """Who ends has told its children to stop, and in the end none of them is left."""

    name = "no orphans"

    def __init__(self) -> None:
        self._ended: list[WatchedCell] = []

    def published(self, event: ActorStopped | ChildRestarted) -> Complaint:
        """See `Invariant`."""
        if isinstance(event, ActorStopped):
            self._ended.append(cell_of(event.ref))

    def after_step(self, touched: Iterable[WatchedCell]) -> Complaint:
        """See `Invariant`."""
        ended, self._ended = self._ended, []
        for parent in ended:
            for child in map(cell_of, parent.children):
                if child.alive and not is_told_to_stop(child):
                    return f"{child.ref} goes on, although {parent.ref} has ended"
        return None

    def at_rest(self, cells: Iterable[WatchedCell]) -> Complaint:
        """See `Invariant`."""
        orphan = next((cell for cell in cells if not is_rooted(cell)), None)
        return None if orphan is None else f"{orphan.ref} lives, and its parent has ended"


class DeadTimers(Invariant):
    """A timer fires in the life in which it was set, or not at all (property 78)."""

    name = "timers of the dead"

    def fires(self, timer: WatchedTimer) -> Complaint:
        """See `Invariant`."""
        cell = timer.cell
        if cell.alive and cell.lives == timer.set_in:
            return None
        return f"a timer fires {timer.message!r} into {cell.ref}, whose life in which it was set is over"


class ToldOnce(Invariant):
    """Each monitor is told of an end once, and each parent of a child's (property 72)."""

    name = "an end is told once"

    def __init__(self) -> None:
        self._told: set[tuple[WatchedCell, object]] = set()

    def told(self, cell: WatchedCell, event: Any) -> Complaint:
        """See `Invariant`."""
        match event:
            case Down():
                end = (cell, event.monitor)
            case ChildExited() | ChildStartFailed():
                end = (cell, event.child)
            case _:
                return None
        if end in self._told:
            return f"{cell.ref} is told again: {event!r}"
        self._told.add(end)
        return None


class NameFreed(Invariant):
    """A name is free before anybody is told of the end of its holder (property 73)."""

    name = "the name is free before the end is told"

    def told(self, cell: WatchedCell, event: Any) -> Complaint:
        """See `Invariant`."""
        match event:
            case Down(_, ended, _) | ChildExited(ended, _) | ChildStartFailed(ended, _):
                pass
            case _:
                return None
        if cell.system.find(ended.path) != ended:
            return None
        return f"{cell.ref} is told of the end of {ended}, which still has its name"


class EveryEndTold(Invariant):
    """In the end nobody waits to be told of the end of an actor that has ended (properties 71 and 72)."""

    name = "every end is told"

    def at_rest(self, cells: Iterable[WatchedCell]) -> Complaint:
        """See `Invariant`."""
        for cell in cells:
            for peer in (*cell.bonds.watching.values(), *cell.bonds.links):
                there: Any = cell_of(peer)
                if isinstance(there, WatchedCell) and not there.alive and not there.vanished:
                    return f"{cell.ref} was not told of the end of {peer}: {there.life.reason}"
        return None


def kernel_invariants() -> list[Invariant]:
    """Return the invariants that every simulation watches."""
    return [
        Conservation(),
        SignalsFirst(),
        OneLife(),
        RestartIntensity(),
        NoOrphans(),
        DeadTimers(),
        ToldOnce(),
        NameFreed(),
        EveryEndTold(),
    ]


def cell_of(ref: Any) -> WatchedCell:
    """Return the cell behind a ref; one to another node has none."""
    return ref._cell


def is_rooted(cell: Cell) -> bool:
    """Whether all its ancestors live, in the lives in which they made it."""
    parent = cell.parent
    while parent is not None:
        if not (parent.alive and cell.is_child_of(parent)):
            return False
        cell, parent = parent, parent.parent
    return True


def is_told_to_stop(cell: Cell) -> bool:
    """Whether it is stopping, or has the order in its mailbox."""
    signals: deque[Any] = cell.mailbox.signals
    return cell.life.status is Status.STOPPING or any(isinstance(signal, StopSignal) for signal in signals)
