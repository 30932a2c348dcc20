"""Many completions as one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import TypeVar

from ..completion import Completion

T = TypeVar("T")


def gather(parts: Sequence[Completion[T]]) -> Completion[list[T]]:
    """Return a completion of all values in order, or of the first error that there is."""
    whole: Completion[list[T]] = Completion()
    left = count(len(parts), -1)  # taking from it is atomic: parts are done in any thread

    def note(part: Completion[T]) -> None:
        error = part.error()
        if error is not None:
            whole.fail(error)
        elif next(left) == 1:
            whole.resolve([each.get() for each in parts])

    for part in parts:
        part.add_done_callback(note)
    if not parts:
        whole.resolve([])
    return whole
