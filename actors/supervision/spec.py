"""What a supervisor is told about its children: values, checked where they are made."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from .errors import BadIntensity, BadSpec, DuplicateId, UnknownStrategy

if TYPE_CHECKING:
    from ..actor import Actor

S = TypeVar("S", bound=StrEnum)


class Strategy(StrEnum):
    """Which children are restarted when one of them ends."""

    ONE_FOR_ONE = "one_for_one"
    """That one."""
    ONE_FOR_ALL = "one_for_all"
    """All of them."""
    REST_FOR_ONE = "rest_for_one"
    """That one and those that were started after it."""


class Restart(StrEnum):
    """Whether a child that ended is started again."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """Where it ended abnormally."""
    TEMPORARY = "temporary"
    """Never; its spec is forgotten."""


class AutoShutdown(StrEnum):
    """Whether a supervisor ends when significant children have."""

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long a restart waits: `first` seconds, times `factor` for each one in a row, at most `maximum`.

    jitter: the share of the delay that is random, 0 to 1. A child that ran for `reset_after` seconds starts over.
    """

    first: float = 0.1
    factor: float = 2.0
    maximum: float = 30.0
    jitter: float = 0.2
    reset_after: float = 60.0

    def __post_init__(self) -> None:
        for name, least, most in (
            ("first", 0.0, math.inf),
            ("factor", 1.0, math.inf),
            ("maximum", 0.0, math.inf),
            ("jitter", 0.0, 1.0),
            ("reset_after", 0.0, math.inf),
        ):
            given: Any = getattr(self, name)
            if not isinstance(given, int | float) or not least <= given <= most:
                bounds = f"{least:g} or more" if most == math.inf else f"{least:g} to {most:g}"
                raise BadSpec(f"a backoff's {name} is a number, {bounds}, not {given!r}")

    def delay(self, failures: int, random: float) -> float:
        """Return the seconds before restart number `failures` (1 and up); `random` is in [0, 1)."""
        delay = min(self.maximum, self.first * self.factor ** min(failures - 1, 64))
        return delay * (1 - self.jitter * random)


Shutdown = float | Literal["brutal_kill", "infinity"]


KINDS: Mapping[str, tuple[Any, str]] = {
    "args": ((tuple, list), "a tuple of arguments"),
    "kwargs": (dict, "a dict of named arguments"),
    "significant": (bool, "True or False"),
    "backoff": (Backoff | None, "a Backoff or None"),
    "after": ((tuple, list), "a tuple of ids"),
    "in_place": (bool, "True or False"),
}
"""What a spec's fields have to be: a wrong one is found where it is made, not when a child is started."""


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """How one child is started, stopped and restarted.

    actor, args, kwargs: what to run. shutdown: seconds that an ordered end may take before the child is killed, or
    "brutal_kill", or "infinity"; by default 5 s for a worker and infinity for a supervisor. backoff: None restarts at
    once. after: ids of children that are to be started before this one (see `in_start_order`). in_place: a crash leaves
    the ref, the mailbox, links and monitors as they are, and only the actor's object is replaced; the message on which
    it crashed is not handled again. Only under `one_for_one`, and not for supervisors.
    """

    id: Hashable
    actor: type[Actor]
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict[str, Any])
    restart: Restart | str = Restart.PERMANENT
    shutdown: Shutdown | None = None
    significant: bool = False
    backoff: Backoff | None = None
    after: tuple[Hashable, ...] = ()
    in_place: bool = False

    def __post_init__(self) -> None:
        from ..actor import Actor

        if self.id is None or self.id == "" or not hashable(self.id):
            raise BadSpec(f"a child spec needs an id that can be hashed, not {self.id!r}")
        if not (isinstance(self.actor, type) and issubclass(self.actor, Actor)):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise BadSpec(f"child {self.id!r}: actor must be an Actor class, not {self.actor!r}")
        object.__setattr__(self, "restart", choice(Restart, self.restart, f"child {self.id!r}: restart"))
        object.__setattr__(self, "shutdown", self._checked_shutdown())
        for name, (kinds, what) in KINDS.items():
            given = getattr(self, name)
            if not isinstance(given, kinds):
                raise BadSpec(f"child {self.id!r}: {name} is {what}, not {given!r}")
        if self.significant and self.restart is Restart.PERMANENT:
            raise BadSpec(f"child {self.id!r}: a permanent child cannot be significant, since it never ends for good")
        if self.in_place:
            self._check_in_place()

    @property
    def name(self) -> str:
        """The child's name in its path: its id, where / and # are written as in URLs."""
        return str(self.id).replace("%", "%25").replace("/", "%2F").replace("#", "%23")

    @property
    def is_supervisor(self) -> bool:
        """Whether the child supervises others."""
        from .supervisor import Supervisor

        return issubclass(self.actor, Supervisor)

    def _check_in_place(self) -> None:
        if self.is_supervisor:
            raise BadSpec(f"child {self.id!r}: a supervisor is not restarted in place: its children start anew with it")
        if self.restart is Restart.TEMPORARY:
            raise BadSpec(f"child {self.id!r}: a temporary child is never restarted, so not in place either")

    def _checked_shutdown(self) -> Shutdown:
        given = self.shutdown
        if given is None:
            return "infinity" if self.is_supervisor else 5.0
        if given in ("brutal_kill", "infinity"):
            return given
        if isinstance(given, int | float) and not isinstance(given, bool) and given >= 0:  # pyright: ignore[reportUnnecessaryIsInstance]
            return float(given)
        raise BadSpec(f'child {self.id!r}: shutdown is seconds (0 or more), "brutal_kill" or "infinity", not {given!r}')


