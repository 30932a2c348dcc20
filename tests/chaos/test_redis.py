"""Kill -9 of nodes, of their parts, of connections and of the server itself, on Redis: no task is lost."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import pytest

from tests.support import RedisServer
from tests.support.waiting import wait_until

from .fleet import Fleet, Victims, kill, recovery

TASKS_A_ROUND = 1_200
NODES = 2
SLOTS = 2
RECOVERY_LIMIT = 12.0
UNCOMMITTED = 64
"""Outcomes that a node may hold when it dies: what its processes answer while one batch is on its way."""


Strike = Callable[[RedisServer, Fleet], None]


def restart(server: RedisServer, _fleet: Fleet) -> None:
    """Kill the server, which starts again at once."""
    server.kill()
    server.start()


def cut_connections(server: RedisServer, _fleet: Fleet) -> None:
    """Have the server end every connection."""
    for kind in ("normal", "pubsub"):
        server.execute(f"CLIENT KILL TYPE {kind}")


def fate(victims: Victims) -> Strike:
    """Return a strike that kills processes."""

    def strike(_server: RedisServer, fleet: Fleet) -> None:
        kill(victims(fleet))

    return strike


FATES = {
    "pool process": fate(Fleet.pool_process),
    "node": fate(Fleet.node),
    "whole node": fate(Fleet.whole_node),
    "forkserver": fate(Fleet.forkserver),
    "everything": fate(Fleet.everything),
}
SERVERS = {"server": restart, "connections": cut_connections}
ROUND = (FATES, SERVERS, {**FATES, **SERVERS})
"""What may happen first, then, and last."""


@pytest.fixture
def chaos_app(tmp_path: Path, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The app's module, imported anew for this test's server and ledger."""
    for name, value in Fleet(tmp_path, url=own_redis.url).environment.items():
        monkeypatch.setenv(name, value)
    module = importlib.reload(importlib.import_module("tests.chaos.app"))
    yield module
    module.app.close()


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(4))
def test_no_task_is_lost_on_redis_whatever_is_killed(
    seed: int, tmp_path: Path, own_redis: RedisServer, chaos_app: ModuleType
) -> None:
    random = Random(seed)
    with Fleet(tmp_path, NODES, url=own_redis.url) as fleet:
        with chaos_app.app.publishing.batch():
            results = [
                chaos_app.work.delay(f"task{number}", random.choice((0.0, 0.0, 0.0, 0.002, 0.01)))
                for number in range(TASKS_A_ROUND)
            ]
        for fates in ROUND:
            strike(own_redis, fleet, random, fates)
        wait_until(lambda: len(fleet.executions()) == len(results), 30.0, what="every task's execution")
        wait_until(lambda: all(values(chaos_app, results)), what="every task's result")
        executions = fleet.executions()
        assert values(chaos_app, results) == [f"task{number}" for number in range(TASKS_A_ROUND)]
    again = sum(executions.values()) - len(executions)
    assert again <= len(ROUND) * NODES * (SLOTS + UNCOMMITTED), f"{again} tasks ran twice"


def strike(server: RedisServer, fleet: Fleet, random: Random, fates: Mapping[str, Strike]) -> None:
    """Wait until work is under way, have somebody meet his fate, and see that work goes on."""
    goal = fleet.lines() + random.randrange(20, 200)
    wait_until(lambda: fleet.lines() >= min(goal, TASKS_A_ROUND - 100), what="work to be under way")
    name = random.choice(list(fates))
    sys.stderr.write(f"{fleet.lines()} executions, then: {name}\n")
    fates[name](server, fleet)
    fleet.fill()
    sys.stderr.write(f"work went on after {recovery(fleet, TASKS_A_ROUND, RECOVERY_LIMIT):.2f} s\n")


def values(chaos_app: ModuleType, results: list[Any]) -> list[object]:
    """Return what is stored of each task, None where nothing is."""
    payloads = chaos_app.app.results.get([result.id for result in results]).get(timeout=30)
    return [None if payload is None else json.loads(payload)["result"] for payload in payloads]
