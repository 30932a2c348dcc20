"""Logging from tasks, by Celery's module name."""

from __future__ import annotations

from ..runtime.log import TaskFormatter, get_task_logger

__all__ = ["TaskFormatter", "get_task_logger"]
