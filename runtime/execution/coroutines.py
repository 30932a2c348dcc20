"""Runs coroutines to completion, on one event loop for each thread.

Tasks of one process share the loop, so that a client which a task opened is of use to the next one.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import asyncio

    from ..task.task import Task

T = TypeVar("T")


class Coroutines:
    """Event loops, made on first use; `close` ends the one of the calling thread."""

    def __init__(self) -> None:
        self._here = threading.local()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run `coroutine` to its end in the context of the caller; returns or raises what it does."""
        import asyncio  # late: it takes long to import, and most programs have no coroutines

        if asyncio._get_running_loop() is not None:  # an eager call from within a coroutine: its loop is taken
            return _run_aside(coroutine)
        runner: asyncio.Runner | None = getattr(self._here, "runner", None)
        if runner is None:
            runner = self._here.runner = asyncio.Runner()
        return runner.run(coroutine, context=contextvars.copy_context())

    def blocking(self, task: Task[..., Any]) -> Callable[..., Any]:
        """Return a function that calls `task` and waits for it, whichever kind of function it is."""
        if not task.is_async:
            return task
        return lambda *args, **kwargs: self.run(task(*args, **kwargs))

    def close(self) -> None:
        """Close this thread's event loop."""
        runner: asyncio.Runner | None = getattr(self._here, "runner", None)
        if runner is not None:
            runner.close()
            self._here.runner = None


def _run_aside(coroutine: Coroutine[Any, Any, T]) -> T:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(contextvars.copy_context().run, asyncio.run, coroutine).result()
