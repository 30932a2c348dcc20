"""The simulated host: the same seed, the same trace."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.actors import Completion, Deadlock, System, Timeout
from understudy.actors.hosts.simulated import RandomChoice, ReplayChoice, SimulatedHost, StepLimit
from understudy.actors.simulation.choices import Recorder

from .children import Child, Crash, DynamicTroupe, FailsLater, Note, Run, Troupe, spec, specs, troupe
from .stage import Journal, Stage, in_simulation


def play(choice: Any) -> tuple[int, list[Any]]:
    """Run a small drama with restarts, timers and races, and return its trace and what was noted."""
    journal = Journal()
    with SimulatedHost(choice) as host, System("play", host) as system:
        inner = [spec(journal, "flaky", FailsLater, 2), *specs(journal, "steady")]
        system.spawn(troupe(strategy="one_for_all", intensity=10), inner, name="troupe")
        system.spawn(DynamicTroupe, specs(journal, "x", "y", "z"), name="crowd")
        for name in "xyz":
            actor = system.find(f"/crowd/{name}")
            assert actor is not None
            actor.tell(Run(lambda this: this.every(0.5, Note((this.name, round(this.rng.random(), 6))))))
        flaky = system.find("/troupe/flaky")
        assert flaky is not None
        flaky.tell(Crash())
        host.run(seconds=3.0)
        journal(system.ids.fresh())
    return host.trace, journal.notes


def test_the_same_seed_gives_the_same_trace_and_other_seeds_give_others() -> None:
    plays = {seed: play(RandomChoice(seed)) for seed in range(20)}
    assert all(play(RandomChoice(seed)) == plays[seed] for seed in (0, 7, 19))
    assert len({trace for trace, _ in plays.values()}) > 10
    assert len({str(notes) for _, notes in plays.values()}) == 20  # the randomness of actors is the seed's, too


def test_recorded_choices_replay_a_trace() -> None:
    choice = Recorder(RandomChoice(5))
    assert play(choice) == play(ReplayChoice(choice.record))


@in_simulation
def test_time_jumps_to_the_next_timer_and_no_further(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    stage.ask(actor, Run(lambda this: this.after(0, Note("now"))))
    stage.simulated.run(seconds=5.0)
    assert journal.notes[-1] == "now"
    assert stage.system.clock.now() == 5.0
    assert stage.system.clock.time() == 1_700_000_005.0
    stage.ask(actor, Run(lambda this: this.after(2.5, Note("then"))))
    stage.simulated.run(seconds=2.5)
    assert (journal.notes[-1], stage.system.clock.now()) == ("then", 7.5)


@in_simulation
def test_waiting_lets_virtual_time_pass(stage: Stage, journal: Journal) -> None:
    never: Completion[int] = Completion()
    actor = stage.spawn(Child, journal)
    stage.ask(actor, Run(lambda this: this.every(1.0, Note("tick"))))
    with pytest.raises(Timeout):
        never.get(timeout=10.0)
    assert stage.system.clock.now() == 10.0
    assert journal.notes.count("tick") == 10


@in_simulation
def test_a_run_ends_when_its_condition_holds_or_nothing_is_left(stage: Stage, journal: Journal) -> None:
    host = stage.simulated
    actor = stage.spawn(Child, journal)
    actor.tell(Note("a"))
    actor.tell(Note("b"))
    host.run(until=lambda: "a" in journal.notes)
    assert "b" not in journal.notes
    host.run()
    assert "b" in journal.notes
    with pytest.raises(Deadlock):
        host.run(until=lambda: "c" in journal.notes)


@in_simulation
def test_a_simulation_that_does_not_come_to_rest_is_ended(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    stage.ask(actor, Run(lambda this: this.every(1.0, Note("tick"))))
    with pytest.raises(StepLimit, match="no rest after 100 steps"):
        stage.simulated.run(max_steps=100)
    never: Completion[int] = Completion()
    limit = stage.simulated.max_steps = stage.simulated.steps + 100
    with pytest.raises(StepLimit, match=f"seed 1: no rest after {limit} steps"):
        never.get()
    stage.simulated.max_steps = limit + 1000


@in_simulation
def test_every_step_can_be_checked(stage: Stage, journal: Journal) -> None:
    steps: list[int] = []
    stage.simulated.after_step.append(lambda: steps.append(stage.simulated.steps))
    stage.spawn(Troupe, specs(journal, "a"))
    assert steps == list(range(steps[0], steps[0] + len(steps)))


@in_simulation
def test_a_system_that_is_out_of_breath_gets_mail_and_no_turns(stage: Stage, journal: Journal) -> None:
    host = stage.simulated
    with System("paused", host) as paused:
        actor = paused.spawn(Child, journal)
        host.stopped.add(paused)
        actor.tell(Note("waiting"))
        host.run(seconds=10.0)
        assert "waiting" not in journal.notes
        host.stopped.discard(paused)
        journal.has("waiting")


@in_simulation
def test_a_simulation_has_no_outside_world(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    with pytest.raises(NotImplementedError, match="no file descriptors in a simulation"):
        stage.ask(actor, Run(lambda this: this.io))


@in_simulation
def test_whoever_waits_inside_a_turn_goes_on_in_the_middle_of_it(stage: Stage, journal: Journal) -> None:
    a, b = stage.spawn(Child, journal, name="a"), stage.spawn(Child, journal, name="b")

    def ask_twice(this: Any) -> list[str]:
        return [b.ask(Run(lambda other: other.path)), this.path, b.ask(Run(lambda other: other.path))]

    assert stage.ask(a, Run(ask_twice)) == ["/b", "/a", "/b"]
    assert stage.simulated.current is None