@dataclass(frozen=True, slots=True)
class Flags:
    """How a supervisor behaves: more than `intensity` restarts within `period` seconds end it.

    max_children: how many it has at most, those included that are about to be restarted; None for no limit.
    """

    strategy: Strategy | str = Strategy.ONE_FOR_ONE
    intensity: int = 3
    period: float = 5.0
    auto_shutdown: AutoShutdown | str = AutoShutdown.NEVER
    max_children: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "strategy", choice(Strategy, self.strategy, "strategy", UnknownStrategy))
        object.__setattr__(self, "auto_shutdown", choice(AutoShutdown, self.auto_shutdown, "auto_shutdown"))
        if type(self.intensity) is not int or self.intensity < 0:
            raise BadIntensity(f"intensity is a number of restarts, 0 or more, not {self.intensity!r}")
        if not self.period > 0:
            raise BadIntensity(f"period is seconds, more than 0, not {self.period!r}")
        if self.max_children is not None and self.max_children < 0:
            raise BadSpec(f"max_children is a number, 0 or more, or None, not {self.max_children!r}")


def hashable(value: object) -> bool:
    """Whether `value` can be a key; a tuple that holds a list cannot, and passes for `Hashable` all the same."""
    try:
        hash(value)
    except TypeError:
        return False
    return True


def choice(kind: type[S], given: S | str, what: str, error: type[BadSpec] = BadSpec) -> S:
    """Return the member of `kind` that `given` is, or names; raises `error` naming the choices."""
    if isinstance(given, kind):
        return given
    try:
        return kind(given)
    except ValueError:
        raise error(f"{what} is one of {', '.join(kind)}, not {given!r}") from None


def checked_children(specs: Sequence[ChildSpec], flags: Flags) -> list[ChildSpec]:
    """Return `specs` in start order; raises `BadSpec` for what is no spec, a duplicate id, or one the flags forbid."""
    if not isinstance(specs, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - not everybody checks types
        raise BadSpec(f"children() returns a list of ChildSpecs, not {specs!r}")
    specs = list(specs)
    names: dict[str, Hashable] = {}
    for spec in specs:
        check_spec(spec, flags)
        if spec.name in names:
            raise DuplicateId(f"two children have the id {spec.id!r}, or one that reads the same: {names[spec.name]!r}")
        names[spec.name] = spec.id
    return in_start_order(specs)


def check_spec(spec: object, flags: Flags) -> None:
    """Raise `BadSpec` for what is no spec, or one that `flags` forbid."""
    if not isinstance(spec, ChildSpec):
        raise BadSpec(f"a supervisor's child is described by a ChildSpec, not {spec!r}")
    if spec.significant and flags.auto_shutdown is AutoShutdown.NEVER:
        raise BadSpec(f'child {spec.id!r} is significant, but auto_shutdown is "never"')
    if spec.in_place and flags.strategy is not Strategy.ONE_FOR_ONE:
        raise BadSpec(f"child {spec.id!r} is restarted in place, which is for one_for_one alone, not {flags.strategy}")


def in_start_order(specs: Sequence[ChildSpec]) -> list[ChildSpec]:
    """Return `specs` so that each comes after those it names in `after`, else in the order given.

    Raises `BadSpec` for an unknown id and for a circle.
    """
    by_id = {spec.id: spec for spec in specs}
    ordered: dict[Hashable, ChildSpec] = {}

    def place(spec: ChildSpec, behind: tuple[Hashable, ...]) -> None:
        if spec.id in ordered:
            return
        if spec.id in behind:
            raise BadSpec(f"children wait for each other: {' -> '.join(map(repr, (*behind, spec.id)))}")
        for needed in spec.after:
            if needed not in by_id:
                raise BadSpec(f"child {spec.id!r} is to start after {needed!r}, which does not exist")
            place(by_id[needed], (*behind, spec.id))
        ordered[spec.id] = spec

    for spec in specs:
        place(spec, ())
    return list(ordered.values())
