"""`ResultSet` and `GroupResult`: results of several tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ...actors.errors import Timeout
from ...transports import codecs
from ..states import PENDING, PROPAGATE_STATES, SUCCESS
from .deadline import Deadline
from .guard import check_join
from .meta import Meta
from .result import PARENT_INTERVAL, WATCH_INTERVAL, AsyncResult

if TYPE_CHECKING:
    from ..app.app import App

Callback = Callable[[str, Any], object]
TOGETHER = 100


class ResultSet(AsyncResult[list[Any]]):
    """Results that are looked at together; a result twice in it counts once.

    Its state is FAILURE once one has failed, SUCCESS once all have finished well, PENDING until then.
    """

    _of_several: ClassVar[bool] = True

    def __init__(self, results: Iterable[AsyncResult[Any]], *, app: App | None = None) -> None:
        self.results: list[AsyncResult[Any]] = list(dict.fromkeys(results))
        super().__init__("", app=app or (self.results[0].app if self.results else None))

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.id} [{', '.join(result.id for result in self.results)}]>"

    def __iter__(self) -> Iterator[AsyncResult[Any]]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, index: int) -> AsyncResult[Any]:
        return self.results[index]

    def __hash__(self) -> int:
        return hash((self.id, *self.results))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ResultSet) and (other.id, other.results) == (self.id, self.results)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.results,)

    def add(self, result: AsyncResult[Any]) -> None:
        """Add a result."""
        if result not in self.results:
            self.results.append(result)

    def update(self, results: Iterable[AsyncResult[Any]]) -> None:
        """Add several results."""
        self.results = list(dict.fromkeys((*self.results, *results)))

    def remove(self, result: AsyncResult[Any] | str) -> None:
        """Take a result out; raises `KeyError` where it is not in."""
        if result not in self.results:
            raise KeyError(result)
        self.results = [known for known in self.results if known != result]

    def discard(self, result: AsyncResult[Any] | str) -> None:
        """Take a result out if it is in."""
        self.results = [known for known in self.results if known != result]

    def clear(self) -> None:
        """Take every result out."""
        self.results.clear()

    @property
    def children(self) -> list[AsyncResult[Any]]:
        """Its results."""
        return self.results

    def waiting(self) -> bool:
        """Tell whether any has not finished."""
        return any(not result.ready() for result in self.results)

    def ready(self) -> bool:
        """Tell whether all have finished."""
        ready = all(result.ready() for result in self.results)
        self._tell_followers()
        return ready

    @property
    def settled(self) -> bool:
        """Whether the final states of all have been read."""
        return all(result.settled for result in self.results)

    async def aready(self) -> bool:
        """Do what `ready` does without blocking the event loop."""
        await self._ameta()
        return all(result.settled for result in self.results)

    def completed_count(self) -> int:
        """Return how many have finished well."""
        return sum(result.successful() for result in self.results)

    def forget(self) -> None:
        """Delete the results."""
        self.app.results.forget([result.id for result in self.results]).get()

    async def aforget(self) -> None:
        """Do what `forget` does without blocking the event loop."""
        await self.app.results.forget([result.id for result in self.results])

    def iterate(self, timeout: float | None = None, propagate: bool = True) -> Iterator[Any]:
        """Yield the values in order, each as soon as it is there."""
        deadline = Deadline(timeout)
        for result in self.results:
            yield result.get(deadline.left(), propagate)

    def get(
        self,
        timeout: float | None = None,
        propagate: bool = True,
        interval: float = PARENT_INTERVAL,
        *,
        follow_parents: bool = True,
        callback: Callback | None = None,
        on_message: Callable[[Meta], object] | None = None,
        on_interval: Callable[[], object] | None = None,
        disable_sync_subtasks: bool = True,
    ) -> list[Any]:
        """Wait for all, and return their values in order.

        timeout: seconds for all together, then `TimeoutError` is raised. propagate: False returns exceptions in place
        of values. callback: called with id and value of each. The rest is as for one result.
        """
        if disable_sync_subtasks:
            check_join()
        deadline, values = Deadline(timeout), list[Any]()
        for together in self._batches():
            self._look(together)
            values += [
                result.get(
                    deadline.left(),
                    propagate,
                    interval,
                    follow_parents=follow_parents,
                    callback=callback,
                    on_message=on_message,
                    on_interval=on_interval,
                    disable_sync_subtasks=False,
                )
                for result in together
            ]
        self._tell_followers()
        return values

    wait = get
    join = get
    join_native = get

    def iter_native(
        self,
        timeout: float | None = None,
        interval: float = WATCH_INTERVAL,
        on_message: Callable[[Meta], object] | None = None,
        on_interval: Callable[[], object] | None = None,
    ) -> Iterator[tuple[str, Meta]]:
        """Yield id and meta of each as it finishes: a dict with `status`, `result`, `traceback` and `children`.

        timeout: seconds for all, then `TimeoutError` is raised. interval: seconds after which all that are missing are
        looked at, and `on_interval` is called. on_message: called with each meta before it is yielded.
        """
        deadline = Deadline(timeout)
        missing: list[AsyncResult[Any]] = list(_leaves(self.results))
        while missing:
            for start in range(0, len(missing), TOGETHER):
                self._look(missing[start : start + TOGETHER])
            for result in missing:
                if result.settled:
                    if on_message is not None:
                        on_message(result._meta())
                    yield result.id, result._meta()
            missing = [result for result in missing if not result.settled]
            if missing:
                self._wait_for_one(missing[0], deadline, interval)
                if on_interval is not None:
                    on_interval()
        self._tell_followers()

    async def aget(
        self,
        timeout: float | None = None,  # noqa: ASYNC109 - the same contract as `get`
        propagate: bool = True,
        interval: float = PARENT_INTERVAL,
        *,
        follow_parents: bool = True,
        callback: Callback | None = None,
        disable_sync_subtasks: bool = True,
    ) -> list[Any]:
        """Do what `get` does without blocking the event loop."""
        if disable_sync_subtasks:
            check_join()
        deadline, values = Deadline(timeout), list[Any]()
        for together in self._batches():
            await self._alook(together)
            values += [
                await result.aget(
                    deadline.left(),
                    propagate,
                    interval,
                    follow_parents=follow_parents,
                    callback=callback,
                    disable_sync_subtasks=False,
                )
                for result in together
            ]
        return values

    def _wait_for_one(self, result: AsyncResult[Any], deadline: Deadline, interval: float) -> None:
        try:
            result.take(self.app.results.wait(result.id, deadline.slice(interval)).get())
        except Timeout as error:
            result._check(deadline, error)

    def _tell_followers(self) -> None:
        if self._followers is not None and self.settled:
            self._followers.tell(self)

    def _batches(self) -> Iterator[list[AsyncResult[Any]]]:
        """Yield the results in parts that are looked up together, before what is not there yet is waited for."""
        for start in range(0, len(self.results), TOGETHER):
            yield self.results[start : start + TOGETHER]

    def _look(self, together: list[AsyncResult[Any]]) -> None:
        asked = _unread(together)
        if asked:
            _read(asked, self.app.results.get([result.id for result in asked]).get())

    async def _alook(self, together: list[AsyncResult[Any]]) -> None:
        asked = _unread(together)
        if asked:
            _read(asked, await self.app.results.get([result.id for result in asked]))

    def _meta(self) -> Meta:
        for together in self._batches():
            self._look(together)
        return _summary([result._meta() for result in self.results])

    async def _ameta(self) -> Meta:
        for together in self._batches():
            await self._alook(together)
        return _summary([await result._ameta() for result in self.results])


class GroupResult(ResultSet):
    """The results of a group, in the order of its tasks; `id` is the group's."""

    def __init__(
        self,
        id: str,  # noqa: A002 - Celery's name
        results: Iterable[AsyncResult[Any]] = (),
        *,
        parent: AsyncResult[Any] | None = None,
        app: App | None = None,
    ) -> None:
        super().__init__(results, app=app)
        self.id = id
        self.parent = parent

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (self.id, self.results, self.parent)

    def as_tuple(self) -> tuple[Any, Any]:
        """Return it as nested tuples, for storing; `result_from_tuple` is the way back."""
        parent = self.parent.as_tuple() if self.parent is not None else None
        return (self.id, parent), [result.as_tuple() for result in self.results]

    def save(self) -> Self:
        """Keep the group in the result store; returns itself."""
        payload = codecs.encode_json({"result": self.as_tuple()})
        self.app.results.save_group(self.id, payload, self.app.derived.result_ttl).get()
        return self

    def delete(self) -> None:
        """Remove the group from the result store; its tasks' results stay."""
        self.app.results.delete_group(self.id).get()

    @classmethod
    def restore(cls, id: str, app: App | None = None) -> GroupResult | None:  # noqa: A002 - Celery's name
        """Return a group that was saved, or None."""
        from ..app.current import find_current_app
        from .tuples import result_from_tuple

        app = app or find_current_app()
        payload = app.results.restore_group(id).get()
        return None if payload is None else result_from_tuple(codecs.decode_json(payload)["result"], app)


def _leaves(results: Iterable[AsyncResult[Any]]) -> Iterator[AsyncResult[Any]]:
    """Yield results, and those of the sets among them."""
    for result in results:
        if isinstance(result, ResultSet):
            yield from _leaves(result.results)
        else:
            yield result


def _unread(results: list[AsyncResult[Any]]) -> list[AsyncResult[Any]]:
    """Return what may have finished since it was last looked at."""
    return [result for result in results if not result.settled and not isinstance(result, ResultSet)]


def _read(results: list[AsyncResult[Any]], payloads: list[bytes | None]) -> None:
    for result, payload in zip(results, payloads, strict=True):
        if payload is not None:
            result.take(payload)


def _summary(metas: list[Meta]) -> Meta:
    """Return the state of all: the first failure, or all values."""
    for meta in metas:
        if meta["status"] in PROPAGATE_STATES:
            return {**meta, "children": []}
    done = all(meta["status"] == SUCCESS for meta in metas)
    return {"status": SUCCESS if done else PENDING, "result": [meta["result"] for meta in metas] if done else None}


def _rebuild(group_id: str, results: list[AsyncResult[Any]], parent: AsyncResult[Any] | None) -> GroupResult:
    return GroupResult(group_id, results, parent=parent)
