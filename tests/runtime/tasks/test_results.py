"""Results are waited for, kept, awaited and forgotten."""

from __future__ import annotations

import asyncio
import pickle
import threading
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from understudy.runtime.app.app import App
from understudy.runtime.canvas import group
from understudy.runtime.exceptions import (
    ChordError,
    IncompleteStream,
    NoResultBackend,
    TimeoutError,  # noqa: A004 - Celery's name
    WorkerLostError,
)
from understudy.runtime.results.group import GroupResult, ResultSet
from understudy.runtime.results.guard import allow_join_result
from understudy.runtime.results.meta import RemoteError, dump_exception, load_exception
from understudy.runtime.results.result import AsyncResult
from understudy.runtime.results.tuples import result_from_tuple
from understudy.runtime.task.task import Task

from .pumping import Pump

PATIENCE = 5.0


@pytest.fixture
def echo(app: App) -> Task[..., Any]:
    @app.task
    def echo(value: Any) -> Any:
        return value

    return echo


@pytest.fixture
def fail(app: App) -> Task[..., Any]:
    @app.task
    def fail() -> None:
        raise LookupError("gone", 404)

    return fail


def test_a_result_goes_from_pending_to_its_value(pump: Pump, echo: Task[..., Any]) -> None:
    result = echo.delay("value")
    assert (result.state, result.result, result.ready(), result.successful()) == ("PENDING", None, False, False)
    pump.run()
    assert (result.state, result.result, result.ready(), result.successful()) == ("SUCCESS", "value", True, True)
    assert (result.failed(), result.traceback, result.children) == (False, None, [])
    assert result.date_done is not None
    assert result.date_done.utcoffset() == timedelta(0)


def test_get_waits_until_the_task_has_finished(pump: Pump, echo: Task[..., Any]) -> None:
    result = echo.delay("value")
    got: list[Any] = []
    waiting = threading.Thread(target=lambda: got.append(result.get(timeout=PATIENCE)))
    waiting.start()
    pump.run()
    waiting.join(PATIENCE)
    assert got == ["value"]


def test_get_gives_up_when_its_time_is_over(echo: Task[..., Any]) -> None:
    result = echo.delay("value")
    with pytest.raises(TimeoutError, match=rf"{result.id} has not finished within 0\.01 s"):
        result.get(timeout=0.01)


def test_get_raises_what_the_task_raised_with_the_workers_traceback(pump: Pump, fail: Task[..., Any]) -> None:
    result = fail.delay()
    pump.run()
    with pytest.raises(LookupError) as caught:
        result.get(timeout=PATIENCE)
    assert caught.value.args == ("gone", 404)
    assert "in fail" in caught.value.__notes__[0]
    assert isinstance(result.get(propagate=False), LookupError)
    assert result.failed()
    assert "in fail" in str(result.traceback)


def test_a_result_is_awaited(pump: Pump, echo: Task[..., Any], fail: Task[..., Any]) -> None:
    good, bad = echo.delay("value"), fail.delay()

    async def look() -> list[Any]:
        pump.run()
        with pytest.raises(LookupError):
            await bad
        return [await good, await good.astate(), await good.aready(), await good.aresult()]

    assert asyncio.run(look()) == ["value", "SUCCESS", True, "value"]


def test_awaiting_does_not_block_the_loop(pump: Pump, echo: Task[..., Any]) -> None:
    result = echo.delay("value")

    async def both() -> Any:
        waiting = asyncio.create_task(result.aget(timeout=PATIENCE))
        await asyncio.sleep(0)
        await asyncio.to_thread(pump.run)
        return await waiting

    assert asyncio.run(both()) == "value"


def test_awaiting_gives_up_when_its_time_is_over(echo: Task[..., Any]) -> None:
    result = echo.delay("value")
    with pytest.raises(TimeoutError):
        asyncio.run(result.aget(timeout=0.01))


def test_a_forgotten_result_is_pending_again(pump: Pump, echo: Task[..., Any]) -> None:
    result = echo.delay("value")
    pump.run()
    result.forget()
    assert result.state == "PENDING"
    again = echo.delay("value")
    pump.run()
    asyncio.run(again.aforget())
    assert AsyncResult(again.id, app=again.app).state == "PENDING"


def test_a_callback_of_get_hears_the_id_and_the_value(pump: Pump, echo: Task[..., Any]) -> None:
    result = echo.delay("value")
    pump.run()
    heard: list[Any] = []
    result.get(timeout=PATIENCE, callback=lambda *said: heard.append(said))
    assert heard == [(result.id, "value")]


def test_on_interval_is_called_while_waiting(echo: Task[..., Any]) -> None:
    calls: list[int] = []
    with pytest.raises(TimeoutError):
        echo.delay(1).get(timeout=0.05, interval=0.01, on_interval=lambda: calls.append(1))
    assert len(calls) >= 2


