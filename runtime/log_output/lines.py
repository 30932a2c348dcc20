"""What a line of the log looks like."""

from __future__ import annotations

import logging

from ..log import NO_TASK, TASK_LOGGER, TaskContext

COLORS = {"DEBUG": "\033[34m", "WARNING": "\033[33m", "ERROR": "\033[31m", "CRITICAL": "\033[35m"}
RESET = "\033[0m"


class LineFormatter(logging.Formatter):
    """Formats what tasks log in one format, and what the runtime says, of tasks too, in another.

    process: shown as `%(processName)s`. colored: whole lines, by their level.
    """

    def __init__(self, runtime_format: str, task_format: str, process: str, *, colored: bool) -> None:
        super().__init__()
        self._runtime = logging.Formatter(runtime_format)
        self._task = logging.Formatter(task_format)
        self._context = TaskContext()
        self._process = process
        self._colored = colored

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as text; it has to be formatted in the thread that made it."""
        self._context.filter(record)
        record.processName = self._process
        text = (self._task if _is_of_a_task(record) else self._runtime).format(record)
        color = COLORS.get(record.levelname) if self._colored else None
        return f"{color}{text}{RESET}" if color else text


def _is_of_a_task(record: logging.LogRecord) -> bool:
    """Tell whether a task logged it; lines of `TASK_LOGGER` itself speak about tasks, and name them."""
    return getattr(record, "task_id", NO_TASK) != NO_TASK and record.name != TASK_LOGGER
