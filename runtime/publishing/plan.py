"""`Plan`: what is the same in every message of one task, worked out once per state of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .confirm import RetryPolicy

if TYPE_CHECKING:
    from ..app.app import App
    from ..task.task import Task
    from .router import Router

OF_TASKS = (
    "queue",
    "exchange",
    "routing_key",
    "priority",
    "expires",
    "serializer",
    "compression",
    "delivery_mode",
    "time_limit",
    "soft_time_limit",
)


class Plan:
    """How one task's messages are made, by the settings of `version`."""

    def __init__(self, app: App, name: str, task: Task[..., Any] | None) -> None:
        conf = app.conf
        self.version: int = conf.version
        self.name = name
        self.task = task
        self.router: Router = app.derived.router
        self.eager: bool = conf.task_always_eager
        self.serializer: str = conf.task_serializer
        self.compression: str | None = conf.task_compression
        self.delivery_mode: int = conf.task_default_delivery_mode
        self.priority: int | None = conf.task_default_priority
        self.inherit_priority: bool = conf.task_inherit_parent_priority
        self.repr_levels: int = conf.task_repr_maxlevels
        self.repr_limit: int = task.resultrepr_maxsize if task is not None else 1024
        self.ignore_result: bool = bool(task.ignore_result) if task is not None else False
        self.retry: RetryPolicy = RetryPolicy.of(conf)
        own: dict[str, Any] = {key: getattr(task, key, None) for key in OF_TASKS} if task is not None else {}
        self.own: dict[str, Any] = {key: value for key, value in own.items() if value is not None}
        _check_limits(name, self.own)
        self.routed: Mapping[str, Any] | None = None
        self.destination: tuple[str, str] | None = None
        if self.router.is_static:
            self.routed = merged(self.router.route(name, (), {}, {}, task), self.own)
            self.destination = self.router.destination(self.routed)

    def options(self, args: Any, kwargs: Any, options: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what holds for one call: its own options, then the task's, then its route's."""
        if self.routed is not None:
            return merged(self.routed, options) if options else self.routed
        called = merged(self.own, options)
        return merged(self.router.route(self.name, args, kwargs, called, self.task), called)

    def ignores_result(self, options: Mapping[str, Any]) -> bool:
        """Tell whether a call with these options says that its result is not stored."""
        said = options.get("ignore_result")
        return self.ignore_result if said is None else bool(said)

    def address(self, options: Mapping[str, Any]) -> tuple[str, str]:
        """Return exchange and routing key for the options of one call."""
        if options is self.routed and self.destination is not None:
            return self.destination
        return self.router.destination(options)


def _check_limits(name: str, own: Mapping[str, Any]) -> None:
    """Raise `ValueError`, as Celery does, for a soft time limit that would never be reached."""
    hard, soft = own.get("time_limit"), own.get("soft_time_limit")
    if hard and soft and soft > hard:
        raise ValueError(f"{name}: soft_time_limit={soft} has to be less than or equal to time_limit={hard}")


def merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> Mapping[str, Any]:
    """Lay `over` on `under`; None says nothing."""
    return {**under, **{key: value for key, value in over.items() if value is not None}}
