"""`Children`: a supervisor's records of its children."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, overload

from ..reasons import Error
from .decisions import ChildEnd
from .errors import (
    AlreadyPresent,
    AlreadyStarted,
    BadSpec,
    ChildNotFound,
    ChildRestarting,
    ChildRunning,
    TooManyChildren,
)
from .messages import ChildCounts, ChildInfo
from .spec import check_spec

if TYPE_CHECKING:
    from ..reasons import ExitReason
    from ..ref import Ref
    from ..timers import Timer
    from .spec import ChildSpec, Flags


class Child:
    """A spec, and the incarnation that plays it now.

    suspended: why that has crashed, while it waits to be restarted in place.
    """

    __slots__ = (
        "again",
        "attempts",
        "culprit",
        "ended",
        "failures",
        "info",
        "overdue",
        "ref",
        "restarting",
        "restarts",
        "spec",
        "started_at",
        "stopping",
        "suspended",
    )

    def __init__(self, spec: ChildSpec) -> None:
        self.spec: ChildSpec = spec
        self.ref: Ref[Any] | None = None
        self.ended: ExitReason | None = None
        self.suspended: ExitReason | None = None
        self.info: object = None
        self.restarting: bool = False
        self.stopping: bool = False
        self.overdue: Timer | None = None
        self.started_at: float = 0.0
        self.failures: int = 0
        self.restarts: tuple[float, ...] = ()
        self.culprit: object = None
        self.attempts: int = 0
        self.again: bool = False

    def end(self, reason: ExitReason, siblings: Sequence[ChildSpec], now: float) -> ChildEnd:
        """Return its end, as a strategy sees it; counts how often it has crashed on the same message."""
        culprit = reason.culprit if isinstance(reason, Error) else None
        same = culprit is not None and culprit is self.culprit
        self.attempts = self.attempts + 1 if same else int(culprit is not None)
        self.culprit = culprit
        return ChildEnd(self.spec, reason, siblings, now, self.restarts, self.attempts)

    @property
    def lives(self) -> bool:
        """Whether an incarnation is at work that has not been seen to end."""
        return self.ref is not None and self.ended is None and self.suspended is None

    @property
    def counts(self) -> bool:
        """Whether it is at work: it runs, or its end has not been dealt with, or it will run again."""
        return self.ref is not None or self.restarting


class Siblings(Sequence["ChildSpec"]):
    """The specs of a supervisor's children in start order; a view, so that a child's end costs the same among many."""

    def __init__(self, table: Mapping[Hashable, Child]) -> None:
        self._table = table

    def __len__(self) -> int:
        return len(self._table)

    def __iter__(self) -> Iterator[ChildSpec]:
        return (child.spec for child in self._table.values())

    @overload
    def __getitem__(self, index: int) -> ChildSpec: ...
    @overload
    def __getitem__(self, index: slice) -> list[ChildSpec]: ...
    def __getitem__(self, index: int | slice) -> ChildSpec | list[ChildSpec]:
        return list(self)[index]


class Children:
    """All children, in start order: found by id, and those that run by ref."""

    def __init__(self, path: str, flags: Flags, specs: Iterable[ChildSpec]) -> None:
        self._path = path
        self._flags = flags
        self._table = {spec.id: Child(spec) for spec in specs}
        self._by_ref: dict[Ref[Any], Child] = {}

    def __iter__(self) -> Iterator[Child]:
        return iter(list(self._table.values()))

    def __reversed__(self) -> Iterator[Child]:
        return iter(list(reversed(self._table.values())))

    @property
    def ids(self) -> tuple[Hashable, ...]:
        """The ids of all children."""
        return tuple(self._table)

    @property
    def specs(self) -> Siblings:
        """The specs of all children."""
        return Siblings(self._table)

    def infos(self) -> list[ChildInfo]:
        """Return what is known of each child."""
        return [
            ChildInfo(child.spec.id, child.ref if child.lives else None, child.restarting, child.spec, child.info)
            for child in self._table.values()
        ]

    def counts(self) -> ChildCounts:
        """Return how many there are of each kind."""
        children = self._table.values()
        active = sum(child.lives for child in children)
        supervisors = sum(child.spec.is_supervisor for child in children)
        return ChildCounts(len(children), active, supervisors, len(children) - supervisors)

    # -- one by one ------------------------------------------------------------------------------------------------

    def get(self, child_id: Hashable) -> Child:
        """Return a child; raises `ChildNotFound`."""
        try:
            return self._table[child_id]
        except (KeyError, TypeError):  # what cannot be hashed is nobody's id
            raise ChildNotFound(f"{self._path} has no child {child_id!r}") from None

    def idle(self, child_id: Hashable) -> Child:
        """Return a child that does not run, and is not about to; raises a `SupervisorError` that says why not."""
        child = self.get(child_id)
        if child.restarting:
            raise ChildRestarting(f"child {child_id!r} is about to be restarted")
        if child.ref is not None:
            raise ChildRunning(f"child {child_id!r} is running: terminate it first")
        return child

    def restarting(self, child_id: Hashable) -> Child | None:
        """Return a child that is about to be restarted, or None."""
        child = self._table.get(child_id)
        return child if child is not None and child.restarting else None

    def playing(self, ref: Ref[Any]) -> Child | None:
        """Return the child whose incarnation `ref` is, or None."""
        return self._by_ref.get(ref)

    def group(self, ids: Iterable[Hashable]) -> list[Child]:
        """Return those children of `ids` that there are."""
        return [self._table[each] for each in ids if each in self._table]

    def check_group(self, ids: Sequence[Hashable]) -> None:
        """Raise `LookupError` where none of the ids of a decision is a child's; some may be gone, or none be meant."""
        if ids and not any(each in self._table for each in ids):
            there = ", ".join(map(repr, self.ids))
            raise LookupError(f"decide() replaces {ids!r}, none of them a child of {self._path}: there are {there}")

    # -- changes ---------------------------------------------------------------------------------------------------

    def add(self, spec: ChildSpec) -> Child:
        """Take in another child; raises a `SupervisorError` that says why not."""
        check_spec(spec, self._flags)
        known = self._table.get(spec.id)
        if known is not None:
            if known.lives:
                raise AlreadyStarted(f"child {spec.id!r} is running", known.ref)
            raise AlreadyPresent(f"child {spec.id!r} is specified already: restart it, or delete it first")
        unknown = [each for each in spec.after if each not in self._table]
        if unknown:
            raise BadSpec(f"child {spec.id!r} is to start after {unknown[0]!r}, which does not exist")
        most = self._flags.max_children
        if most is not None and len(self._table) >= most:
            raise TooManyChildren(f"{self._path} has {most} children already, as many as its max_children allows")
        child = self._table[spec.id] = Child(spec)
        return child

    def forget(self, child: Child) -> None:
        """Drop a child's record; idempotent."""
        if self._table.get(child.spec.id) is child:
            del self._table[child.spec.id]

    def enter(self, child: Child, ref: Ref[Any]) -> None:
        """Note the incarnation that plays a child now."""
        child.ref = ref
        self._by_ref[ref] = child

    def leave(self, child: Child) -> None:
        """Note that nobody plays a child now."""
        if child.ref is not None:
            self._by_ref.pop(child.ref, None)
        if child.overdue is not None:
            child.overdue.cancel()
        child.ref = child.ended = child.suspended = child.info = child.overdue = None
        child.stopping = False
