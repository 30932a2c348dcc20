"""The current app, and tasks that are shared by all apps.

The one exception to the rule that nothing lives in modules: libraries define tasks with `shared_task` before there is
an app, so apps have to be found without being passed. An app that is made becomes the current one of its process
(unless `set_as_current=False`), in every thread.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..exceptions import AppNotFound
from ..task.request import current_request

if TYPE_CHECKING:
    from ..task.task import Task
    from .app import App

Definition = Callable[["App"], Any]


class _Apps:
    """The apps of this process."""

    def __init__(self) -> None:
        self.current: App | None = None
        self.all: weakref.WeakSet[App] = weakref.WeakSet()
        self.definitions: list[Definition] = []


_apps = _Apps()


def find_current_app() -> App:
    """Return the app of the task that is running here, else the one made last, else a new one with defaults."""
    request = current_request()
    if request is not None and request.owner is not None:
        return request.owner.app
    if _apps.current is None:
        from .app import App

        _apps.current = App("default")
    return _apps.current


def find_current_task() -> Task[..., Any] | None:
    """Return the task that is running here, or None outside of tasks."""
    request = current_request()
    return request.owner if request is not None else None


def app_of(main: str | None) -> App:
    """Return the app of that name, the current one if it has it; raises `AppNotFound`."""
    if _apps.current is not None and _apps.current.main == main:
        return _apps.current
    for app in _apps.all:
        if app.main == main:
            return app
    raise AppNotFound(f"this process has no app {main!r}: import the module that makes it")


def set_current(app: App) -> None:
    """Make `app` the current one."""
    _apps.current = app


def enrol(app: App) -> None:
    """Note that an app was made."""
    _apps.all.add(app)


def share(definition: Definition) -> None:
    """Define a task in every app, those that are made later too."""
    _apps.definitions.append(definition)
    for app in _apps.all:
        if app.finalized:
            definition(app)


def shared_definitions() -> tuple[Definition, ...]:
    """Return the definitions of shared tasks."""
    return tuple(_apps.definitions)
