"""What each fault does, and what none of them does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    ActorCrashed,
    ActorStopped,
    ChildSpec,
    ChildStartFailed,
    Error,
    Killed,
    Message,
    Supervisor,
    on,
)
from understudy.testing import (
    Chaos,
    ClockJump,
    Crash,
    Delay,
    Duplicate,
    Fault,
    Killing,
    Loss,
    Mishap,
    Partition,
    Route,
    Simulation,
    Slowness,
    StartFailure,
    Suspension,
    explore,
    simulate,
)

from .troupe import Sell, Shop, Till, open_shop, till_of


def ends(simulation: Simulation) -> list[ActorStopped]:
    """Return a list that is added to whenever an actor ends."""
    seen: list[ActorStopped] = []
    simulation.system.events.subscribe(ActorStopped, seen.append)
    return seen


def test_a_crash_strikes_those_it_means_as_often_as_it_may_and_no_supervisor() -> None:
    struck: list[str] = []

    def body(simulation: Simulation) -> None:
        simulation.system.events.subscribe(ActorCrashed, lambda event: struck.append(event.ref.path))
        open_shop(simulation)

    explore(body, 30, faults=[Crash(0.2, at_most=2, paths="*/till")])
    assert struck == ["/shop/till"] * 60
    struck.clear()
    explore(body, 30, faults=[Crash(0.2, at_most=2)])
    assert set(struck) == {"/shop/till", "/shop/other"}


def test_a_crash_strikes_before_a_message_is_handled_or_after() -> None:
    def body(simulation: Simulation) -> tuple[list[int], list[Any]]:
        sold: list[int] = []
        shop = simulation.spawn(Shop, [ChildSpec("till", Till, (sold,))], name="shop")
        assert shop.is_alive()
        simulation.suffer(Crash(0.5, at_most=1))
        ended = ends(simulation)
        till_of(simulation).tell(Sell())
        simulation.run(seconds=0.1)
        return sold, [event.reason.message for event in ended if isinstance(event.reason, Error)]

    seen = {(len(sold), len(ended)) for sold, ended in (simulate(body, seed).value for seed in range(30))}
    assert seen == {(0, 1), (1, 1), (1, 0)}  # lost with the crash, handled and then crashed, spared


def test_killing_runs_no_code_of_the_actor() -> None:
    noted: list[str] = []

    class Careful(Till):
        def on_stop(self) -> None:
            noted.append("stop")

        def on_failure(self, *args: object) -> None:
            noted.append("failure")

    def body(simulation: Simulation) -> None:
        ended = ends(simulation)
        careful = simulation.spawn(Careful)
        simulation.suffer(Killing(1.0))
        simulation.run(seconds=1)
        assert [event.reason for event in ended] == [Killed()]
        assert not careful.is_alive()

    simulate(body)
    assert noted == []


def test_a_start_failure_fails_the_start_and_counts_as_any_other() -> None:
    failed: list[str] = []

    class Patient(Supervisor):
        intensity = 3

        def children(self) -> list[ChildSpec]:
            return [ChildSpec("till", Till)]

        def child_start_failed(self, event: ChildStartFailed) -> None:
            failed.append(event.child.path)
            super().child_start_failed(event)

    def body(simulation: Simulation) -> None:
        simulation.spawn(Patient, name="shop")
        simulation.suffer(StartFailure(1.0, at_most=2))
        till_of(simulation).kill()
        simulation.run(seconds=1)
        assert till_of(simulation).ask(Sell()) == 1

    simulate(body)
    assert failed == ["/shop/till"] * 2


def test_a_slow_actor_gets_no_turn_while_time_goes_on_for_others() -> None:
    def body(simulation: Simulation) -> tuple[int, float]:
        slow, quick = simulation.spawn(Till, name="slow"), simulation.spawn(Till, name="quick")
        simulation.suffer(Slowness(1.0, at_most=1, paths="/slow", longest=10.0))
        answer = slow.ask(Sell(), block=False)
        sold = 0
        while not answer.done():
            sold = quick.ask(Sell())
            simulation.run(seconds=0.5)
        return sold, simulation.now

    runs = [simulate(body, seed).value for seed in range(20)]
    assert max(sold for sold, _ in runs) > 5
    assert all(now <= 11 for _, now in runs)


def test_a_healed_world_lets_the_slow_go_on_at_once() -> None:
    def body(simulation: Simulation) -> None:
        slow = simulation.spawn(Till, name="slow")
        simulation.suffer(Slowness(1.0, paths="/slow", longest=10.0))
        answer = slow.ask(Sell(), block=False)
        simulation.run(seconds=0.001)
        assert not answer.done()
        simulation.heal()
        assert answer.get(timeout=0.001) == 1

    simulate(body, 3)


def test_a_clock_jump_moves_unix_time_and_nothing_else() -> None:
    def body(simulation: Simulation) -> float:
        simulation.spawn(Till)
        simulation.suffer(ClockJump(0.5, longest=100.0))
        before = simulation.host.clock.time() - simulation.now
        simulation.run(seconds=5.0)
        assert simulation.now == 5.0
        return simulation.host.clock.time() - simulation.now - before

    jumps = [simulate(body, seed).value for seed in range(20)]
    assert min(jumps) < -20
    assert max(jumps) > 20


def test_after_a_suspension_what_was_due_is_late_and_still_comes() -> None:
    @dataclass(frozen=True, slots=True)
    class Wake(Message[Any, None]):
        pass

    class Sleeper(Actor):
        woken_at = 0.0

        def on_start(self) -> None:
            self.after(1.0, Wake())
            self.every(0.1, Nothing())

        @on(Wake)
        def wake(self, _: Wake) -> None:
            moments.append(self.clock.now())

        def on_receive(self, message: Any) -> None:
            pass

    class Nothing(Message[Any, None]):
        __slots__ = ()

    moments: list[float] = []

    def body(simulation: Simulation) -> None:
        simulation.spawn(Sleeper)
        simulation.suffer(Suspension(0.1, at_most=1, longest=60.0))
        simulation.run(seconds=100.0)

    explore(body, 20)
    assert len(moments) == 20
    assert all(moment >= 1.0 for moment in moments)
    assert max(moments) > 20


# -- on the way --------------------------------------------------------------------------------------------------------


def carried(fault: Fault, seed: int, count: int = 20, *, ordered: bool = True) -> list[tuple[int, float]]:
    """Send numbers from a to b at one moment, and return which came when."""
    came: list[tuple[int, float]] = []

    def body(simulation: Simulation) -> None:
        simulation.suffer(fault)
        for number in range(count):
            simulation.chaos.send(
                "a", "b", lambda number=number: came.append((number, simulation.now)), ordered=ordered
            )
        simulation.run(seconds=100.0)

    simulate(body, seed)
    return came


def numbers(came: list[tuple[int, float]]) -> list[int]:
    return [number for number, _ in came]


def test_what_is_carried_arrives_once_in_order_and_at_once_where_nothing_strikes() -> None:
    assert carried(Loss(0.0), 0) == [(number, 0.0) for number in range(20)]


def test_loss_loses_some() -> None:
    kept = [len(carried(Loss(0.5), seed)) for seed in range(10)]
    assert all(0 < left < 20 for left in kept)
    assert carried(Loss(1.0, at_most=3), 0, count=5) == [(3, 0.0), (4, 0.0)]


def test_delay_delays_some_and_keeps_the_order_where_there_is_one() -> None:
    came = carried(Delay(0.3, longest=2.0), 1)
    assert numbers(came) == list(range(20))
    assert 0 < came[-1][1] <= 2.0
    shuffled = numbers(carried(Delay(0.3, longest=2.0), 1, ordered=False))
    assert shuffled != sorted(shuffled) == list(range(20))


def test_a_duplicate_comes_once_more() -> None:
    came = numbers(carried(Duplicate(1.0, at_most=2, longest=1.0), 0, ordered=False))
    assert sorted(came) == sorted([*range(20), 0, 1])


def test_a_partition_lets_nothing_through_until_it_is_over() -> None:
    def body(simulation: Simulation) -> tuple[int, int]:
        came: list[str] = []
        simulation.suffer(Partition(1.0, at_most=1, longest=5.0))
        for _ in range(100):
            simulation.chaos.send("a", "b", lambda: came.append("there"))
            simulation.chaos.send("b", "a", lambda: came.append("back"))
            simulation.run(seconds=0.1)
        return came.count("there"), came.count("back")

    runs = [simulate(body, seed).value for seed in range(20)]
    assert all(50 <= there < 100 for there, _ in runs)
    assert any(back == 100 for _, back in runs)  # some are cut one way only
    assert any(back == there for there, back in runs)


def test_a_cut_is_undone_by_mending_it_and_by_healing_the_world() -> None:
    def body(simulation: Simulation) -> None:
        network = simulation.chaos.network
        first, _ = network.cut("a", "b"), network.cut("a", "b", both=False)
        assert simulation.chaos.fate("a", "b") == simulation.chaos.fate("b", "a") == ()
        network.mend(first)
        network.mend(first)
        assert simulation.chaos.fate("a", "b") == ()
        assert simulation.chaos.fate("b", "a") == (0.0,)
        simulation.heal()
        assert simulation.chaos.fate("a", "b") == (0.0,)

    simulate(body)


def test_between_the_actors_of_a_system_nothing_is_lost_or_doubled() -> None:
    def body(simulation: Simulation) -> None:
        till = simulation.spawn(Till)
        for _ in range(50):
            till.tell(Sell())
        simulation.settle()
        assert till.ask(Sell()) == 51

    explore(body, 10, faults=[Loss(1.0), Duplicate(1.0), Delay(1.0), Partition(1.0)])


# -- faults of one's own -----------------------------------------------------------------------------------------------


def test_a_mishap_strikes_where_a_port_asks_for_it_by_name() -> None:
    def count(simulation: Simulation) -> tuple[int, int]:
        full = sum(simulation.chaos.strikes("disk full") for _ in range(1000))
        return full, sum(simulation.chaos.strikes("no such mishap") for _ in range(10))

    full, other = simulate(count, faults=[Mishap(0.1, name="disk full")]).value
    assert 50 < full < 150
    assert other == 0


def test_a_fault_of_ones_own_overrides_what_it_means() -> None:
    @dataclass(frozen=True, slots=True)
    class Cuckoo(Fault):
        def carry(self, chaos: Chaos, route: Route, message: object, delays: tuple[float, ...]) -> tuple[float, ...]:
            return delays * 3 if message == "egg" and chaos.hits(self, "cuckoo") else delays

    def body(simulation: Simulation) -> None:
        assert simulation.chaos.fate("a", "b", "egg") == (0.0, 0.0, 0.0)
        assert simulation.chaos.fate("a", "b", "nest") == (0.0,)

    simulate(body, faults=[Cuckoo(1.0)])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Crash(1.5), r"Crash: a chance is from 0 to 1, not 1\.5"),
        (lambda: Loss(-0.1), r"Loss: a chance is from 0 to 1"),
        (lambda: Mishap(0.1), "a mishap has a name"),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(make: Callable[[], Fault], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
