"""What follows from a result: the tree of what its task has called, and functions that wait for its end."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ..exceptions import IncompleteStream
from ..states import PENDING

if TYPE_CHECKING:
    from .result import AsyncResult

Told = Callable[[Any], object]
Pair = tuple["AsyncResult[Any] | None", "AsyncResult[Any]"]


def tree_of(result: AsyncResult[Any], *, intermediate: bool) -> Iterator[Pair]:
    """Yield parent and result, breadth first; raises `IncompleteStream` at one that has not finished.

    intermediate: leave out what those have called that have not finished, and raise nothing.
    """
    waiting: deque[Pair] = deque([(None, result)])
    while waiting:
        parent, node = waiting.popleft()
        yield parent, node
        if node.ready():
            waiting.extend((node, child) for child in node.children)
        elif not intermediate:
            raise IncompleteStream(f"task {node.id} has not finished: what it calls is not known yet")


class Followers:
    """Functions that are called once when a result is final; not thread-safe, as a result is not changed by several."""

    def __init__(self) -> None:
        self._waiting: list[tuple[Told, Callable[[Exception], object] | None]] = []

    def add(self, told: Told, on_error: Callable[[Exception], object] | None) -> None:
        """Have `told` called with the result; on_error: called with what it raises, which is raised otherwise."""
        self._waiting.append((told, on_error))

    def tell(self, result: AsyncResult[Any]) -> None:
        """Call each of them, in the order in which they came."""
        waiting, self._waiting = self._waiting, []
        for told, on_error in waiting:
            try:
                told(result)
            except Exception as error:
                if on_error is None:
                    raise
                on_error(error)


class Watch:
    """Tells a function of each state in which a task is seen, once."""

    def __init__(self, told: Callable[[dict[str, Any]], object]) -> None:
        self._told = told
        self._seen = ""

    def see(self, meta: dict[str, Any]) -> None:
        """Tell the function, unless it was told the same before, or nothing is stored."""
        shown = repr(meta)
        if meta["status"] != PENDING and shown != self._seen:
            self._seen = shown
            self._told(meta)
