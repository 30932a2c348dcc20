"""Understudy: a supervised task queue."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .actors.errors import UnderstudyError
    from .runtime.app.app import App
    from .runtime.app.app import App as Celery
    from .runtime.app.proxies import current_app, current_task
    from .runtime.app.shared import shared_task
    from .runtime.canvas import Signature, chain, chord, chunks, group, signature, xmap, xstarmap
    from .runtime.results.group import GroupResult
    from .runtime.results.result import AsyncResult
    from .runtime.task.task import Task

__all__ = [
    "App",
    "AsyncResult",
    "Celery",
    "GroupResult",
    "Signature",
    "Task",
    "UnderstudyError",
    "chain",
    "chord",
    "chunks",
    "current_app",
    "current_task",
    "group",
    "shared_task",
    "signature",
    "xmap",
    "xstarmap",
]

# A name is imported when it is first used: `import understudy` must cost next to nothing, and a program that publishes
# tasks need not load a worker's supervisors. Type checkers read the imports above instead.
_HOMES = {
    "App": "runtime.app.app:App",
    "AsyncResult": "runtime.results.result:AsyncResult",
    "Celery": "runtime.app.app:App",
    "GroupResult": "runtime.results.group:GroupResult",
    "Signature": "runtime.canvas:Signature",
    "Task": "runtime.task.task:Task",
    "UnderstudyError": "actors.errors:UnderstudyError",
    "chain": "runtime.canvas:chain",
    "chord": "runtime.canvas:chord",
    "chunks": "runtime.canvas:chunks",
    "current_app": "runtime.app.proxies:current_app",
    "current_task": "runtime.app.proxies:current_task",
    "group": "runtime.canvas:group",
    "shared_task": "runtime.app.shared:shared_task",
    "signature": "runtime.canvas:signature",
    "xmap": "runtime.canvas:xmap",
    "xstarmap": "runtime.canvas:xstarmap",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, _, attribute = _HOMES[name].partition(":")
        value = globals()[name] = getattr(import_module(f"{__name__}.{module}"), attribute)
        return value

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