def test_a_failure_before_it_in_a_chain_ends_the_wait(app: App, pump: Pump, echo: Task[..., Any]) -> None:
    """What stock Celery leaves when a worker is lost: a failed parent, and nothing about the rest."""
    parent, child = echo.delay(1), AsyncResult[Any]("never", app=app)
    child.parent = parent
    request = pump.executor  # the parent fails without its chain being told
    [delivery] = pump.take()
    pump.settle([request.fail(delivery.tag, "celery", delivery.head, delivery.body, 3, "lost")])
    with pytest.raises(WorkerLostError):
        child.get(timeout=PATIENCE, interval=0.01)
    with pytest.raises(WorkerLostError):
        asyncio.run(child.aget(timeout=PATIENCE, interval=0.01))


def test_a_chord_raises_its_own_error_however_long_after_its_headers(
    app: App, pump: Pump, fail: Task[..., Any]
) -> None:
    @app.task
    def fall() -> None:
        raise ChordError("a part has failed")

    header = GroupResult("header", [fail.delay()], app=app)
    pump.run()

    def late() -> AsyncResult[Any]:
        body = fall.delay()
        body.parent = header
        return body

    async def awaited() -> None:
        waiting = asyncio.create_task(late().aget(timeout=PATIENCE, interval=0.01))
        await asyncio.wait([waiting], timeout=0.1)
        pump.run()
        await waiting

    with pytest.raises(ChordError):
        late().get(timeout=PATIENCE, interval=0.01, on_interval=pump.run)
    with pytest.raises(ChordError):
        asyncio.run(awaited())


def test_waiting_inside_a_task_is_refused_unless_it_is_allowed(app: App, pump: Pump, echo: Task[..., Any]) -> None:
    other = echo.delay("value")
    pump.run()

    @app.task
    def waits(allowed: bool) -> Any:
        if allowed:
            with allow_join_result():
                return other.get(timeout=PATIENCE)
        return other.get(timeout=PATIENCE)

    refused, allowed = waits.delay(False), waits.delay(True)
    pump.run()
    with pytest.raises(RuntimeError, match=r"Never call result\.get\(\) within a task"):
        refused.get(timeout=PATIENCE)
    assert allowed.get(timeout=PATIENCE) == "value"


def test_a_state_of_its_own_comes_with_what_it_says(app: App, pump: Pump) -> None:
    seen: list[Any] = []

    @app.task(bind=True)
    def progress(self: Task[..., Any]) -> str:
        self.update_state(state="PROGRESS", meta={"done": 3})
        result = self.AsyncResult(self.request.id)
        seen.append((result.state, result.info, result.ready()))
        return "done"

    result = progress.delay()
    pump.run()
    assert seen == [("PROGRESS", {"done": 3}, False)]
    assert result.get(timeout=PATIENCE) == "done"


@pytest.mark.parametrize("value", [None, 1.5, "ü", [1, {"a": None}], Decimal("1.10"), b"\x00\xff", {1}], ids=repr)
def test_values_come_back_as_they_were(value: Any, app: App, pump: Pump, echo: Task[..., Any]) -> None:
    if isinstance(value, set):
        app.conf.update(result_serializer="pickle", accept_content=["json", "pickle"], task_serializer="pickle")
    result = echo.delay(value)
    pump.run()
    assert result.get(timeout=PATIENCE) == value


def test_without_a_store_a_result_says_so(app: App, echo: Task[..., Any]) -> None:
    app.conf.result_backend = "disabled"
    result = echo.delay(1)
    for look in (result.get, result.ready, result.forget, lambda: result.state):
        with pytest.raises(NoResultBackend, match="disabled"):
            look()


def test_results_are_values(app: App) -> None:
    one, same, other = AsyncResult[Any]("1", app=app), AsyncResult[Any]("1", app=app), AsyncResult[Any]("2", app=app)
    assert one == same == "1"
    assert one != other
    assert len({one, same, other}) == 2
    assert str(one) == "1"


def test_results_can_be_pickled_and_taken_apart(app: App) -> None:
    app.set_current()
    parent = AsyncResult[Any]("parent", app=app)
    child = AsyncResult[Any]("child", app=app, parent=parent)
    whole = GroupResult("group", [child, parent], app=app, parent=parent)
    assert pickle.loads(pickle.dumps(child)).parent == parent
    assert pickle.loads(pickle.dumps(whole)) == whole
    assert child.as_list() == ["child", "parent"]
    for result in (parent, child, whole):
        again = result_from_tuple(result.as_tuple(), app)
        assert again == result
        assert again.as_tuple() == result.as_tuple()


