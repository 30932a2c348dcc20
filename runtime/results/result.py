"""`AsyncResult`: the result of a task that runs elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar, cast

from ...actors.errors import Timeout
from ..states import PENDING, PROPAGATE_STATES, READY_STATES, SUCCESS
from .deadline import Deadline
from .following import Followers, Told, Watch, tree_of
from .guard import check_join
from .meta import Meta, decode_meta

if TYPE_CHECKING:
    from ..app.app import App

R_co = TypeVar("R_co", covariant=True)
PARENT_INTERVAL = 1.0
WATCH_INTERVAL = 0.1


class AsyncResult(Generic[R_co]):
    """The state and result of a task, by its id; can be awaited.

    Thread-safe. What is final is read once and kept. Methods with an `a` in front do the same without blocking the
    event loop. Raises `NoResultBackend` where the app stores no results.
    """

    _of_several: ClassVar[bool] = False
    """Whether it stands for several tasks."""

    ignored: bool = False
    """Its call said that nothing is stored: `get` returns None at once, and its state stays PENDING."""

    def __init__(self, id: str, *, app: App | None = None, parent: AsyncResult[Any] | None = None) -> None:  # noqa: A002
        if id is None:  # pyright: ignore[reportUnnecessaryComparison] - callers without types
            raise ValueError("a result is found by the id of its task, not by None")
        if app is None:
            from ..app.current import find_current_app

            app = find_current_app()
        self.id = id
        self.app: App = app
        self.parent = parent
        self._final: Meta | None = None
        self._followers: Followers | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.id}>"

    def __str__(self) -> str:
        return self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        return other == self.id if isinstance(other, str) else isinstance(other, AsyncResult) and other.id == self.id

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.id, self.parent)

    def __await__(self) -> Generator[Any, None, R_co]:
        return self.aget().__await__()

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float = PARENT_INTERVAL,
        *,
        follow_parents: bool = True,
        callback: Callable[[str, Any], object] | None = None,
        on_message: Callable[[Meta], object] | None = None,
        on_interval: Callable[[], object] | None = None,
        disable_sync_subtasks: bool = True,
    ) -> R_co:
        """Wait for the result and return it, or raise what the task raised.

        timeout: seconds, then `TimeoutError` is raised; None waits for ever. propagate: False returns an exception
        instead of raising it. interval: seconds between calls of `on_interval` and looks at the tasks before it in a
        chain, whose failure is raised too (`follow_parents`); the result itself is pushed. callback: called with id and
        value. on_message: called with each state in which the task is seen on the way, as a dict with `status` and
        `result`; it is looked at ten times a second. Raises `RuntimeError` inside another task unless
        `disable_sync_subtasks` is False. Returns None at once where the call said that nothing is stored.
        """
        if self.ignored:
            return cast("R_co", None)
        if disable_sync_subtasks:
            check_join()
        deadline, watch = Deadline(timeout), Watch(on_message) if on_message is not None else None
        pause = self._interval(interval, on_interval, watch)
        while self._final is None:
            try:
                meta = self.take(self.app.results.wait(self.id, deadline.slice(pause)).get())
            except Timeout as error:
                if follow_parents and propagate:
                    self._raise_for_parents()
                self._check(deadline, error)
                meta = self._meta() if watch is not None else None
                if on_interval is not None:
                    on_interval()
            if watch is not None and meta is not None:
                watch.see(meta)
        return self._outcome(propagate, callback)

    async def aget(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the same contract as `get`
        propagate: bool = True,
        interval: float = PARENT_INTERVAL,
        *,
        follow_parents: bool = True,
        callback: Callable[[str, Any], object] | None = None,
        disable_sync_subtasks: bool = True,
    ) -> R_co:
        """Do what `get` does without blocking the event loop."""
        if self.ignored:
            return cast("R_co", None)
        if disable_sync_subtasks:
            check_join()
        deadline = Deadline(timeout)
        while self._final is None:
            try:
                self.take(await self.app.results.wait(self.id, deadline.slice(self._interval(interval, None, None))))
            except Timeout as error:
                if follow_parents and propagate:
                    await self._araise_for_parents()
                self._check(deadline, error)
        return self._outcome(propagate, callback)

    wait = get

    def then(self, callback: Told, on_error: Callable[[Exception], object] | None = None) -> Self:
        """Call `callback` with this result once it is known to be final; returns itself.

        It is called by the thread that learns of it, by `get`, `ready` or `state` of this object, or at once if it is
        known already. on_error: called with what `callback` raises; without it that is raised there.
        """
        if self._followers is None:
            self._followers = Followers()
        self._followers.add(callback, on_error)
        self._tell_followers()
        return self

    def iterdeps(self, intermediate: bool = False) -> Iterator[tuple[AsyncResult[Any] | None, AsyncResult[Any]]]:
        """Yield this result and those of all that its task has called, and so on, each with its parent.

        Raises `IncompleteStream` at one that has not finished, unless `intermediate` leaves out what that calls.
        """
        return tree_of(self, intermediate=intermediate)

    def collect(self, intermediate: bool = False, **options: Any) -> Iterator[tuple[AsyncResult[Any], Any]]:
        """Yield the results of `iterdeps` with their values, each waited for by `get(**options)`."""
        for _, result in self.iterdeps(intermediate):
            yield result, result.get(**options)

    def get_leaf(self) -> Any:
        """Return the value of what was called last and deepest."""
        return list(self.collect())[-1][1]

    def ready(self) -> bool:
        """Tell whether the task has finished, well or not."""
        return self.state in READY_STATES

    async def aready(self) -> bool:
        """Do what `ready` does without blocking the event loop."""
        return await self.astate() in READY_STATES

    def successful(self) -> bool:
        """Tell whether the task has finished well."""
        return self.state == SUCCESS

    def failed(self) -> bool:
        """Tell whether the task has failed."""
        return self.state == "FAILURE"

    @property
    def state(self) -> str:
        """The task's state: one of `understudy.states`, or one of its own."""
        return self._meta()["status"]

    status = state

    async def astate(self) -> str:
        """Return the state without blocking the event loop."""
        return (await self._ameta())["status"]

    @property
    def result(self) -> R_co | BaseException | Any:
        """The return value, or the exception, or what a custom state says; None while there is nothing."""
        return self._meta()["result"]

    info = result

    async def aresult(self) -> R_co | BaseException | Any:
        """Return `result` without blocking the event loop."""
        return (await self._ameta())["result"]

    @property
    def traceback(self) -> str | None:
        """The traceback of a failed task, as text."""
        return self._meta().get("traceback")

    @property
    def children(self) -> list[AsyncResult[Any] | Any]:
        """Results of the tasks that this one called; [] until it has finished."""
        from .tuples import result_from_tuple

        return [result_from_tuple(child, self.app) for child in self._meta().get("children") or ()]

    @property
    def date_done(self) -> datetime | None:
        """When the task finished."""
        done = self._meta().get("date_done")
        return datetime.fromisoformat(done) if isinstance(done, str) else done

    @property
    def name(self) -> str | None:
        """The task's name; stored with `result_extended` only, as are args, kwargs, worker, retries and queue."""
        return self._meta().get("name")

    @property
    def args(self) -> Any:
        """The positional arguments of the call."""
        return self._meta().get("args")

    @property
    def kwargs(self) -> Any:
        """The keyword arguments of the call."""
        return self._meta().get("kwargs")

    @property
    def worker(self) -> str | None:
        """The node that ran it."""
        return self._meta().get("worker")

    @property
    def retries(self) -> int | None:
        """How often it was tried again."""
        return self._meta().get("retries")

    @property
    def queue(self) -> str | None:
        """The queue that it came from."""
        return self._meta().get("queue")

    @property
    def group_id(self) -> str | None:
        """The group that the task is a member of."""
        return self._meta().get("group_id")

    def forget(self) -> None:
        """Delete the result, and those of its parents."""
        self.app.results.forget([result.id for result in self._lineage()]).get()
        self._final = None

    async def aforget(self) -> None:
        """Do what `forget` does without blocking the event loop."""
        await self.app.results.forget([result.id for result in self._lineage()])
        self._final = None

    def maybe_throw(self, propagate: bool = True, callback: Callable[[str, Any], object] | None = None) -> Any:
        """Return the result as far as it is there; raises it if the task has failed."""
        meta = self._meta()
        return _value_of(self.id, meta, propagate, callback)

    maybe_reraise = maybe_throw

    def as_tuple(self) -> tuple[Any, Any]:
        """Return the result as nested tuples, for storing; `result_from_tuple` is the way back."""
        return (self.id, self.parent.as_tuple() if self.parent is not None else None), None

    def as_list(self) -> list[str]:
        """Return the ids of this task and of its parents."""
        return [result.id for result in self._lineage()]

    @property
    def task_id(self) -> str:
        """Its id, by Celery's other name."""
        return self.id

    @property
    def settled(self) -> bool:
        """Whether the final state has been read."""
        return self._final is not None

    @property
    def oldest(self) -> AsyncResult[Any]:
        """The first of its parents, or itself."""
        return list(self._lineage())[-1]

    def _lineage(self) -> Iterator[AsyncResult[Any]]:
        node: AsyncResult[Any] | None = self
        while node is not None:
            yield node
            node = node.parent

    def _before(self) -> Iterator[AsyncResult[Any]]:
        """Yield the tasks before it in its chain.

        Those of a chord's header are left out: their failure becomes the body's own, as `ChordError`, a moment later.
        """
        return (node for node in self._lineage() if node is not self and not node._of_several)

    def _meta(self) -> Meta:
        return self._final or self._read(self.app.results.get([self.id]).get())

    async def _ameta(self) -> Meta:
        return self._final or self._read(await self.app.results.get([self.id]))

    def _read(self, payloads: list[bytes | None]) -> Meta:
        payload = payloads[0]
        return {"status": PENDING, "result": None} if payload is None else self.take(payload)

    def take(self, payload: bytes) -> Meta:
        """Read what the store has of the task, and keep it if it is final."""
        conf = self.app.conf
        meta = decode_meta(payload, conf.result_serializer, self.app.derived.accepted_results)
        if meta["status"] in READY_STATES:
            self._final = meta
            self._tell_followers()
        return meta

    def _tell_followers(self) -> None:
        if self._followers is not None and self.settled:
            self._followers.tell(self)

    def _interval(self, interval: float, on_interval: Callable[[], object] | None, watch: Watch | None) -> float | None:
        """Return the seconds after which a wait is interrupted, None for never."""
        if watch is not None:
            return min(interval, WATCH_INTERVAL)
        return interval if self.parent is not None or on_interval is not None else None

    def _check(self, deadline: Deadline, error: Timeout) -> None:
        if deadline.passed():
            raise Timeout(f"task {self.id} has not finished within {deadline.timeout} s") from error

    def _raise_for_parents(self) -> None:
        for node in self._before():
            node.maybe_throw()

    async def _araise_for_parents(self) -> None:
        for node in self._before():
            _value_of(node.id, await node._ameta(), propagate=True, callback=None)

    def _outcome(self, propagate: bool, callback: Callable[[str, Any], object] | None) -> R_co:
        return cast("R_co", _value_of(self.id, cast("Meta", self._final), propagate, callback))


def _value_of(task_id: str, meta: Meta, propagate: bool, callback: Callable[[str, Any], object] | None) -> Any:
    value = meta["result"]
    if meta["status"] in PROPAGATE_STATES and propagate:
        raise _with_remote_traceback(value, meta.get("traceback"))
    if callback is not None:
        callback(task_id, value)
    return value


def _with_remote_traceback(error: Any, traceback: str | None) -> BaseException:
    """Return the exception with the worker's traceback as a note."""
    raised = error if isinstance(error, BaseException) else RuntimeError(error)
    if traceback and not getattr(raised, "__notes__", None):
        raised.add_note(f"in the worker:\n{traceback}")
    return raised


def _rebuild(kind: type[AsyncResult[Any]], task_id: str, parent: AsyncResult[Any] | None) -> AsyncResult[Any]:
    return kind(task_id, parent=parent)
