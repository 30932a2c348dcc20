"""Kill -9 of every part while tasks run: none is lost, few run twice, recovery takes seconds."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from tests.support.waiting import wait_until

from .fleet import FATES, Fleet, kill, recovery

KILLS_A_ROUND = 3
TASKS_A_ROUND = 1_200
NODES = 2
SLOTS = 2
RECOVERY_LIMIT = 10.0
UNCOMMITTED = 64
"""Outcomes that a node may hold when it dies: what its processes answer while one batch is on its way."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "seed" in metafunc.fixturenames:
        first: int = metafunc.config.getoption("--chaos-seed")
        rounds: int = metafunc.config.getoption("--chaos-rounds")
        metafunc.parametrize("seed", range(first, first + rounds))


@pytest.mark.chaos
@pytest.mark.timeout(180)  # a few seconds, where the machine has nothing else to do
def test_no_task_is_lost_whatever_is_killed(
    seed: int, tmp_path: Path, chaos_app: ModuleType, record_property: pytest.RecordProperty
) -> None:
    random = Random(seed)
    replay = f"replay it with: pytest {__name__.replace('.', '/')}.py --chaos-seed={seed} --chaos-rounds=1"
    with Fleet(tmp_path, NODES) as fleet:
        results = launch(chaos_app, random)
        recoveries = [strike(fleet, random) for _ in range(KILLS_A_ROUND)]
        wait_until(lambda: len(fleet.executions()) == len(results), what=f"every task's execution; {replay}")
        wait_until(lambda: all(values(chaos_app, results)), what=f"every task's result; {replay}")
        executions = fleet.executions()
        assert values(chaos_app, results) == [f"task{number}" for number in range(TASKS_A_ROUND)], replay
    again = sum(executions.values()) - len(executions)
    record_property("recoveries", [round(seconds, 3) for seconds in recoveries])
    record_property("executed_again", again)
    assert again <= KILLS_A_ROUND * NODES * (SLOTS + UNCOMMITTED), f"{again} tasks ran twice; {replay}"


def values(chaos_app: ModuleType, results: list[Any]) -> list[object]:
    """Return what is stored of each task, None where nothing is."""
    payloads = chaos_app.app.results.get([result.id for result in results]).get(timeout=30)
    return [None if payload is None else json.loads(payload)["result"] for payload in payloads]


def launch(chaos_app: ModuleType, random: Random) -> list[Any]:
    """Publish the round's tasks: most do nothing, some take a while."""
    with chaos_app.app.publishing.batch():
        return [
            chaos_app.work.delay(f"task{number}", random.choice((0.0, 0.0, 0.0, 0.002, 0.01)))
            for number in range(TASKS_A_ROUND)
        ]


def strike(fleet: Fleet, random: Random) -> float:
    """Wait until work is under way, kill somebody, and return how long it took until work went on."""
    goal = fleet.lines() + random.randrange(20, 200)
    wait_until(lambda: fleet.lines() >= min(goal, TASKS_A_ROUND - 100), what="work to be under way")
    victims = random.choice(FATES)
    sys.stderr.write(f"{fleet.lines()} executions, then kill: {victims.__name__} {(pids := victims(fleet))}\n")
    kill(pids)
    fleet.fill()
    seconds = recovery(fleet, TASKS_A_ROUND, RECOVERY_LIMIT)
    sys.stderr.write(f"work went on after {seconds:.2f} s\n")
    return seconds
