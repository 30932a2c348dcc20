"""Runs a task and says how it ended: every way to end is a value."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from time import perf_counter  # noqa: TID251 - pool processes run this, where time is the users' own
from typing import Any

from .. import signals
from ..exceptions import Ignore, Reject, Retry, WorkerLostError, WorkerShutdown, WorkerTerminate
from ..log import TASK_LOGGER
from ..publishing.saferepr import saferepr
from ..states import FAILURE, IGNORED, REJECTED, RETRY, SUCCESS
from ..task.request import Request
from ..task.retrying import retry_for
from .ended import Ended, ExceptionInfo
from .procedure import Procedure
from .soft_limit import SoftLimit

logger: logging.Logger = logging.getLogger(TASK_LOGGER)


def perform(procedure: Procedure, request: Request, limit: SoftLimit | None = None) -> Ended:
    """Run the task of `request`, which has to be the current one, within its soft time limit.

    Raises only `WorkerShutdown` and `WorkerTerminate`: the process is to end, and the task has not ended.
    """
    task = procedure.task
    if signals.task_prerun:
        signals.task_prerun.send(sender=task, task_id=request.id, task=task, args=request.args, kwargs=request.kwargs)
    began = perf_counter()
    ended = _run(procedure, request, limit)
    ended.seconds = perf_counter() - began
    if limit is not None and limit.exceeded:
        logger.warning("Soft time limit (%gs) exceeded for %s[%s]", limit.seconds, request.task, request.id)
    return ended


def _run(procedure: Procedure, request: Request, limit: SoftLimit | None) -> Ended:
    try:
        if procedure.before_start is not None:
            procedure.before_start(request.id, request.args, request.kwargs)
        if limit is None:
            return Ended(SUCCESS, procedure.call(*request.args, **request.kwargs))
        call = procedure.call_within(limit)
        with limit:
            value = call(*request.args, **request.kwargs)
        return Ended(SUCCESS, value)
    except (WorkerShutdown, WorkerTerminate):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever a task raises is its outcome
        return _ended_by(error, procedure)


def failed(error: BaseException, skip: int = 0) -> Ended:
    """Return the end of a task that failed with `error`."""
    return Ended(FAILURE, None, error, ExceptionInfo(error, skip))


def _ended_by(error: BaseException, procedure: Procedure) -> Ended:
    if isinstance(error, Retry):
        return Ended(RETRY, None, error, ExceptionInfo(error.exc if error.exc is not None else error, 1))
    if isinstance(error, Ignore):
        return Ended(IGNORED, None, error)
    if isinstance(error, Reject):
        return Ended(REJECTED, None, error, ExceptionInfo(error, 1))
    if isinstance(error, (SystemExit, KeyboardInterrupt)):
        return failed(_lost(error), 1)
    if isinstance(error, procedure.autoretry_for) and not isinstance(error, procedure.dont_autoretry_for):
        return _retried(error, procedure)
    return failed(error, 1)


def _retried(error: BaseException, procedure: Procedure) -> Ended:
    info = ExceptionInfo(error, 1)
    try:
        return Ended(RETRY, None, retry_for(procedure.task, error), info)
    except Exception as final:  # noqa: BLE001 - the retries are used up, or the next call cannot be encoded
        return Ended(FAILURE, None, final, info if final is error else ExceptionInfo(final))


def _lost(error: BaseException) -> WorkerLostError:
    """Return what a task that ends its process leaves behind; the process goes on."""
    how = f"exitcode {error.code}" if isinstance(error, SystemExit) else type(error).__name__
    lost = WorkerLostError(f"Worker exited prematurely: {how}.").with_traceback(error.__traceback__)
    lost.__cause__ = error
    return lost


def report(procedure: Procedure, request: Request, ended: Ended) -> None:
    """Tell handlers, signals and the log how a task ended; what they raise is logged and changes nothing."""
    task, retval = procedure.task, ended.value if ended.state == SUCCESS else ended.error
    if ended.state == SUCCESS:
        if procedure.on_success is not None:
            _tell(procedure.on_success, request, ended.value)
        if signals.task_success:
            signals.task_success.send(sender=task, result=ended.value, runtime=ended.seconds)
        if logger.isEnabledFor(logging.INFO):
            _log_success(task.resultrepr_maxsize, request, ended)
    else:
        _report_trouble(procedure, request, ended)
    if procedure.after_return is not None:
        _tell(partial(procedure.after_return, ended.state), request, retval, ended.info)
    if signals.task_postrun:
        signals.task_postrun.send(
            sender=task,
            task_id=request.id,
            task=task,
            args=request.args,
            kwargs=request.kwargs,
            retval=retval,
            state=ended.state,
        )


def report_killed(procedure: Procedure, request: Request, ended: Ended) -> None:
    """Tell handlers, signals and the log of a task whose process was killed; nobody was told here that it began."""
    _report_failure(procedure, request, ended)
    if procedure.after_return is not None:
        _tell(partial(procedure.after_return, ended.state), request, ended.error, ended.info)


def _tell(handler: Callable[..., object], request: Request, said: Any, *more: Any) -> None:
    """Call one of the task's own handlers."""
    try:
        handler(said, request.id, request.args, request.kwargs, *more)
    except Exception:
        logger.exception("a handler of task %s[%s] failed", request.task, request.id)


def _log_success(limit: int, request: Request, ended: Ended) -> None:
    value = saferepr(ended.value, limit)
    logger.info("Task %s[%s] succeeded in %.6fs: %s", request.task, request.id, ended.seconds, value)


def _report_trouble(procedure: Procedure, request: Request, ended: Ended) -> None:
    name = f"{request.task}[{request.id}]"
    if ended.state == FAILURE:
        _report_failure(procedure, request, ended)
    elif ended.state == RETRY:
        logger.info("Task %s retry: %s", name, ended.error)
        _tell(procedure.task.on_retry, request, ended.outcome, ended.info)
        signals.task_retry.send(sender=procedure.task, request=request, reason=ended.error, einfo=ended.info)
    elif ended.state == REJECTED:
        logger.info("Task %s rejected: %s", name, ended.error)
        signals.task_rejected.send(sender=procedure.task, message=request, exc=ended.error)
    else:
        logger.info("Task %s ignored", name)


def _report_failure(procedure: Procedure, request: Request, ended: Ended) -> None:
    task, error = procedure.task, ended.error
    if isinstance(error, tuple(task.throws)):
        logger.info("Task %s[%s] raised expected: %r", request.task, request.id, error)
    else:
        logger.error("Task %s[%s] raised unexpected: %r\n%s", request.task, request.id, error, ended.info)
    _tell(task.on_failure, request, error, ended.info)
    signals.task_failure.send(
        sender=task,
        task_id=request.id,
        exception=error,
        args=request.args,
        kwargs=request.kwargs,
        traceback=ended.info.tb if ended.info else None,
        einfo=ended.info,
    )
