"""The guard against waiting for one task inside another, which can leave every slot waiting."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar

from ..task.request import calling_request

_allowed: ContextVar[bool] = ContextVar("understudy_joins_allowed", default=False)

WARNING = (
    "Never call result.get() within a task! It holds a slot that the other task may need: use a callback, a chain or a "
    "chord, or say allow_join_result() where you know better"
)


@contextmanager
def allow_join_result() -> Generator[None]:
    """Allow waiting for results within the block, inside a task too."""
    token = _allowed.set(True)
    try:
        yield
    finally:
        _allowed.reset(token)


def check_join() -> None:
    """Raise `RuntimeError` inside a task that a worker runs, unless it is allowed."""
    if _allowed.get():
        return
    request = calling_request()
    if request is not None and not request.is_eager:
        raise RuntimeError(WARNING)
