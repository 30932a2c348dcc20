"""Kill -9 of nodes and of their parts, and connections that an operator closes, on RabbitMQ: no task is lost."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from types import ModuleType

import pytest

from tests.support import RabbitMQServer
from tests.support.waiting import wait_until

from .fleet import Fleet, Victims, kill, recovery

TASKS = 1_000
NODES = 2
STRIKES = 3
RECOVERY_LIMIT = 15.0

Strike = Callable[[RabbitMQServer, Fleet], None]


def close_connections(server: RabbitMQServer, _fleet: Fleet) -> None:
    """Have the server end every connection that it knows of."""
    server.close_connections()


def fate(victims: Victims) -> Strike:
    """Return a strike that kills processes."""

    def strike(_server: RabbitMQServer, fleet: Fleet) -> None:
        kill(victims(fleet))

    return strike


FATES = {
    "pool process": fate(Fleet.pool_process),
    "node": fate(Fleet.node),
    "whole node": fate(Fleet.whole_node),
    "forkserver": fate(Fleet.forkserver),
    "everything": fate(Fleet.everything),
    "connections": close_connections,
}


@pytest.fixture
def chaos_app(tmp_path: Path, rabbitmq_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The app's module, imported anew for this test's virtual host and ledger."""
    for name, value in Fleet(tmp_path, url=rabbitmq_url).environment.items():
        monkeypatch.setenv(name, value)
    module = importlib.reload(importlib.import_module("tests.chaos.app"))
    yield module
    module.app.close()


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", range(3))
def test_no_task_is_lost_on_rabbitmq_whatever_is_killed(
    seed: int, tmp_path: Path, rabbitmq_url: str, rabbitmq_server: RabbitMQServer, chaos_app: ModuleType
) -> None:
    random = Random(seed)
    names = [f"task{number}" for number in range(TASKS)]
    with Fleet(tmp_path, NODES, url=rabbitmq_url) as fleet:
        with chaos_app.app.publishing.batch():
            for name in names:
                chaos_app.work.delay(name, random.choice((0.0, 0.0, 0.0, 0.002, 0.01)))
        for _ in range(STRIKES):
            goal = fleet.lines() + random.randrange(20, 150)
            wait_until(lambda goal=goal: fleet.lines() >= min(goal, TASKS - 100), 20.0, what="work to be under way")
            name = random.choice(list(FATES))
            sys.stderr.write(f"{fleet.lines()} executions, then: {name}\n")
            FATES[name](rabbitmq_server, fleet)
            fleet.fill()
            sys.stderr.write(f"work went on after {recovery(fleet, TASKS, RECOVERY_LIMIT):.2f} s\n")
        wait_until(lambda: set(fleet.executions()) == set(names), 40.0, what="every task's execution")
        size = chaos_app.app.transport.size
        wait_until(lambda: size("celery").get(timeout=10) == 0, 20.0, what="the queue to be empty")
    assert size("celery").get(timeout=10) == 0
