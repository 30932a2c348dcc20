"""`KnownRefs`: which refs an actor's child process has, by their numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from ..ref import Ref


class RefName(NamedTuple):
    """What stands for a ref in a frame to a child process."""

    number: int
    text: str
    path: str
    uid: int
    born_in: int


class KnownRefs:
    """Numbers the refs that a child process was given; the actor's own, the first, is 0. One thread."""

    def __init__(self) -> None:
        self._refs: dict[int, Ref[Any]] = {}
        self._numbers: dict[Ref[Any], int] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._refs)

    def name(self, ref: Ref[Any]) -> RefName:
        """Return what stands for `ref`, which the child process has from now on."""
        number = self._numbers.get(ref)
        if number is None:
            number = self._numbers[ref] = self._next
            self._refs[number] = ref
            self._next += 1
        return RefName(number, str(ref), ref.path, ref.uid, ref.born_in)

    def find(self, number: int) -> Ref[Any]:
        """Return the ref of a number that came from the child process."""
        return self._refs[number]

    def drop(self, numbers: Iterable[int]) -> None:
        """Forget what the child process has no more."""
        for number in numbers:
            del self._numbers[self._refs.pop(number)]
