"""Partitions: many actors of one kind, each for its share of the keys (Elixir's PartitionSupervisor)."""

from __future__ import annotations

import os
from collections.abc import Hashable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from ..actor import Actor
from ..completion import Completion
from ..ref import Ref
from ..supervision.spec import ChildSpec
from .keys import partition_of
from .pool import Pool

if TYPE_CHECKING:
    from ..messages import Message
    from ..system import System

A = TypeVar("A", bound=Actor)
R = TypeVar("R")


class PartitionSupervisor(Pool):
    """Supervises `partitions` children of one kind, as many as there are processors unless it is told another number.

    `Partitions` is the way to them. What one actor would be too slow for, or hold too much of, is dealt out by key: all
    of a key is with one of them.
    """

    def __init__(self, child: ChildSpec, partitions: int | None = None) -> None:
        super().__init__(child, os.cpu_count() or 1 if partitions is None else partitions)


@dataclass(frozen=True, slots=True)
class Partitions(Generic[A]):
    """The way to the partitions of the supervisor at `path`: nothing stands between sender and partition.

    partitions: as many as that has. It resolves names at each call, so that restarts do not matter. Any thread.
    """

    system: System
    path: str
    partitions: int

    def __post_init__(self) -> None:
        if type(self.partitions) is not int or self.partitions < 1:
            raise ValueError(f"there is at least one partition, not {self.partitions!r}")

    def of(self, key: Hashable) -> Ref[A]:
        """Return the actor that has `key` now; raises `ActorDead` where that is being restarted."""
        return self.system.get(f"{self.path}/{partition_of(key, self.partitions)}")

    def all(self) -> list[Ref[A]]:
        """Return those of all partitions that are there now."""
        found = (self.system.find(f"{self.path}/{number}") for number in range(self.partitions))
        return [ref for ref in found if ref is not None]

    def tell(self, key: Hashable, message: Message[A, Any]) -> None:
        """Tell the actor that has `key`; raises `ActorDead` where that is being restarted, and what `Ref.tell` does."""
        self.of(key).tell(message)

    @overload
    def ask(self, key: Hashable, message: Message[A, R], *, timeout: float | None = None) -> R: ...
    @overload
    def ask(self, key: Hashable, message: Message[A, R], *, block: Literal[False]) -> Completion[R]: ...
    def ask(
        self, key: Hashable, message: Message[A, R], *, block: bool = True, timeout: float | None = None
    ) -> R | Completion[R]:
        """Ask the actor that has `key`; see `Ref.ask`."""
        ref = self.of(key)
        return ref.ask(message, timeout=timeout) if block else ref.ask(message, block=False)
