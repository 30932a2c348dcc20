"""`Ended`: how one run of a task came out."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from functools import cached_property
from types import TracebackType
from typing import Any

from ..exceptions import Retry


@dataclass(slots=True)
class Ended:
    """state: one of `states`, REJECTED and IGNORED among them. value: what it returned. error: what it raised.

    seconds: how long it ran.
    """

    state: str
    value: Any = None
    error: BaseException | None = None
    info: ExceptionInfo | None = None
    seconds: float = 0.0

    @property
    def outcome(self) -> Any:
        """What is stored: the value, or the error; of a retry, the error that led to it."""
        if isinstance(self.error, Retry) and self.error.exc is not None:
            return self.error.exc
        return self.value if self.error is None else self.error

    @property
    def traceback(self) -> str | None:
        """The traceback as text, where there is one."""
        return self.info.traceback if self.info is not None else None


class ExceptionInfo:
    """An exception with its traceback as text; what handlers and signals get as `einfo`."""

    def __init__(self, error: BaseException, skip: int = 0) -> None:
        self.exception = error
        self.type: type[BaseException] = type(error)
        self.tb: TracebackType | None = _after(error.__traceback__, skip)

    def __str__(self) -> str:
        return self.traceback

    def __repr__(self) -> str:
        return f"<ExceptionInfo: {self.exception!r}>"

    @cached_property
    def traceback(self) -> str:
        """The traceback, from the task's own first frame on."""
        return "".join(traceback.format_exception(self.type, self.exception, self.tb))


def _after(tb: TracebackType | None, skip: int) -> TracebackType | None:
    """Leave out the runtime's own frames, unless the error came from them."""
    while skip and tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
        skip -= 1
    return tb
