"""`EagerResult`: the result of a task that ran in the calling process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from ..states import SUCCESS
from .result import AsyncResult

if TYPE_CHECKING:
    from ..app.app import App

R_co = TypeVar("R_co", covariant=True)


class EagerResult(AsyncResult[R_co]):
    """A result that is there already; nothing is stored unless `task_store_eager_result` says so."""

    def __init__(
        self,
        id: str,  # noqa: A002 - Celery's name
        value: Any,
        state: str = SUCCESS,
        traceback: str | None = None,
        *,
        name: str | None = None,
        app: App | None = None,
    ) -> None:
        super().__init__(id, app=app)
        self._final = {"status": state, "result": value, "traceback": traceback, "name": name}

    def get(self, *args: Any, **kwargs: Any) -> R_co:
        """Return the value, or raise what the task raised; waits for nothing, so it may stand inside a task."""
        return super().get(*args, **{**kwargs, "disable_sync_subtasks": False, "follow_parents": False})

    wait = get

    def forget(self) -> None:
        """Do nothing: nothing is stored."""
