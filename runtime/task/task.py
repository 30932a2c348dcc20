"""`Task`: a function that can be called elsewhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Literal, NoReturn, ParamSpec, TypeVar, Unpack, cast, overload

from ...transports import codecs
from ..exceptions import MaxRetriesExceededError, Retry
from ..publishing.gathering import next_id
from ..publishing.options import CallOptions, RetryOptions
from .arguments import ArgumentCheck
from .options import from_setting
from .request import Request, current_request, running

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from ..app.app import App
    from ..canvas.sequences import Chunks, Map, StarMap
    from ..canvas.signature import Signature
    from ..execution.ended import ExceptionInfo
    from ..publishing.plan import Plan
    from ..results.eager import EagerResult
    from ..results.result import AsyncResult
    from .models import Models

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Task(Generic[P, R_co]):
    """A task of an app; made by `app.task`, called like the function that it was made of.

    Subclass it for options and handlers of your own, and name the class with `base=`; each task is the only instance
    of its own class, whose attributes are its options. `delay` and `apply_async` send a call, `apply` runs it here as a
    worker would. Methods with an `a` in front do the same without blocking the event loop.
    """

    name: str = ""
    app: App
    abstract: bool = True
    typing: bool = True
    """Check arguments where the task is called."""
    is_async: bool = False
    """The function is `async def`."""

    max_retries: int | None = 3
    default_retry_delay: float = 180
    autoretry_for: Sequence[type[BaseException]] = ()
    dont_autoretry_for: Sequence[type[BaseException]] = ()
    retry_kwargs: Mapping[str, Any] = {}
    retry_backoff: float | bool = False
    retry_backoff_max: float = 600
    retry_jitter: bool = True
    throws: Sequence[type[BaseException]] = ()
    """Errors that are expected: logged without a traceback."""

    queue: str | None = None
    exchange: str | None = None
    routing_key: str | None = None
    priority: int | None = None
    expires: float | timedelta | None = None
    compression: str | None = None
    delivery_mode: int | None = None
    trail: bool = True
    """Keep the tasks that it calls as the children of its result."""
    resultrepr_maxsize: int = 1024
    pydantic: bool = False
    """Parameters annotated with Pydantic's models get models, and models that it returns are stored as dicts."""
    pydantic_strict: bool = False
    pydantic_context: Mapping[str, Any] | None = None
    pydantic_dump_kwargs: Mapping[str, Any] | None = None

    reject_on_worker_lost: bool | None = from_setting("task_reject_on_worker_lost", bool)
    serializer: str = from_setting("task_serializer", str)
    rate_limit: str | float | None = from_setting("task_default_rate_limit", str)
    time_limit: float | None = from_setting("task_time_limit", float)
    soft_time_limit: float | None = from_setting("task_soft_time_limit", float)
    acks_late: bool = from_setting("task_acks_late", bool)
    ignore_result: bool = from_setting("task_ignore_result", bool)
    store_errors_even_if_ignored: bool = from_setting("task_store_errors_even_if_ignored", bool)
    track_started: bool = from_setting("task_track_started", bool)

    MaxRetriesExceededError = MaxRetriesExceededError
    _models: Models | None = None

    def __repr__(self) -> str:
        return f"<@task: {self.name} of {self.app.main or 'an app'}>"

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function here and now."""
        request = current_request()
        if request is not None and request.owner is self and not request.entered:
            request.entered = True  # a worker's own call, by way of a class that overrides this method
            return self.run(*args, **kwargs)
        with running(Request(self, {}, args, kwargs)) as direct:
            direct.called_directly = direct.entered = True
            return self.run(*args, **kwargs)

    def __reduce__(self) -> tuple[Any, ...]:
        return _find_task, (self.name, self.app.main)

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """Do the work; the decorated function, or the method of a class of yours."""
        raise NotImplementedError(f"{type(self).__name__} has no run(): a task class has to define it")

    @property
    def request(self) -> Request:
        """The call that is running in this thread; an empty one where there is none."""
        request = current_request()
        while request is not None and request.owner is not self:
            request = request.outer
        if request is None:
            request = Request(self)
            request.called_directly = True
        return request

    @property
    def backend(self) -> Any:
        """The app's result store."""
        return self.app.results

    def delay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R_co]:
        """Send a call with these arguments."""
        return self.apply_async(args, kwargs)

    async def adelay(self, *args: P.args, **kwargs: P.kwargs) -> AsyncResult[R_co]:
        """Do what `delay` does without blocking the event loop."""
        return await self.aapply_async(args, kwargs)

    def apply_async(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncResult[R_co]:
        """Send a call; returns when the broker has confirmed it.

        Raises `TypeError` for arguments that the function does not take or an option that there is not, `EncodeError`
        for arguments that the serializer has no form for, `OperationalError` after bounded time if the broker is away.
        """
        given, named, said = self._call(args, kwargs, options)
        plan = self.plan
        if plan.eager:
            return self._eagerly(given, named, said)
        task_id = options.get("task_id") or next_id()
        self.app.publishing.send(plan, task_id, given, named, said)
        return self._sent(task_id, options)

    async def aapply_async(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[CallOptions],
    ) -> AsyncResult[R_co]:
        """Do what `apply_async` does without blocking the event loop."""
        given, named, said = self._call(args, kwargs, options)
        plan = self.plan
        if plan.eager:
            return self._eagerly(given, named, said)
        task_id = options.get("task_id") or next_id()
        await self.app.publishing.asend(plan, task_id, given, named, said)
        return self._sent(task_id, options)

    def apply(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        *,
        throw: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> EagerResult[R_co]:
        """Run it here and now, as a worker would: with a request, retries, handlers and callbacks.

        throw: raise what the task raises, instead of keeping it in the result (`task_eager_propagates`).
        """
        from ..execution.eager import apply_eagerly

        return apply_eagerly(self, args or (), kwargs or {}, throw, options)

    def s(self, *args: Any, **kwargs: Any) -> Signature[R_co]:
        """Return the signature of a call with these arguments, to which further ones may be added."""
        return self.signature(args, kwargs)

    def si(self, *args: Any, **kwargs: Any) -> Signature[R_co]:
        """Return the signature of a call with these arguments and no others."""
        return self.signature(args, kwargs, immutable=True)

    def signature(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        *,
        immutable: bool = False,
        **options: Unpack[CallOptions],
    ) -> Signature[R_co]:
        """Return a signature of this task."""
        from ..canvas.signature import Signature

        return Signature(self, args, kwargs, cast("dict[str, Any]", options), immutable=immutable)

    subtask = signature

    def map(self, it: Iterable[Any]) -> Map:
        """Return a signature that calls it for each item in turn, in one message."""
        from ..canvas.sequences import Map

        return Map(self.s(), it)

    def starmap(self, it: Iterable[Any]) -> StarMap:
        """Return a signature that calls it with each tuple of arguments in turn, in one message."""
        from ..canvas.sequences import StarMap

        return StarMap(self.s(), it)

    def chunks(self, it: Iterable[Any], n: int) -> Chunks:
        """Return a signature that calls it with each tuple of arguments, `n` of them in a message."""
        from ..canvas.sequences import Chunks

        return Chunks(self.s(), it, n=n)

    def AsyncResult(self, task_id: str) -> AsyncResult[R_co]:  # noqa: N802 - Celery's name
        """Return the result of the call with that id."""
        return self.app.AsyncResult(task_id)

    @overload
    def retry(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: Literal[True] = True,
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Unpack[RetryOptions],
    ) -> NoReturn: ...

    @overload
    def retry(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        *,
        throw: Literal[False],
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Unpack[RetryOptions],
    ) -> Retry: ...

    def retry(
        self,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
        exc: BaseException | None = None,
        throw: bool = True,
        eta: datetime | None = None,
        countdown: float | None = None,
        max_retries: int | None = None,
        **options: Unpack[RetryOptions],
    ) -> Retry:
        """Have the task tried again: raises `Retry`, which ends this run.

        args, kwargs: other arguments for the next time. exc: what went wrong; it is raised instead once `max_retries`
        is used up, or else `MaxRetriesExceededError`. countdown, eta: when; `default_retry_delay` seconds from now if
        neither is said. throw: False returns the `Retry` to raise.
        """
        from .retrying import schedule_retry

        said = {**options, "eta": eta, "countdown": countdown}
        again = schedule_retry(self, args, kwargs, exc, max_retries, said)
        if throw:
            raise again from exc
        return again

    def update_state(self, task_id: str | None = None, state: str | None = None, meta: Any = None, **_: Any) -> None:
        """Store a state of your own, with what is to be known about it (progress, say)."""
        request = self.request
        if task_id and task_id != request.id:
            request = Request(self, {**request.message_headers, "id": task_id})
        self.app.store_state(request, state or "PENDING", meta)

    def replace(self, sig: Signature[Any]) -> Any:
        """Let `sig` run in place of this call, under its id and with its callbacks; ends this run."""
        from .replacing import replace

        return replace(self, sig)

    def add_to_chord(self, sig: Signature[Any], lazy: bool = False) -> AsyncResult[Any] | Signature[Any]:
        """Have the chord in whose header this call is wait for `sig` too, which is sent with this call's outcome.

        lazy: send nothing, and return the signature that the caller has to send. Its value comes after those of the
        header, in no particular order. Raises `ValueError` outside of a header, `UnsupportedByTransport` where the
        result store counts no parts.
        """
        from .extending import add_to_chord

        return add_to_chord(self, sig, lazy=lazy)

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        """Be told that a run begins."""

    def on_success(self, retval: Any, task_id: str, args: Any, kwargs: Any) -> None:
        """Be told that a run has ended well."""

    def on_failure(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: ExceptionInfo | None) -> None:
        """Be told that a run has failed."""

    def on_retry(self, exc: Any, task_id: str, args: Any, kwargs: Any, einfo: ExceptionInfo | None) -> None:
        """Be told that it will be tried again."""

    def after_return(
        self, status: str, retval: Any, task_id: str, args: Any, kwargs: Any, einfo: ExceptionInfo | None
    ) -> None:
        """Be told that a run has ended, however it did."""

    def on_replace(self, sig: Signature[Any]) -> Any:
        """Send what replaces this call."""
        return sig.apply_async(add_to_parent=False)

    @classmethod
    def on_bound(cls, app: App) -> None:
        """Be told that the task belongs to an app."""

    def shadow_name(self, args: Any, kwargs: Any, options: Any) -> str | None:
        """Return the name that a call goes by in logs, or None for the task's own."""

    @property
    def plan(self) -> Plan:
        """How its messages are made, by the settings as they are now."""
        return self.app.publishing.plan(self.name, self)

    def plain_arguments(
        self, args: Sequence[Any], kwargs: Mapping[str, Any]
    ) -> tuple[Sequence[Any], Mapping[str, Any]]:
        """Return the arguments of a call as they are sent: models of Pydantic's are dicts."""
        if self._models is None:
            return args, kwargs
        return self._models.dumped(args, kwargs, bound=getattr(self.run, "__self__", None) is self)

    @cached_property
    def check_arguments(self) -> ArgumentCheck:
        """Raises `TypeError` for arguments that the function does not take."""
        return ArgumentCheck(self.name, self.run)

    @cached_property
    def _shadows(self) -> bool:
        base: type[Task[..., Any]] = Task
        return type(self).shadow_name is not base.shadow_name

    def _call(
        self, args: Sequence[Any] | None, kwargs: Mapping[str, Any] | None, options: CallOptions
    ) -> tuple[Any, Mapping[str, Any], dict[str, Any]]:
        given, named = self.plain_arguments(args or (), kwargs or {})
        if self.typing and self.app.strict_typing:
            self.check_arguments(given, named)
        said = cast("dict[str, Any]", options)
        if self._shadows and not options.get("shadow"):
            said["shadow"] = self.shadow_name(given, named, said)
        return given, named, said

    def _eagerly(self, args: Any, kwargs: Mapping[str, Any], options: dict[str, Any]) -> EagerResult[R_co]:
        serializer = options.get("serializer") or self.serializer
        data, content_type, encoding = codecs.encode((args, kwargs), serializer)
        args, kwargs = codecs.decode(data, content_type, encoding, {content_type})  # as a worker would see them
        return self.apply(args, kwargs, **cast("CallOptions", options))

    def _sent(self, task_id: str, options: CallOptions) -> AsyncResult[R_co]:
        result: AsyncResult[R_co] = self.app.AsyncResult(task_id)
        if self.plan.ignores_result(options):
            result.ignored = True
        if options.get("add_to_parent", True):
            self.app.add_child(result)
        return result


class AsyncTask(Task[P, R_co]):
    """A task made of a coroutine function: called like a function, it returns the coroutine."""

    if TYPE_CHECKING:

        def __call__(  # pyright: ignore[reportIncompatibleMethodOverride] - that is the difference
            self, *args: P.args, **kwargs: P.kwargs
        ) -> Coroutine[Any, Any, R_co]: ...


def _find_task(name: str, main: str | None) -> Task[..., Any]:
    """Return the task of that name in this process: what a pickled task becomes."""
    from ..app.current import app_of

    return app_of(main).tasks[name]
