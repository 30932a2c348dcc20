"""Coroutines of simulated actors: in virtual time, in an order that is drawn, the same for the same seed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast

import pytest

from understudy.actors import Actor, ChildSpec, Completion, Message, Ref, Supervisor, on
from understudy.actors.hosts.carrying import Steps, Tasks
from understudy.testing import Crash, Killing, NoProgress, Simulation, SimulationFailed, Slowness, explore, simulate


@dataclass(frozen=True, slots=True)
class Do(Message["Waiter", Any]):
    what: Callable[[Any], Awaitable[Any]]


class Waiter(Actor):
    def __init__(self, notes: list[Any] | None = None) -> None:
        self.notes = [] if notes is None else notes

    @on(Do)
    async def do(self, message: Do) -> Any:
        return await message.what(self)


class Troupe(Supervisor):
    intensity = 100

    def children(self) -> list[ChildSpec]:
        return [ChildSpec(name, Waiter) for name in ("a", "b", "c")]


def sleeping(seconds: float) -> Do:
    async def sleep(_: Any) -> float:
        await asyncio.sleep(seconds)
        return seconds

    return Do(sleep)


def test_sleep_is_virtual_and_the_clock_is_the_simulations() -> None:
    def body(simulation: Simulation) -> tuple[float, float]:
        waiter = simulation.spawn(Waiter)
        waiter.ask(sleeping(3600.0))

        async def look(_: Any) -> float:
            return asyncio.get_running_loop().time()

        return waiter.ask(Do(look)), simulation.now

    loop_time, now = simulate(body).value
    assert loop_time == now == 3600.0


def race(simulation: Simulation) -> str:
    """Let two coroutines and a plain turn meet."""
    notes: list[str] = []

    def noting(name: str) -> Do:
        async def note(_: Any) -> None:
            for _ in range(3):
                notes.append(name)
                await asyncio.sleep(0)

        return Do(note)

    for name in "ab":
        simulation.spawn(Waiter).tell(noting(name))
    simulation.run(seconds=1.0)
    return "".join(notes)


def test_the_same_seed_gives_the_same_order_and_others_give_others() -> None:
    runs = [simulate(race, seed) for seed in range(30)]
    assert [run.trace for run in runs] == [simulate(race, seed).trace for seed in range(30)]
    assert len({run.value for run in runs}) > 2


def test_answers_are_awaited_over_queues_gathered_and_given_up_in_time() -> None:
    def body(simulation: Simulation) -> Any:
        asked, asker = simulation.spawn(Waiter), simulation.spawn(Waiter)

        async def ask_many(_: Any) -> Any:
            queue: asyncio.Queue[float] = asyncio.Queue()

            async def feed() -> None:
                for number in range(2):
                    await queue.put(await asked.ask(sleeping(float(number)), block=False))

            task = asyncio.create_task(feed())
            got = [await queue.get(), await queue.get()]
            await task
            both = await asyncio.gather(asyncio.sleep(1, "one"), asyncio.sleep(2, "two"))
            try:
                await asyncio.wait_for(asyncio.Event().wait(), 5)
            except TimeoutError:
                both.append("late")
            return got, both

        return asker.ask(Do(ask_many)), simulation.now

    assert simulate(body).value == (([0.0, 1.0], ["one", "two", "late"]), 8.0)


def troubled(simulation: Simulation) -> None:
    """Have an actor await others that are crashed, killed and held up, and ask each until it answers."""
    simulation.spawn(Troupe, name="troupe")
    done: list[int] = []

    async def answer(_: Any) -> int:
        await asyncio.sleep(0.01)
        return 1

    def find(name: str) -> Ref[Any] | None:
        return simulation.find(f"/troupe/{name}")

    class Client(Actor):
        def on_start(self) -> None:
            self.after(0.1, Do(self.ask_all))

        @on(Do)
        async def do(self, message: Do) -> Any:
            return await message.what(self)

        async def ask_all(self, _: Any) -> None:
            for name in "abc":
                while True:
                    waiter = find(name)
                    try:
                        if waiter is not None:
                            async with asyncio.timeout(1):
                                done.append(await waiter.ask(Do(answer), block=False))
                            break
                    except Exception:  # noqa: BLE001 - whatever it was, it is tried again
                        pass
                    await asyncio.sleep(0.1)

    simulation.spawn(Client)
    simulation.run(seconds=5.0)
    simulation.settle(until=lambda: len(done) == 3)


def test_what_must_hold_holds_for_coroutines_under_faults() -> None:
    faults = [Crash(0.05, at_most=5, paths="/troupe/?"), Killing(0.02, at_most=3, paths="/troupe/?"), Slowness(0.02)]
    assert explore(troubled, 100, faults=faults).traces > 30


def test_who_awaits_for_ever_is_not_at_rest() -> None:
    def body(simulation: Simulation) -> None:
        async def wait(_: Any) -> None:
            await Completion[None]()

        simulation.spawn(Waiter).tell(Do(wait))

    with pytest.raises(SimulationFailed, match="awaits something") as failed:
        simulate(body)
    assert isinstance(failed.value.__cause__, NoProgress)


def test_a_coroutine_of_a_system_that_vanished_is_never_gone_on_with() -> None:
    def body(simulation: Simulation) -> list[str]:
        notes: list[str] = []
        other = simulation.add_system("other")

        async def tell_late(_: Any) -> None:
            try:
                await asyncio.sleep(1)
            finally:
                notes.append("went on")

        other.spawn(Waiter).tell(Do(tell_late))
        simulation.run(seconds=0.5)
        other.vanish()
        simulation.run(seconds=5)
        return list(notes)

    assert simulate(body).value == []


def test_a_coroutine_of_a_system_that_is_stopped_waits() -> None:
    def body(simulation: Simulation) -> list[float]:
        woken: list[float] = []
        other = simulation.add_system("other")

        async def wake(_: Any) -> None:
            await asyncio.sleep(1)
            woken.append(simulation.now)

        other.spawn(Waiter).tell(Do(wake))
        simulation.run(seconds=0.5)
        simulation.host.stopped.add(other)
        simulation.run(seconds=5)
        assert woken == []
        simulation.host.stopped.clear()
        simulation.run(seconds=1)
        return woken

    assert simulate(body).value == [5.5]


def test_blocking_in_a_coroutine_and_threads_are_refused() -> None:
    def body(simulation: Simulation) -> list[str]:
        waiter, other = simulation.spawn(Waiter), simulation.spawn(Waiter)

        async def block(_: Any) -> str:
            try:
                other.ask(sleeping(1.0))
            except Exception as error:  # noqa: BLE001 - which it is, is what is asked for
                return type(error).__name__
            return "answered"

        async def to_thread(_: Any) -> str:
            try:
                await asyncio.to_thread(str)
            except NotImplementedError as error:
                return str(error)
            return "ran"

        return [waiter.ask(Do(block)), waiter.ask(Do(to_thread))]

    assert simulate(body).value == ["WouldBlock", "no threads in a simulation: replace the port that wants them"]


def test_a_pinned_actor_has_no_coroutines_here_either() -> None:
    class Pinned(Waiter):
        pinned = True

    with pytest.raises(SimulationFailed, match="is `async def`, which takes an event loop"):
        simulate(lambda simulation: simulation.spawn(Pinned))


@pytest.mark.parametrize("closed_before", [True, False])
def test_a_coroutine_that_is_garbage_is_closed_in_silence(closed_before: bool) -> None:
    ended: list[str] = []

    class Forever:
        def __await__(self) -> Iterator[None]:
            yield

    async def waits() -> None:
        try:
            await Forever()
        finally:
            ended.append("closed")

    coroutine = waits()
    steps = Steps(lambda _: nullcontext(), cast("Any", None), coroutine).__await__()
    next(steps)
    if closed_before:  # of two that are garbage at once, either may be first
        coroutine.close()
    steps.close()
    assert ended == ["closed"]


def test_an_actor_whose_loop_is_over_does_not_crash_when_its_coroutine_is_garbage() -> None:
    landed: list[Any] = []

    async def waits() -> None:
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        tasks = Tasks(asyncio.get_running_loop(), lambda _: nullcontext(), lambda _: None)
        carrying = tasks._carry(cast("Any", None), waits(), lambda *outcome: landed.append(outcome))
        carrying.send(None)
        carrying.close()

    asyncio.run(main())
    assert landed == []
