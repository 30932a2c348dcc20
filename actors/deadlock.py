"""`Deadlock`: what is raised instead of waiting for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .errors import UnderstudyError

if TYPE_CHECKING:
    from .cell import Cell


class Deadlock(UnderstudyError):
    """Something is waited for that cannot come any more; says who waits for whom."""


def refuse_circle(cell: Cell) -> None:
    """Raise `Deadlock` where the turn of `cell`, by what it waits for, waits for itself.

    Of several that close a circle at the same moment at least one notices, if each notes its own wait before it looks.
    """
    waiting = [cell]
    while True:
        completion = waiting[-1].waits_for
        if completion is None or completion.answerer is None or completion.done():
            return
        answerer = completion.answerer
        waiting.append(answerer)
        if answerer is cell:
            circle = " -> ".join(each.path for each in waiting)
            raise Deadlock(f"{circle}: each waits for the next one's answer; ask with block=False")
        if answerer in waiting[:-1]:
            return  # others go in a circle, and are told
