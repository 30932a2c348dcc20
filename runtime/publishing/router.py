"""`Router`: which queue a task's messages go to."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import translate
from importlib import import_module
from typing import Any, cast

from ...transports.queues import Queue
from ..exceptions import ImproperlyConfigured, QueueNotFound
from ..settings import Settings
from ..shapes import is_list, is_map
from .queues import default_queue, missing_queue, named_queues, queue_of

Route = Mapping[str, Any]


class Router:
    """Routes by `task_routes`, then to the default queue. A snapshot of the settings that it was made from.

    is_static: routes depend on a task's name alone.
    """

    def __init__(self, conf: Settings) -> None:
        self._conf = conf
        self.default: Queue = default_queue(conf)
        self.queues: dict[str, Queue] = named_queues(conf)
        """By the names that routes have for them."""
        self.create_missing: bool = conf.task_create_missing_queues
        self._routes = list(_routes(conf.task_routes))
        self.is_static: bool = all(isinstance(route, _Table) for route in self._routes)

    def consumed(self) -> list[str]:
        """Return the queues that a worker takes from where it is not told otherwise."""
        return [queue.name for queue in self.queues.values()] or [self.default.name]

    def name(self, queue: str) -> str:
        """Return the name by which the broker knows a queue: a broadcast's is another in each process."""
        return self.queues[queue].name if queue in self.queues else queue

    def declared(self) -> list[Queue]:
        """Return the queues that have to be as the settings say."""
        return [*self.queues.values()] if self.default.name in self.queues else [*self.queues.values(), self.default]

    def route(self, name: str, args: Any, kwargs: Any, options: Route, task: Any = None) -> Route:
        """Return the options that `task_routes` gives a call, or none."""
        for router in self._routes:
            found = router(name, args, kwargs, options, task=task)
            if found:
                return found if is_map(found) else {"queue": found}
        return {}

    def destination(self, options: Route) -> tuple[str, str]:
        """Return exchange and routing key for a call's options; exchange "" is the broker's own, by queue name.

        Raises `QueueNotFound` for a queue that must not be made by naming it.
        """
        exchange, key = _name_of(options.get("exchange")), options.get("routing_key")
        if exchange and key:
            return exchange, key
        queue = self._queue(options.get("queue") or self.default.name)
        binding = queue.bindings[0]
        if (options.get("exchange_type") or binding.kind) == "direct":
            return "", queue.name
        return exchange or binding.exchange, key or binding.routing_key

    def _queue(self, queue: Any) -> Queue:
        if not isinstance(queue, str):
            return queue_of(queue, self._conf)
        if queue in self.queues:
            return self.queues[queue]
        if queue == self.default.name:
            return self.default
        if not self.create_missing:
            known = ", ".join(dict.fromkeys((*self.queues, self.default.name)))
            raise QueueNotFound(
                f"there is no queue {queue!r}: there are {known}, and task_create_missing_queues makes no others"
            )
        return missing_queue(queue, self._conf)


class _Table:
    """Routes by name, glob or compiled pattern, in that order of precedence."""

    def __init__(self, routes: Iterable[tuple[Any, Any]]) -> None:
        self._names: dict[str, Any] = {}
        self._patterns: list[tuple[re.Pattern[str], Any]] = []
        for pattern, route in routes:
            if isinstance(pattern, re.Pattern):
                self._patterns.append((cast("re.Pattern[str]", pattern), route))
            elif "*" in pattern or "?" in pattern or "[" in pattern:
                self._patterns.append((re.compile(translate(pattern)), route))
            else:
                self._names[pattern] = route

    def __call__(self, name: str, *_: Any, **__: Any) -> Any:
        if name in self._names:
            return self._names[name]
        return next((route for pattern, route in self._patterns if pattern.match(name)), None)


def _routes(configured: Any) -> Iterator[Callable[..., Any]]:
    """Yield a function for each router: a table, a function, an object with `route_for_task`, or the name of one."""
    if configured is None:
        return
    if isinstance(configured, str):
        configured = _import(configured)
    if is_map(configured):
        yield _Table(configured.items())
    elif is_list(configured):
        if configured and all(map(_is_pair, configured)):
            yield _Table(configured)
        else:
            for entry in configured:
                yield from _routes(entry)
    else:
        yield from _function_routes(configured)


def _is_pair(entry: Any) -> bool:
    """Tell whether an entry is a pattern with its route, and no list of these."""
    return is_list(entry) and len(entry) == 2 and isinstance(entry[0], (str, re.Pattern))


def _function_routes(configured: Any) -> Iterator[Callable[..., Any]]:
    router = configured() if isinstance(configured, type) else configured
    by_method = getattr(router, "route_for_task", None)
    if by_method is not None:
        yield _method(by_method)
    elif callable(router):
        yield router
    else:
        raise ImproperlyConfigured(f"task_routes has {configured!r}: expected a dict, a function or an import path")


def _method(route_for_task: Callable[..., Any]) -> Callable[..., Any]:
    def route(name: str, args: Any, kwargs: Any, *_: Any, **__: Any) -> Any:
        return route_for_task(name, args, kwargs)

    return route


def _import(path: str) -> Any:
    module, _, name = path.replace(":", ".").rpartition(".")
    try:
        return getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ImproperlyConfigured(f"task_routes names {path!r}: {error}") from error


def _name_of(exchange: Any) -> str:
    return exchange if isinstance(exchange, str) else getattr(exchange, "name", "") or ""
