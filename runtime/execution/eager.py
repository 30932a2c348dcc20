"""Runs a call here and now: `apply`, and every call with `task_always_eager`."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from ..exceptions import Retry
from ..publishing.gathering import next_id
from ..publishing.message import embed_of
from ..publishing.options import check_options
from ..publishing.stamps import stamps_of
from ..results.eager import EagerResult
from ..results.guard import allow_join_result
from ..states import FAILURE, SUCCESS
from ..task.request import STANDARD_HEADERS, Request, running
from .ended import Ended
from .follow_ups import call_errbacks, call_next
from .performing import perform, report
from .workshop import Workshop

if TYPE_CHECKING:
    from ..app.app import App
    from ..task.task import Task


def apply_eagerly(
    task: Task[..., Any], args: Any, kwargs: Mapping[str, Any], throw: bool | None, options: Mapping[str, Any]
) -> EagerResult[Any]:
    """Do what `Task.apply` says."""
    check_options(options)
    request = _request(task, args, kwargs, options)
    shop = Workshop(task.app)
    procedure = shop.procedure(request)
    request.entered = procedure.plain
    with running(request), allow_join_result(), _loop_closed_after(task.app, request):
        ended = perform(procedure, request)
        report(procedure, request, ended)
        again = _again(task, ended, throw)
        if again is not None:
            return again
        _follow(shop, request, ended)
    raises = task.app.conf.task_eager_propagates if throw is None else throw
    if raises and ended.state == FAILURE and ended.error is not None:
        raise ended.error
    return _result(task, request, ended)


@contextmanager
def _loop_closed_after(app: App, request: Request) -> Generator[None]:
    """Leave no event loop behind in a process that runs tasks by the way."""
    try:
        yield
    finally:
        if request.outer is None:
            app.coroutines.close()


def _request(task: Task[..., Any], args: Any, kwargs: Mapping[str, Any], options: Mapping[str, Any]) -> Request:
    get = options.get
    task_id = get("task_id") or next_id()
    headers: dict[str, Any] = {
        **dict.fromkeys(STANDARD_HEADERS, None),
        **(get("headers") or {}),
        "id": task_id,
        "task": task.name,
        "retries": get("retries", 0),
        "root_id": get("root_id") or task_id,
        "parent_id": get("parent_id"),
        "group": get("group_id"),
        "group_index": get("group_index"),
        "shadow": get("shadow"),
        "timelimit": [get("time_limit"), get("soft_time_limit")],
        "ignore_result": get("ignore_result", task.ignore_result),
        "replaced_task_nesting": get("replaced_task_nesting", 0),
        "stamped_headers": get("stamped_headers"),
        "stamps": stamps_of(options),
    }
    request = Request(task, headers, args, kwargs, embed_of(options))
    request.properties = {"correlation_id": task_id, "priority": get("priority"), "reply_to": get("reply_to")}
    request.hostname = task.app.publishing.origin.name
    request.is_eager = True
    return request


def _again(task: Task[..., Any], ended: Ended, throw: bool | None) -> EagerResult[Any] | None:
    """Run the next attempt of a task that is to be tried again; nobody waits for its moment."""
    call = ended.error.sig if isinstance(ended.error, Retry) else None
    return None if call is None else task.apply(call.args, call.kwargs, throw=throw, **cast("Any", call.options))


def _follow(shop: Workshop, request: Request, ended: Ended) -> None:
    if ended.state == SUCCESS and (request.callbacks or request.chain):
        shop.app.publishing.flush(call_next(shop, request, ended.value))
    elif ended.state == FAILURE and request.errbacks:
        shop.app.publishing.flush(call_errbacks(shop, request, ended))


def _result(task: Task[..., Any], request: Request, ended: Ended) -> EagerResult[Any]:
    app = task.app
    if app.conf.task_store_eager_result and not request.ignore_result:
        app.results.store([app.derived.writer.result(request, ended.state, ended.outcome, ended.traceback)]).get()
    return EagerResult(request.id, ended.outcome, ended.state, ended.traceback, name=task.name, app=app)
