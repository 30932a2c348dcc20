"""`Registry`: an app's tasks by name."""

from __future__ import annotations

from typing import Any

from ..exceptions import AlreadyRegistered, NotRegistered
from ..task.task import Task


class Registry(dict[str, Task[..., Any]]):
    """Tasks by name; asking for one that is not there raises `NotRegistered`."""

    def __missing__(self, name: object) -> Task[..., Any]:
        raise NotRegistered(name)

    def register(self, task: Task[..., Any]) -> None:
        """Add a task; raises `AlreadyRegistered` where another function has its name."""
        known = self.get(task.name)
        if known is not None and _origin(known) != _origin(task):
            raise AlreadyRegistered(
                f"{_origin(known)} and {_origin(task)} are both tasks named {task.name!r}: give one of them a name=..."
            )
        self[task.name] = task

    def unregister(self, task: Task[..., Any] | str) -> None:
        """Remove a task; raises `NotRegistered`."""
        name = task if isinstance(task, str) else task.name
        if name not in self:
            raise NotRegistered(name)
        del self[name]

    def regular(self) -> dict[str, Task[..., Any]]:
        """Return the tasks that are not built in."""
        return {name: task for name, task in self.items() if not name.startswith(("celery.", "understudy."))}


def _origin(task: Task[..., Any]) -> str:
    """Return where a task is defined; a module that is loaded again, or a cell run again, defines the same one."""
    return f"{type(task).__module__}.{type(task).__qualname__}"
