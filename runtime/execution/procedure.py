"""`Procedure`: how one task is run, worked out once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..task.task import Task
from .interruptible import Interruptible

if TYPE_CHECKING:
    from collections.abc import Callable

    from .coroutines import Coroutines
    from .soft_limit import SoftLimit


class Procedure:
    """A task's function and those of its handlers that are not the empty ones of the base class."""

    def __init__(self, task: Task[..., Any], coroutines: Coroutines) -> None:
        base: type[Task[..., Any]] = Task
        self.task = task
        self.plain: bool = type(task).__call__ is base.__call__
        self.call: Callable[..., Any] = task.run if self.plain else task
        self._starts: Callable[..., Any] | None = None
        self._coroutines = coroutines
        if task.is_async:
            starts = self._starts = self.call
            self.call = lambda *args, **kwargs: coroutines.run(starts(*args, **kwargs))
        self.before_start: Callable[..., Any] | None = _own(task, "before_start")
        self.on_success: Callable[..., Any] | None = _own(task, "on_success")
        self.after_return: Callable[..., Any] | None = _own(task, "after_return")
        self.autoretry_for: tuple[type[BaseException], ...] = tuple(task.autoretry_for)
        self.dont_autoretry_for: tuple[type[BaseException], ...] = tuple(task.dont_autoretry_for)
        self.ignore_result: bool = bool(task.ignore_result)
        self.track_started: bool = bool(task.track_started)
        self.store_errors: bool = bool(task.store_errors_even_if_ignored)
        self.soft_limit: float | None = task.soft_time_limit

    def call_within(self, limit: SoftLimit) -> Callable[..., Any]:
        """Return what calls the function within the block of `limit`."""
        starts, coroutines = self._starts, self._coroutines
        if starts is None:
            return self.call

        def call(*args: Any, **kwargs: Any) -> Any:
            coroutine = Interruptible(starts(*args, **kwargs))
            limit.interrupt = coroutine.interrupt
            return coroutines.run(coroutine)

        return call


def _own(task: Task[..., Any], name: str) -> Callable[..., Any] | None:
    return getattr(task, name) if getattr(type(task), name) is not getattr(Task, name) else None
