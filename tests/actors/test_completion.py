"""`Completion`: set once, waited for from anywhere."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from typing import Any

import pykka
import pytest

from understudy.actors import AlreadyResolved, Completion, Timeout, WouldBlock

from .children import Child, Note, Run
from .stage import Journal, Stage, on_threads

FOR_EVER = 1e12


def resolve_from_a_thread(completion: Completion[Any], value: Any) -> threading.Thread:
    thread = threading.Thread(target=completion.resolve, args=(value,))
    thread.start()
    return thread


def test_the_first_outcome_wins() -> None:
    completion: Completion[int] = Completion()
    assert not completion.done()
    assert completion.resolve(1)
    assert not completion.resolve(2)
    assert not completion.fail(ValueError("late"))
    assert (completion.get(), completion.error(), completion.done()) == (1, None, True)


def test_a_failed_completion_raises_its_error_each_time() -> None:
    completion = Completion.failed(ValueError("no"))
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            completion.get()
    assert Completion.of(3).get() == 3


def test_a_thread_waits_until_another_resolves() -> None:
    completion: Completion[str] = Completion()
    thread = resolve_from_a_thread(completion, "done")
    assert completion.get(timeout=10) == "done"
    thread.join()


@pytest.mark.parametrize("timeout", [0, -1, 0.01])
def test_waiting_ends_with_the_timeout(timeout: float) -> None:
    completion: Completion[str] = Completion()
    with pytest.raises(Timeout, match=f"within {timeout} s"):
        completion.get(timeout=timeout)
    completion.resolve("late")
    assert completion.get(timeout=0) == "late"


def test_a_timeout_is_pykkas_and_the_standard_librarys_too() -> None:
    assert issubclass(Timeout, pykka.Timeout)
    assert issubclass(Timeout, TimeoutError)


def test_a_timeout_may_be_longer_than_the_operating_system_knows() -> None:
    completion: Completion[int] = Completion()
    thread = resolve_from_a_thread(completion, 1)
    assert completion.get(timeout=FOR_EVER) == 1
    thread.join()


def test_waiting_in_vain_leaves_nothing_behind() -> None:
    completion: Completion[int] = Completion()
    for _ in range(100):
        with pytest.raises(Timeout):
            completion.get(timeout=0)
    assert not completion._callbacks


def test_many_threads_wait_for_one_completion() -> None:
    completion: Completion[int] = Completion()
    seen: list[int] = []
    threads = [threading.Thread(target=lambda: seen.append(completion.get(timeout=10))) for _ in range(8)]
    for thread in threads:
        thread.start()
    completion.resolve(5)
    for thread in threads:
        thread.join()
    assert seen == [5] * 8


# -- callbacks ---------------------------------------------------------------------------------------------------------


def test_callbacks_run_once_in_order_and_at_once_where_it_is_done() -> None:
    completion: Completion[int] = Completion()
    seen: list[Any] = []
    completion.add_done_callback(lambda done: seen.append(("first", done.get())))
    completion.add_done_callback(lambda done: seen.append(("second", done.get())))
    completion.resolve(1)
    completion.add_done_callback(lambda done: seen.append(("late", done.get())))
    assert seen == [("first", 1), ("second", 1), ("late", 1)]


@pytest.mark.parametrize(
    "error", [RuntimeError("callback"), SystemExit("callback"), asyncio.CancelledError()], ids=repr
)
def test_a_callback_that_fails_harms_nobody_else(caplog: pytest.LogCaptureFixture, error: BaseException) -> None:
    completion: Completion[int] = Completion()
    seen: list[int] = []

    def fails(_: Any) -> None:
        raise error

    completion.add_done_callback(fails)
    completion.add_done_callback(lambda done: seen.append(done.get()))
    completion.resolve(1)
    assert seen == [1]
    assert "a callback of a completion failed" in caplog.text


def test_a_callback_that_was_removed_is_not_called() -> None:
    completion: Completion[int] = Completion()
    seen: list[Any] = []
    completion.add_done_callback(seen.append)
    completion.remove_done_callback(seen.append)
    completion.remove_done_callback(seen.append)
    completion.resolve(1)
    completion.remove_done_callback(seen.append)
    assert seen == []


def test_then_passes_values_and_errors_on() -> None:
    completion: Completion[int] = Completion()
    doubled = completion.then(lambda value: value * 2)
    broken = completion.then(lambda value: value / 0)
    after = broken.then(lambda value: value + 1)
    completion.resolve(4)
    assert doubled.get() == 8
    for each in (broken, after):
        with pytest.raises(ZeroDivisionError):
            each.get()


def test_forward_resolves_another_in_the_same_way() -> None:
    for outcome in (Completion.of(1), Completion.failed(KeyError("k"))):
        target: Completion[Any] = Completion()
        outcome.forward(target)
        assert target.done()
        assert (target.error() is None) is (outcome.error() is None)


def test_pipe_to_tells_an_actor(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    for outcome in (Completion.of(1), Completion.failed(KeyError("k"))):
        outcome.pipe_to(actor, lambda value: Note(("value", value)), lambda error: Note(("error", type(error))))
    journal.has(("value", 1), ("error", KeyError))


# -- await -------------------------------------------------------------------------------------------------------------


def test_await_lets_the_loop_go_on() -> None:
    async def main() -> tuple[str, int]:
        completion: Completion[str] = Completion()
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while not completion.done():
                ticks += 1
                if ticks == 10:
                    resolve_from_a_thread(completion, "done").join()
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        value = await completion
        await ticking
        return value, ticks

    assert asyncio.run(main()) == ("done", 10)


def test_await_returns_what_is_there_and_raises_errors() -> None:
    async def main() -> int:
        with pytest.raises(ValueError, match="no"):
            await Completion.failed(ValueError("no"))
        return await Completion.of(1)

    assert asyncio.run(main()) == 1


def test_an_await_that_is_cancelled_leaves_nothing_behind() -> None:
    completion: Completion[int] = Completion()

    async def main() -> None:
        for _ in range(10):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(wait(), 0.001)

    async def wait() -> int:
        return await completion

    asyncio.run(main())
    assert not completion._callbacks
    completion.resolve(1)


def test_a_loop_that_was_closed_is_not_woken(caplog: pytest.LogCaptureFixture) -> None:
    completion: Completion[int] = Completion()
    loop = asyncio.new_event_loop()

    async def wait() -> int:
        return await completion

    task = loop.create_task(wait())
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    completion.resolve(1)
    assert caplog.text == ""
    task._log_destroy_pending = False  # type: ignore[attr-defined]


@on_threads
def test_an_ask_can_be_awaited(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)

    async def main() -> Any:
        return await actor.ask(Run(lambda this: this.name), block=False)

    assert asyncio.run(main()) == "child"


# -- waiting inside a turn ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["shared"], indirect=True)
@pytest.mark.parametrize("wait", ["get", "ask", "stop", "spawn", "system stop"])
def test_a_wait_that_would_starve_others_is_refused_before_anything_is_sent(
    stage: Stage, journal: Journal, wait: str
) -> None:
    other = stage.spawn(Child, journal, "other")
    actor = stage.spawn(Child, journal, "actor", name="actor")
    ways = {
        "get": lambda _: Completion().get(),
        "ask": lambda _: other.ask(Note("sent")),
        "stop": lambda _: other.stop(),
        "spawn": lambda this: this.system.spawn(Child, journal, "spawned"),
        "system stop": lambda this: this.system.stop(),
    }
    with pytest.raises(WouldBlock, match="/actor would block the dispatcher it shares: use ask"):
        stage.ask(actor, Run(ways[wait]))
    assert stage.ask(other, Run(lambda this: this.name)) == "other"
    assert "sent" not in journal.notes
    assert ("start", "spawned") not in journal.notes


@pytest.mark.parametrize("stage", ["pinned", "simulated"], indirect=True)
def test_an_actor_with_a_thread_of_its_own_may_wait(stage: Stage, journal: Journal) -> None:
    other = stage.spawn(Child, journal, "other")
    actor = stage.spawn(Child, journal, "actor")
    assert stage.ask(actor, Run(lambda _: other.ask(Run(lambda this: this.name), timeout=10))) == "other"


# -- pykka's future ----------------------------------------------------------------------------------------------------


def test_it_is_a_future_of_pykka() -> None:
    completion: Completion[Any] = Completion()
    assert isinstance(completion, pykka.Future)
    completion.set(1)
    with pytest.raises(AlreadyResolved):
        completion.set(2)
    with pytest.raises(AlreadyResolved):
        completion.set_exception((ValueError, ValueError("late"), None))
    with pytest.raises(AlreadyResolved):
        completion.set_get_hook(lambda timeout: 1)
    assert pykka.get_all([completion, Completion.of(2)]) == [1, 2]


def test_set_exception_takes_the_error_that_is_being_handled() -> None:
    completion: Completion[int] = Completion()
    with pytest.raises(ValueError, match="no error to set"):
        completion.set_exception()
    try:
        {}["k"]
    except KeyError:
        completion.set_exception()
    with pytest.raises(KeyError):
        completion.get()


def test_map_filter_reduce_and_join_work_as_in_pykka() -> None:
    numbers: Completion[Any] = Completion()
    more: Completion[Any] = Completion()
    mapped = numbers.map(len)
    filtered = numbers.filter(lambda number: number > 1)
    summed = numbers.reduce(lambda total, number: total + number, 10)
    joined = numbers.join(more)
    numbers.set([1, 2, 3])
    more.set("x")
    assert mapped.get() == 3
    assert filtered.get() == [2, 3]
    assert summed.get() == 16
    assert joined.get() == [[1, 2, 3], "x"]
    assert joined.map(len).get(timeout=1) == 2
    assert numbers.reduce(lambda total, number: total * number).get() == 6


def test_a_get_hook_computes_the_value_once_and_can_be_awaited() -> None:
    calls: list[Any] = []
    completion: Completion[int] = Completion()
    completion.set_get_hook(lambda timeout: calls.append(timeout) or 7)  # type: ignore[func-returns-value]
    assert completion.get(timeout=3) == completion.get() == 7
    assert calls == [3]
    with pytest.raises(TypeError, match="never done by itself"):
        completion.add_done_callback(print)

    async def main() -> int:
        return await completion

    assert asyncio.run(main()) == 7


def test_what_a_completion_held_is_freed_with_it() -> None:
    class Value:
        pass

    value = Value()
    left = weakref.ref(value)
    completion: Completion[Value] = Completion.of(value)
    chained = completion.then(lambda each: [each])
    del value, completion, chained
    gc.collect()
    assert left() is None


def test_its_state_can_be_read() -> None:
    completion: Completion[int] = Completion()
    assert repr(completion) == "<Completion pending>"
    assert repr(Completion.of(1)) == "<Completion done>"
    assert repr(Completion.failed(ValueError())) == "<Completion failed>"
