"""The node's tree in simulation: whatever the schedule and the faults, every task is finished exactly once."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest

from tests.support.programs import ROOT
from understudy.actors.simulation.pytest_plugin import Explorer
from understudy.runtime.simulation import World
from understudy.testing import Pct, Simulation, Uniform, simulate

from .scenario import FAULTS, STORM, play, play_kinds, storm


@pytest.mark.sim(seeds=1000, per_test=25)
def test_every_task_is_finished_exactly_once(explore: Explorer) -> None:
    explore(play, faults=FAULTS)


@pytest.mark.sim(seeds=100, per_test=10)
def test_so_it_is_when_faults_strike_at_any_step(explore: Explorer) -> None:
    explore(storm, faults=STORM, schedulings=[Uniform(), Pct(), Pct(10, 5_000)])


@pytest.mark.sim(seeds=100, per_test=25)
def test_so_it_is_when_results_are_stored_beside_the_broker(explore: Explorer) -> None:
    explore(partial(play, foreign_store=True), faults=FAULTS)


@pytest.mark.sim(seeds=200, per_test=50)
def test_tasks_with_an_eta_come_in_time_and_chords_end_once(explore: Explorer) -> None:
    explore(play_kinds, faults=FAULTS)


@pytest.mark.sim(seeds=10)
def test_what_has_priority_is_handed_out_first(explore: Explorer) -> None:
    def body(simulation: Simulation) -> None:
        world = World(simulation)
        world.publish(*(f"later{number}" for number in range(5)), priority=1)
        world.publish(*(f"first{number}" for number in range(5)), priority=9)
        world.boot()
        world.settle()
        assert world.ledger.delivered[:5] == [f"first{number}" for number in range(5)]

    explore(body)


@pytest.mark.sim
def test_the_same_seed_gives_the_same_trace() -> None:
    first = [simulate(play, seed, faults=FAULTS) for seed in range(5)]
    again = [simulate(play, seed, faults=FAULTS) for seed in range(5)]
    assert [(run.trace, run.record) for run in first] == [(run.trace, run.record) for run in again]


TRACES = """
from tests.runtime.simulation.scenario import STORM, storm
from understudy.testing import simulate
print([simulate(storm, seed, faults=STORM).trace for seed in range(3)])
"""


@pytest.mark.sim
def test_the_same_seed_gives_the_same_trace_in_another_process() -> None:
    def traces(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-c", TRACES]
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True).stdout

    assert traces("1") == traces("2") != ""


@pytest.mark.sim(seeds=20)
def test_other_seeds_give_other_traces(explore: Explorer) -> None:
    exploration = explore(play, faults=FAULTS)
    assert exploration.traces == exploration.runs
