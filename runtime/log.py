"""Logging from tasks: loggers whose records say which task they come from.

Nothing here touches the root logger; the worker command sets up handlers.
"""

from __future__ import annotations

import logging

from .task.request import current_request

TASK_LOGGER = "understudy.task"
NO_TASK = "???"


class TaskContext(logging.Filter):
    """Adds `task_id` and `task_name` to records; outside of tasks they are `???`, as in Celery.

    On a handler it serves every record that the handler gets, those of other libraries too.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark the record; keep it."""
        request = current_request()
        record.task_id = request.id or NO_TASK if request is not None else NO_TASK
        record.task_name = request.task or NO_TASK if request is not None else NO_TASK
        return True


class TaskFormatter(logging.Formatter):
    """Formats records with `%(task_id)s` and `%(task_name)s`, wherever they come from."""

    _context = TaskContext()

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text; it has to be formatted in the thread that made it."""
        if not hasattr(record, "task_id"):
            self._context.filter(record)
        return super().format(record)


def get_task_logger(name: str) -> logging.Logger:
    """Return the logger of that name for use in tasks: its records carry `task_id` and `task_name`.

    It hangs below the logger `understudy.task`, whose level and handlers it has unless it gets some of its own.
    """
    if name in ("", "root", TASK_LOGGER):
        raise ValueError(f"{name!r} is not for tasks: use the module's own name, get_task_logger(__name__)")
    logger = logging.getLogger(name)
    if logger.parent is logger.root:
        logger.parent = logging.getLogger(TASK_LOGGER)
    if not any(isinstance(known, TaskContext) for known in logger.filters):
        logger.addFilter(TaskContext())
    return logger
