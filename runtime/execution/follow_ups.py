"""What is called after a task: callbacks and the rest of its chain, or its errbacks."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..canvas import Chain, signature
from ..canvas.signature import Signature
from ..exceptions import NotRegistered
from ..publishing.gathering import Gathering, gathering
from ..results.meta import dump_exception
from ..task.request import Request
from .ended import Ended

if TYPE_CHECKING:
    from .workshop import Workshop

logger: logging.Logger = logging.getLogger("understudy.task")

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def call_next(shop: Workshop, request: Request, value: Any) -> Gathering:
    """Call the callbacks of a task that ended well, and what follows it in its chain."""
    with gathering(f"{request.attempt}/next") as gathered:
        place = _below(shop, request)
        for callback in request.callbacks or ():
            signature(callback, app=shop.app).apply_async((value,), **place)
        if request.chain:
            *rest, following = request.chain
            _next_of(shop, following, rest).apply_async((value,), **place)
    return gathered


def call_errbacks(shop: Workshop, request: Request, ended: Ended, *, here: bool = True) -> Gathering:
    """Call the errbacks of a task that failed.

    One that takes `(request, exc, traceback)` is called here, or, unless `here`, sent as a message that calls it; one
    that takes a task's id is sent as a message.
    """
    with gathering(f"{request.attempt}/failed") as gathered:
        for errback in request.errbacks or ():
            try:
                _call_errback(shop, signature(errback, app=shop.app), request, ended, here=here)
            except Exception:
                logger.exception("errback %r of task %s[%s] failed", errback, request.task, request.id)
    return gathered


def calls_errbacks_here(shop: Workshop, request: Request) -> bool:
    """Tell whether `call_errbacks` runs code of an errback, which may look up what became of the task."""
    return any(_takes_the_error(signature(errback, app=shop.app)) for errback in request.errbacks or ())


def _below(shop: Workshop, request: Request) -> dict[str, Any]:
    place: dict[str, Any] = {"parent_id": request.id, "root_id": request.root_id or request.id}
    priority = request.properties.get("priority")
    if priority and shop.inherits_priority:
        place["priority"] = priority
    return place


def _next_of(shop: Workshop, following: Mapping[str, Any], rest: list[Any]) -> Signature[Any]:
    """Return the next task of a chain with what is left of it."""
    called = signature(following, app=shop.app)
    if not rest:
        return called
    if called.subtask_type is None:
        return called.clone(chain=rest)
    return Chain(called, *(signature(step, app=shop.app) for step in reversed(rest)), app=shop.app)


def _takes_the_error(errback: Signature[Any]) -> bool:
    """Tell whether an errback is of the new style; one that is not known here is left to a worker that knows it."""
    try:
        task = errback.type
    except NotRegistered:
        return False
    if getattr(task.run, "__self__", None) is task:
        return False  # it gets its task, and so a request of its own
    parameters = inspect.signature(task.run).parameters.values()
    args, names = ((), ()) if errback.immutable else (errback.args, errback.kwargs)
    left = sum(parameter.kind in _BY_POSITION and parameter.name not in names for parameter in parameters) - len(args)
    return any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters) or left > 1


def _call_errback(shop: Workshop, errback: Signature[Any], request: Request, ended: Ended, *, here: bool) -> None:
    place = _below(shop, request)
    if not _takes_the_error(errback):
        (errback.apply if request.is_eager else errback.apply_async)((request.id,), **place)
    elif here:
        args, kwargs, _ = errback.merged((request, ended.error, ended.traceback), {}, {})
        shop.app.coroutines.blocking(errback.type)(*args, **kwargs)
    else:
        error = dump_exception(ended.error) if ended.error is not None else None
        sent = (dict(errback), dict(request.message_headers), error, ended.traceback)
        shop.tasks["understudy.errback"].apply_async(sent, **place)