def test_a_group_has_the_state_of_all(app: App, pump: Pump, echo: Task[..., Any], fail: Task[..., Any]) -> None:
    good: Any = group(echo.s(1), echo.s(2)).delay()
    bad: Any = group(echo.s(1), fail.s()).delay()
    assert (good.state, good.waiting(), good.ready(), good.completed_count()) == ("PENDING", True, False, 0)
    pump.run()
    assert (good.state, good.successful(), good.ready(), good.result) == ("SUCCESS", True, True, [1, 2])
    assert (bad.state, bad.failed(), bad.completed_count(), asyncio.run(bad.aready())) == ("FAILURE", True, 1, True)
    with pytest.raises(LookupError):
        bad.join(timeout=PATIENCE)
    with pytest.raises(LookupError):
        bad.maybe_throw()
    assert [type(value) for value in bad.join(timeout=PATIENCE, propagate=False)] == [int, LookupError]
    assert list(good.iterate(timeout=PATIENCE)) == [1, 2]
    assert asyncio.run(good.aget(timeout=PATIENCE)) == [1, 2]
    good.forget()
    assert AsyncResult[Any](good[0].id, app=app).state == "PENDING"


def test_a_set_of_results_can_be_changed(app: App) -> None:
    one, two = AsyncResult[Any]("1", app=app), AsyncResult[Any]("2", app=app)
    results = ResultSet([one, one], app=app)
    results.add(two)
    results.update([one, two])
    assert [result.id for result in results] == ["1", "2"]
    results.remove("1")
    results.discard("1")
    with pytest.raises(KeyError):
        results.remove("1")
    assert (len(results), results[0]) == (1, two)
    results.clear()
    assert list(results) == []


def test_an_exception_of_an_unknown_class_keeps_its_name() -> None:
    stored = {"exc_type": "Strange", "exc_module": "far.away", "exc_message": ["text", 1]}
    error = load_exception(stored)
    assert isinstance(error, RemoteError)
    assert (type(error).__name__, error.args, error.exc_module) == ("Strange", ("text", 1), "far.away")
    assert dump_exception(error) == stored


@pytest.mark.parametrize(
    "stored",
    [
        {"exc_type": "system", "exc_module": "os", "exc_message": ["true"]},
        {"exc_type": "loads", "exc_module": "pickle", "exc_message": [""]},
        {"exc_type": "path.join", "exc_module": "os", "exc_message": ["a"]},
        {"exc_type": "UnicodeDecodeError", "exc_module": "builtins", "exc_message": ["too few arguments"]},
        {"exc_type": "", "exc_module": None, "exc_message": None},
    ],
    ids=repr,
)
def test_what_is_stored_calls_nothing_but_exceptions(stored: dict[str, Any]) -> None:
    assert isinstance(load_exception(stored), RemoteError)


def test_exceptions_go_by_the_names_that_celery_has_for_them() -> None:
    stored = dump_exception(WorkerLostError("gone"))
    assert stored == {"exc_type": "WorkerLostError", "exc_module": "billiard.exceptions", "exc_message": ["gone"]}
    assert type(load_exception(stored)) is WorkerLostError
    nested = dump_exception(Outer.Inner("x"))
    assert nested["exc_type"] == "Outer.Inner"
    assert type(load_exception(nested)) is Outer.Inner


def test_what_times_out_has_celerys_name() -> None:
    stored = dump_exception(TimeoutError("late"))
    assert (stored["exc_type"], stored["exc_module"]) == ("TimeoutError", "celery.exceptions")
    assert type(load_exception(stored)) is TimeoutError


def test_an_exception_that_celery_could_not_pickle_is_itself_again() -> None:
    """Celery's workers wrap those whose class is local, or whose constructor wants other arguments."""
    home = {"exc_type": "UnpickleableExceptionWrapper", "exc_module": "celery.utils.serialization"}
    known = load_exception({**home, "exc_message": [__name__, "Outer.Inner", ["x"], "Outer.Inner('x')"]})
    assert (type(known), known.args) == (Outer.Inner, ("x",))
    local = load_exception({**home, "exc_message": ["shop", "Local", ["x"], "Local('x')"]})
    assert isinstance(local, RemoteError)
    assert (local.exc_module, local.exc_type, local.args) == ("shop", "Local", ("x",))


class Outer:
    class Inner(Exception):
        """An exception within a class."""


