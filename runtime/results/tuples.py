"""The way back from `as_tuple`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..shapes import is_list
from .group import GroupResult
from .result import AsyncResult

if TYPE_CHECKING:
    from ..app.app import App


def result_from_tuple(stored: Any, app: App | None = None) -> Any:
    """Return the `AsyncResult` or `GroupResult` that nested tuples, or lists from JSON, describe."""
    head, members = stored
    task_id, parent = head if is_list(head) else (head, None)
    older = result_from_tuple(parent, app) if parent else None
    if members is None:
        return AsyncResult[Any](task_id, app=app, parent=older)
    return GroupResult(task_id, [result_from_tuple(member, app) for member in members], parent=older, app=app)
