"""Built-in tasks, by Celery's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...transports.errors import BrokerUnavailable

if TYPE_CHECKING:
    from ...actors.completion import Completion
    from ..task.task import Task
    from .app import App


def define_builtins(app: App) -> None:
    """Give `app` the tasks that every app has."""
    for name, function in _PLAIN.items():
        app.define(function, name=name, typing=False, bind=True)
    app.define(
        _unlock_chord,
        name="celery.chord_unlock",
        bind=True,
        typing=False,
        max_retries=None,
        autoretry_for=(BrokerUnavailable,),  # the result store is away: its chord is not to be lost with it
        retry_kwargs={"countdown": 1.0},
        ignore_result=True,
    )
    app.define(_run_errback, name="understudy.errback", bind=True, typing=False, ignore_result=True)


def _map(self: Task[..., Any], task: Any, it: list[Any]) -> list[Any]:
    """Call a task for each item."""
    called = _called(self, task)
    return [called(item) for item in it]


def _starmap(self: Task[..., Any], task: Any, it: list[Any]) -> list[Any]:
    """Call a task with each tuple of arguments."""
    called = _called(self, task)
    return [called(*item) for item in it]


def _chunks(self: Task[..., Any], task: Any, it: list[Any], n: int) -> Any:
    """Send a message for each `n` tuples of arguments."""
    from ..canvas import chunks, signature

    return chunks(signature(task, app=self.app), it, self.app, n=n).apply_async().as_tuple()


def _accumulate(self: Task[..., Any], *args: Any, index: int | None = None, **_: Any) -> Any:  # noqa: ARG001
    """Return the arguments, or one of them."""
    return args[index] if index is not None else args


def _backend_cleanup(self: Task[..., Any]) -> None:
    """Delete expired results now; stores do it by themselves too."""
    clean: Callable[[], Completion[int]] | None = getattr(self.app.results, "clean", None)
    if clean is not None:
        clean().get()


def _start_workflow(self: Task[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Send a chain, group or chord that came as a message of its own."""
    from ..canvas import signature

    kinds = {"celery.chain": "chain", "celery.group": "group", "celery.chord": "chord"}
    fields = {"task": self.name, "kwargs": kwargs, "subtask_type": kinds[self.name]}
    return signature(fields, app=self.app).apply_async(args).as_tuple()


def _unlock_chord(
    self: Task[..., Any],
    group_id: str,
    body: Any,
    interval: float | None = None,
    max_retries: int | None = None,
    result: list[Any] | None = None,
    **_: Any,
) -> None:
    """Start the body of a chord whose header is done; where nothing has counted that, find out."""
    from ..execution.chords import finish_chord
    from ..execution.polled_chords import unlock
    from ..execution.workshop import Workshop

    shop = Workshop(self.app)
    if shop.counts_chords:
        finish_chord(shop, self.request, group_id, body)
    else:
        unlock(shop, self, group_id, body, result or [], interval, max_retries)


def _run_errback(self: Task[..., Any], errback: Any, headers: dict[str, Any], error: Any, traceback: str) -> None:
    """Call an errback for a task whose process is gone."""
    from ..canvas import signature
    from ..results.meta import load_exception
    from ..task.request import Request

    called = signature(errback, app=self.app)
    failed = Request(None, headers)
    called.type(failed, load_exception(error), traceback, *called.args, **called.kwargs)


def _called(self: Task[..., Any], task: Any) -> Any:
    from ..canvas import signature

    return self.app.coroutines.blocking(signature(task, app=self.app).type)


_PLAIN: dict[str, Any] = {
    "celery.map": _map,
    "celery.starmap": _starmap,
    "celery.chunks": _chunks,
    "celery.accumulate": _accumulate,
    "celery.backend_cleanup": _backend_cleanup,
    "celery.chain": _start_workflow,
    "celery.group": _start_workflow,
    "celery.chord": _start_workflow,
}
