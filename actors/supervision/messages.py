"""What a supervisor is asked, and what it tells itself."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..messages import Message

if TYPE_CHECKING:
    from ..reasons import ExitReason
    from ..ref import Ref
    from .spec import ChildSpec
    from .supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class StartChild(Message["Supervisor", "Ref[Any] | None"]):
    """Add a child and start it; answered with its ref, or None where it chose not to run.

    Raises `AlreadyStarted`, `AlreadyPresent`, `BadSpec`, `ChildStartError` (the spec is then forgotten), and
    `TooManyChildren`.
    """

    spec: ChildSpec


@dataclass(frozen=True, slots=True)
class TerminateChild(Message["Supervisor", None]):
    """Stop a child and keep its spec, unless it is temporary or its supervisor dynamic.

    Idempotent. Raises `ChildNotFound`.
    """

    id: Hashable


@dataclass(frozen=True, slots=True)
class RestartChild(Message["Supervisor", "Ref[Any] | None"]):
    """Start a terminated child; answered as `StartChild`.

    Raises `ChildRunning`, `ChildRestarting`, `ChildNotFound`, and `ChildStartError` (the spec is then kept).
    """

    id: Hashable


@dataclass(frozen=True, slots=True)
class DeleteChild(Message["Supervisor", None]):
    """Forget a terminated child. Raises `ChildRunning`, `ChildRestarting`, `ChildNotFound`."""

    id: Hashable


@dataclass(frozen=True, slots=True)
class WhichChildren(Message["Supervisor", "list[ChildInfo]"]):
    """Answered with all children in start order."""


@dataclass(frozen=True, slots=True)
class CountChildren(Message["Supervisor", "ChildCounts"]):
    """Answered with how many there are."""


@dataclass(frozen=True, slots=True)
class ChildInfo:
    """One child: `ref` is None where it does not run; `restarting` where it is about to.

    info: what it passed to `started()`.
    """

    id: Hashable
    ref: Ref[Any] | None
    restarting: bool
    spec: ChildSpec
    info: object = None


@dataclass(frozen=True, slots=True)
class ChildCounts:
    """How many specs there are, how many children live, and how many specs are of each kind."""

    specs: int
    active: int
    supervisors: int
    workers: int


@dataclass(frozen=True, slots=True)
class Budget:
    """A supervisor's patience: `used` of `intensity` restarts within `period` seconds; one more than that ends it."""

    strategy: str
    intensity: int
    period: float
    used: int


@dataclass(frozen=True, slots=True)
class Role:
    """A child as it is seen from outside: its name in its path, whether it runs, and whether it is about to."""

    name: str
    runs: bool
    restarting: bool


@dataclass(frozen=True, slots=True)
class TryAgain(Message["Supervisor", None]):
    """The start of `id`, the first of a group `ids` that is being restarted, failed, and is due again."""

    id: Hashable
    ids: tuple[Hashable, ...]
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class BackoffOver(Message["Supervisor", None]):
    """A restart of `ids`, for the sake of `id`, has waited long enough."""

    id: Hashable
    ids: tuple[Hashable, ...]
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class StopOverdue(Message["Supervisor", None]):
    """A child has used up its time to stop."""

    child: Ref[Any]
