"""`simulate` and `explore`: the same seed is the same run, a failure says how to see it again, rest is demanded."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest

from understudy.actors import Actor, Backoff, ChildSpec, Completion, Deferred, Message, Ref, Supervisor, on
from understudy.testing import (
    Crash,
    Killing,
    NoProgress,
    Pct,
    RandomChoice,
    ReplayChoice,
    Simulation,
    SimulationFailed,
    Slowness,
    StepLimit,
    Uniform,
    explore,
    simulate,
)

from .troupe import Sell, Shop, Till, open_shop, till_of

FAULTS = [Crash(0.05), Killing(0.02), Slowness(0.05)]
SCHEDULINGS = [Uniform(), Pct()]


@dataclass(frozen=True, slots=True)
class Wait(Message[Any, int]):
    pass


class Waiter(Actor):
    """Promises an answer that never comes, or that another one gives."""

    def __init__(self, other: Ref[Any] | None = None) -> None:
        self.other = other

    @on(Wait)
    def wait(self, _: Wait) -> Any:
        return Completion[int]() if self.other is None else self.other.ask(Wait())


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    runs = [simulate(open_shop, seed, faults=FAULTS, schedulings=SCHEDULINGS) for seed in range(20)]
    again = [simulate(open_shop, seed, faults=FAULTS, schedulings=SCHEDULINGS) for seed in range(20)]
    assert runs == again
    assert len({run.trace for run in runs}) == 20


def test_an_exploration_counts_runs_and_different_traces() -> None:
    exploration = explore(open_shop, 30, faults=FAULTS)
    assert (exploration.runs, exploration.traces) == (30, 30)
    assert explore(open_shop, [1, 1, 1], faults=FAULTS).traces == 1


def test_a_run_returns_what_its_body_does() -> None:
    run = simulate(lambda simulation: simulation.spawn(Till).ask(Sell()), 4)
    assert (run.value, run.seed, run.origin) == (1, 4, "seed 4")
    assert run.steps > 0


def test_a_failure_names_its_seed_and_its_last_turns_and_is_replayed_by_it() -> None:
    def body(simulation: Simulation) -> None:
        sold = [simulation.spawn(Till, name=f"till{number}").ask(Sell()) for number in range(3)]
        assert simulation.choose(10, "luck") != 7, f"sold {sold}"

    with pytest.raises(SimulationFailed) as failed:
        explore(body, 100)
    failure = failed.value
    assert str(failure).startswith(f"seed {failure.run.seed}, step ")
    assert "AssertionError: sold [1, 1, 1]" in str(failure)
    assert "/till2#4 Ask" in str(failure)
    assert failure.invariant is None
    assert isinstance(failure.__cause__, AssertionError)
    for again in ({"seed": failure.run.seed}, {"choice": ReplayChoice(failure.run.record)}):
        with pytest.raises(SimulationFailed) as repeated:
            simulate(body, **again)  # type: ignore[arg-type]
        assert repeated.value.run.trace == failure.run.trace


def test_an_exploration_is_quiet_and_a_single_simulation_is_not(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    explore(open_shop, 5, faults=[Crash(0.5, at_most=3)])
    assert not caplog.records
    simulate(open_shop, 0, faults=[Crash(0.5, at_most=3)])
    assert any("crashed" in record.message for record in caplog.records)


# -- rest --------------------------------------------------------------------------------------------------------------


def test_faults_end_and_the_world_comes_to_rest() -> None:
    def body(simulation: Simulation) -> None:
        open_shop(simulation)
        simulation.settle()
        assert till_of(simulation).ask(Sell(), timeout=1) >= 1

    explore(body, 30, faults=FAULTS)


def test_a_promise_that_is_not_kept_is_no_rest() -> None:
    def body(simulation: Simulation) -> None:
        simulation.spawn(Waiter, name="waiter").ask(Wait(), block=False)

    with pytest.raises(SimulationFailed, match=r"NoProgress: after 60 s without a fault: /waiter#2 .* owes 1 answers"):
        simulate(body)
    simulate(body, settle=None)


def test_whoever_does_not_finish_its_start_is_no_rest() -> None:
    class Hesitant(Till):
        def on_start(self) -> Any:
            return Deferred.LATER

    def body(simulation: Simulation) -> None:
        simulation.system.start(Hesitant, name="hesitant")
        simulation.settle(within=5.0)

    with pytest.raises(SimulationFailed, match=r"NoProgress: after 5 s .*: .*/hesitant#2 of 'simulation' is starting"):
        simulate(body)


def test_whoever_is_about_to_be_restarted_is_no_rest() -> None:
    def body(simulation: Simulation) -> None:
        specs = [ChildSpec("till", Till, backoff=Backoff(first=5.0, jitter=0.0))]
        simulation.spawn(Shop, specs, name="shop")
        till_of(simulation).kill()
        with pytest.raises(NoProgress, match="/shop#2 of 'simulation' is about to restart 'till'"):
            simulation.settle(within=4.0)
        simulation.settle()
        assert simulation.now == pytest.approx(5.0)

    simulate(body)


def test_progress_is_what_one_demands() -> None:
    def body(simulation: Simulation) -> None:
        sold: list[int] = []
        till = simulation.spawn(Till, sold)
        simulation.host.call_later(3.0, lambda: till.tell(Sell()))
        simulation.settle(within=10.0, until=lambda: len(sold) == 1)
        assert simulation.now == pytest.approx(3.0)
        with pytest.raises(NoProgress, match="after 10 s without a fault: what was waited for has not happened"):
            simulation.settle(within=10.0, until=lambda: len(sold) == 2)

    simulate(body)


def test_a_paused_system_goes_on_when_the_world_is_healed() -> None:
    def body(simulation: Simulation) -> None:
        other = simulation.add_system("other")
        till = other.spawn(Till)
        simulation.host.stopped.add(other)
        answer = till.ask(Sell(), block=False)
        simulation.run(seconds=5.0)
        assert not answer.done()
        simulation.settle()
        assert answer.get(timeout=0) == 1

    simulate(body)


def test_a_system_that_vanishes_takes_its_actors_along_and_nobody_is_told() -> None:
    def body(simulation: Simulation) -> None:
        other = simulation.add_system("other")
        till = other.spawn(Till)
        answer = till.ask(Sell(), block=False)
        other.vanish()
        simulation.run(seconds=5.0)
        assert not answer.done()
        assert other.ended

    simulate(body)


def test_whoever_does_not_stop_is_named() -> None:
    class Stayer(Supervisor):
        def on_stop(self) -> Any:
            return Deferred.LATER

    def body(simulation: Simulation) -> None:
        simulation.spawn(Stayer)

    with pytest.raises(SimulationFailed, match="NoProgress: the system 'simulation' did not stop within 60 s"):
        simulate(body)


# -- what cannot go on -------------------------------------------------------------------------------------------------


def test_a_deadlock_names_the_seed_and_those_who_wait() -> None:
    def body(simulation: Simulation) -> None:
        last = simulation.spawn(Waiter, name="last")
        simulation.spawn(Waiter, last, name="first").ask(Wait())

    with pytest.raises(SimulationFailed) as failed:
        simulate(body, 17)
    said = str(failed.value.__cause__)
    assert "seed 17: an answer is waited for, and nothing is left that could resolve it" in said
    assert "/first waits for an answer" in said


def test_a_world_that_never_rests_is_ended() -> None:
    class Busy(Actor):
        @on(Wait)
        def wait(self, _: Wait) -> int:
            self.ref.tell(Wait())
            return 0

    def body(simulation: Simulation) -> None:
        simulation.spawn(Busy).tell(Wait())
        simulation.run()

    with pytest.raises(SimulationFailed, match="seed 2: no rest after 500 steps") as failed:
        simulate(body, 2, max_steps=500)
    assert isinstance(failed.value.__cause__, StepLimit)


def test_a_test_waits_in_virtual_time_for_what_must_come() -> None:
    def body(simulation: Simulation) -> None:
        simulation.spawn(Shop, name="shop")
        till_of(simulation).kill()
        simulation.run(until=lambda: simulation.find("/shop/till") is not None)
        assert simulation.now < 1.0

    explore(body, 20)


def test_choices_of_a_seed_can_be_had_by_themselves() -> None:
    by_seed, by_choice = simulate(open_shop, 8), simulate(open_shop, choice=RandomChoice(8))
    assert by_seed == by_choice