def test_results_of_a_group_are_looked_up_together(
    app: App, pump: Pump, echo: Task[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    result: Any = group(echo.s(number) for number in range(250)).delay()
    pump.run()
    store, asked = app.results, list[int]()
    look = store.get
    monkeypatch.setattr(store, "get", lambda ids: asked.append(len(ids)) or look(ids))
    monkeypatch.setattr(store, "wait", None)
    assert result.get(timeout=PATIENCE) == list(range(250))
    assert sum(asked) == 250
    assert len(asked) == 3


def test_an_eager_group_needs_no_store(app: App, echo: Task[..., Any]) -> None:
    app.conf.update(result_backend="disabled", task_always_eager=True)
    result: Any = group(echo.s(1), echo.s(2)).delay()
    assert (result.get(), result.state, asyncio.run(result.aget())) == ([1, 2], "SUCCESS", [1, 2])


def test_get_returns_at_once_where_nothing_is_stored(app: App, echo: Task[..., Any]) -> None:
    @app.task(ignore_result=True)
    def silent() -> None:
        """Have no result."""

    unheard = [silent.delay(), echo.apply_async((1,), ignore_result=True), app.send_task(silent.name)]

    assert [result.get() for result in unheard] == [None] * 3
    assert asyncio.run(_awaited(unheard[0])) is None
    assert not echo.delay(1).ignored


async def _awaited(result: AsyncResult[Any]) -> Any:
    return await result


def test_on_message_hears_of_each_state(app: App, pump: Pump) -> None:
    heard: list[tuple[str, Any]] = []
    told = threading.Event()

    @app.task(bind=True)
    def halfway(self: Any) -> str:
        self.update_state(state="HALFWAY", meta={"done": 1})
        assert told.wait(PATIENCE)
        return "done"

    def hear(meta: dict[str, Any]) -> None:
        heard.append((meta["status"], meta["result"]))
        told.set()

    result = halfway.delay()
    running = threading.Thread(target=pump.run)
    running.start()
    assert result.get(timeout=PATIENCE, on_message=hear) == "done"
    running.join()
    assert heard == [("HALFWAY", {"done": 1}), ("SUCCESS", "done")]


def test_then_is_called_once_with_the_result_that_is_final(pump: Pump, echo: Task[..., Any]) -> None:
    heard: list[Any] = []
    result = echo.delay("value").then(heard.append)
    assert not result.ready()
    pump.run()
    assert (result.get(timeout=PATIENCE), result.ready(), heard) == ("value", True, [result])
    result.then(heard.append)
    assert heard == [result, result]


def test_an_error_of_what_is_told_goes_to_its_own_function(pump: Pump, echo: Task[..., Any]) -> None:
    heard: list[Any] = []

    def stumble(_: Any) -> None:
        raise LookupError("here")

    result = echo.delay("value").then(stumble, heard.append)
    pump.run()
    assert result.get(timeout=PATIENCE) == "value"
    assert [repr(error) for error in heard] == ["LookupError('here')"]


def test_a_group_tells_once_when_all_are_final(pump: Pump, echo: Task[..., Any]) -> None:
    heard: list[Any] = []
    results = group(echo.s(number) for number in range(3)).delay()
    results.then(heard.append)
    assert (results.ready(), heard) == (False, [])
    pump.run()
    assert (results.get(timeout=PATIENCE), heard) == ([0, 1, 2], [results])


def test_what_a_task_has_called_is_found_from_its_result(app: App, pump: Pump) -> None:
    @app.task
    def down(levels: int) -> int:
        if levels:
            down.delay(levels - 1)
        return levels

    result = down.delay(2)
    pump.run()
    assert [value for _, value in result.collect(timeout=PATIENCE)] == [2, 1, 0]
    parents = [parent for parent, _ in result.iterdeps()]
    assert parents == [None, result, result.children[0]]
    assert result.get_leaf() == 0


def test_what_is_called_by_a_task_that_runs_is_not_known_yet(echo: Task[..., Any]) -> None:
    result = echo.delay("value")
    with pytest.raises(IncompleteStream, match=result.id):
        list(result.iterdeps())
    assert list(result.iterdeps(intermediate=True)) == [(None, result)]


def test_results_of_a_group_come_as_they_finish(pump: Pump, echo: Task[..., Any], fail: Task[..., Any]) -> None:
    heard: list[dict[str, Any]] = []
    results = group([echo.s(1), fail.s(), echo.s(2)]).delay()
    pump.run()
    seen = dict(results.iter_native(timeout=PATIENCE, on_message=heard.append))
    assert [seen[result.id]["status"] for result in results] == ["SUCCESS", "FAILURE", "SUCCESS"]
    assert list(seen.values()) == heard


def test_waiting_for_the_results_of_a_group_ends_in_time(pump: Pump, echo: Task[..., Any]) -> None:
    one, two = echo.delay(1), AsyncResult[Any]("nobody", app=pump.app)
    pump.run()
    coming = pump.app.ResultSet([two, one]).iter_native(timeout=0.2, interval=0.01)
    assert next(coming)[0] == one.id
    with pytest.raises(TimeoutError):
        next(coming)


def test_a_result_without_an_id_is_refused(app: App) -> None:
    with pytest.raises(ValueError, match="id"):
        AsyncResult[Any](None, app=app)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
