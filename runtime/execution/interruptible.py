"""`Interruptible`: a coroutine into which an interruption can be thrown from outside of its event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

from ..exceptions import SoftTimeLimitExceeded
from .soft_limit import exceed

T = TypeVar("T")


class Interruptible(Coroutine[Any, Any, T]):
    """Runs `inner`, and raises `SoftTimeLimitExceeded` in it once it is interrupted: where it waits, or is just then.

    The event loop itself must not see the error, so an inner coroutine that waits is cancelled, and the cancellation is
    exchanged for the error on its way in.
    """

    def __init__(self, inner: Coroutine[Any, Any, T]) -> None:
        self._inner = inner
        self._task: asyncio.Task[Any] | None = None
        self._due = False

    def interrupt(self) -> None:
        """Have the error raised; for a signal handler of the thread that the event loop is in."""
        if getattr(self._inner, "cr_running", False):
            exceed()
        self._due = True
        if self._task is not None:
            self._task.get_loop().call_soon_threadsafe(self._task.cancel)

    def send(self, value: Any, /) -> Any:
        """Go on."""
        if self._task is None:
            self._task = asyncio.current_task()
            if self._due:
                return self.throw(asyncio.CancelledError())
        return self._inner.send(value)

    def throw(self, error: Any, value: Any = None, traceback: Any = None, /) -> Any:
        """Go on with an error, which is our own where it came from us."""
        raised = error if value is None else value
        if self._due and isinstance(raised, asyncio.CancelledError):
            self._due = False
            if self._task is not None:
                self._task.uncancel()
            raised = SoftTimeLimitExceeded()
        return self._inner.throw(raised if traceback is None else raised.with_traceback(traceback))

    def close(self) -> None:
        """Close the inner coroutine."""
        self._inner.close()

    def __await__(self) -> Generator[Any, Any, T]:
        return self._inner.__await__()
