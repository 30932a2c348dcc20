"""`shared_task`: a task of whichever app is current, for libraries that have none."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeVar, overload

from .current import find_current_app, share
from .definition import BoundDecorator, Decorator

if TYPE_CHECKING:
    from ..task.task import AsyncTask, Task
    from .app import App

P = ParamSpec("P")
R = TypeVar("R")


@overload
def shared_task(function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncTask[P, R]: ...


@overload
def shared_task(function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def shared_task(*, bind: Literal[True], **options: Any) -> BoundDecorator: ...


@overload
def shared_task(*, bind: Literal[False] = False, **options: Any) -> Decorator: ...


def shared_task(function: Any = None, /, **options: Any) -> Any:
    """Make a task that every app of the process has; a decorator, with the options of `App.task`.

    Calling it calls the current app's task.
    """

    def decorate(decorated: Callable[..., Any]) -> SharedTask:
        return SharedTask(decorated, options)

    return decorate if function is None else decorate(function)


class SharedTask:
    """Stands for the task of that name in the current app."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        self._function = function
        self._options = options
        update_wrapper(self, function)
        share(self.define)

    def __repr__(self) -> str:
        return f"<shared {self.current()!r}>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.current()(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy and pickle ask for protocols
            raise AttributeError(name)
        return getattr(self.current(), name)

    def define(self, app: App) -> Task[..., Any]:
        """Make the task in `app`."""
        return app.define(self._function, **self._options)

    def current(self) -> Task[..., Any]:
        """Return the current app's task."""
        app = find_current_app()
        name = self._options.get("name")
        return app.tasks[name or app.gen_task_name(self._function.__name__, self._function.__module__)]
