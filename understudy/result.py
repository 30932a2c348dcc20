"""Results, by Celery's module name."""

from __future__ import annotations

from .runtime.results.eager import EagerResult
from .runtime.results.group import GroupResult, ResultSet
from .runtime.results.result import AsyncResult
from .runtime.results.tuples import result_from_tuple

__all__ = ["AsyncResult", "EagerResult", "GroupResult", "ResultSet", "result_from_tuple"]
