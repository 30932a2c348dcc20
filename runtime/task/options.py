"""Options of tasks whose value, unless a task says otherwise, is a setting of the app."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from .task import Task

T = TypeVar("T")


def from_setting(name: str, kind: type[T]) -> T:  # noqa: ARG001 - tells the type checker what the setting holds
    """Declare a task's option that a setting gives its default."""
    return cast("T", FromSetting(name))


class FromSetting:
    """Reads a setting; a class or a task that assigns the attribute hides it."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, task: Task[..., Any] | None, owner: type | None = None) -> Any:
        return self if task is None else getattr(task.app.conf, self.name)
