"""`current_app` and `current_task`, as objects that stand for whichever that is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .current import find_current_app, find_current_task

if TYPE_CHECKING:
    from ..task.task import Task
    from .app import App


class Proxy:
    """Passes everything on to what `find` returns at that moment."""

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[], Any]) -> None:
        object.__setattr__(self, "_find", find)

    _find: Callable[[], Any]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._find(), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._find(), name, value)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._find()(*args, **kwargs)

    def __bool__(self) -> bool:
        return bool(self._find())

    def __eq__(self, other: object) -> bool:
        return self._find() == (other._find() if isinstance(other, Proxy) else other)

    def __hash__(self) -> int:
        return hash(self._find())

    def __repr__(self) -> str:
        return repr(self._find())


if TYPE_CHECKING:
    current_app: App
    current_task: Task[..., Any] | None
else:
    current_app = Proxy(find_current_app)
    current_task = Proxy(find_current_task)
