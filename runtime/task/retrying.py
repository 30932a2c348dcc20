"""Trying a task again: when, how often, and as which message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import random  # noqa: TID251 - spreads retries apart; nothing that runs in the simulator calls it
from typing import TYPE_CHECKING, Any

from ..canvas.signature import Signature
from ..exceptions import Retry
from ..publishing.gathering import gathering
from .arguments import changed_arguments
from .request import Request

if TYPE_CHECKING:
    from .task import Task


def schedule_retry(
    task: Task[..., Any],
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    exc: BaseException | None,
    max_retries: int | None,
    options: Mapping[str, Any],
) -> Retry:
    """Have a task's next attempt sent with the outcome of this one, and return what ends it.

    Raises `exc`, or else `MaxRetriesExceededError`, where the retries are used up, and where the task was called like a
    function.
    """
    request = task.request
    if request.called_directly:
        raise exc or Retry("the task can be tried again, but was called like a function")
    limit = task.max_retries if max_retries is None else max_retries
    if limit is not None and request.retries >= limit:
        raise exc or _exhausted(task, request)
    call = _next_call(task, request, args, kwargs, options)
    if not request.is_eager:
        with gathering(f"{request.attempt}/retry") as gathered:
            task.app.publishing.send(task.plan, request.id, call.args, call.kwargs, call.options)
        request.follow_ups = (*request.follow_ups, *gathered.publications)
    when = call.options.get("eta") or call.options.get("countdown")
    return Retry(None, exc, when, is_eager=request.is_eager, sig=call)


def retry_for(task: Task[..., Any], error: BaseException) -> Retry:
    """Have a task tried again that failed with one of its `autoretry_for`; raises as `schedule_retry` does."""
    options = dict(task.retry_kwargs)
    if task.retry_backoff:
        options["countdown"] = backoff(
            float(task.retry_backoff), task.request.retries, task.retry_backoff_max, jitter=task.retry_jitter
        )
    return schedule_retry(task, None, None, error, options.pop("max_retries", None), options)


def backoff(factor: float, retries: int, maximum: float, *, jitter: bool) -> float:
    """Return the seconds before a further attempt: doubled each time, and with `jitter` anything up to that."""
    longest = min(maximum, max(1.0, factor) * 2.0**retries)
    return longest * random() if jitter else longest


def _next_call(
    task: Task[..., Any],
    request: Request,
    args: Sequence[Any] | None,
    kwargs: Mapping[str, Any] | None,
    options: Mapping[str, Any],
) -> Signature[Any]:
    said = {name: value for name, value in options.items() if value is not None}
    if "eta" not in said and "countdown" not in said:
        said["countdown"] = task.default_retry_delay
    if request.queue and not said.keys() & {"queue", "exchange", "routing_key"}:
        said["queue"] = request.queue
    positional, named = changed_arguments(task.run, (request.args, request.kwargs), args, kwargs)
    positional, named = task.plain_arguments(positional, named)
    return Signature(
        task,
        positional,
        named,
        {**request.execution_options(), **said, "retries": request.retries + 1},
    )


def _exhausted(task: Task[..., Any], request: Request) -> BaseException:
    return task.MaxRetriesExceededError(
        f"Can't retry {task.name}[{request.id}] args:{tuple(request.args)} kwargs:{request.kwargs}",
        task_args=request.args,
        task_kwargs=request.kwargs,
    )
