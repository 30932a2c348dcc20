"""A worker node is a node among others: its actors are called by name from other processes."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from tests.actors.remote.world import Add, Counter, Fail, Hang
from tests.conftest import StartProgram
from tests.support.waiting import wait_until
from understudy.actors import ActorDead, System
from understudy.remote import NodeDown, RemoteError, join

HOSTING = """
import logging

from tests.actors.remote.world import Counter
from understudy import App
from understudy.actors import ChildSpec
from understudy.runtime.node.blueprint import WorkerOptions
from understudy.runtime.node.worker import Worker

app = App("shop", broker="sqlite:///{file}")


@app.task
def double(number):
    return 2 * number


app.components.add(ChildSpec("counter", Counter))

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    options = WorkerOptions(address="hosting:app", hostname="celery@till-1", concurrency=1)
    print("ending with", Worker(app, options).run())
"""


def answers(counter: Any) -> bool:
    """Whether somebody holds the name, who may be between two incarnations."""
    try:
        return counter.ask(Add(3), timeout=15.0) == 3
    except ActorDead:
        return False


@pytest.mark.slow
def test_an_actor_of_a_worker_is_called_by_name_from_another_process(tmp_path: Path, program: StartProgram) -> None:
    file = tmp_path / "shop.db"
    (tmp_path / "hosting.py").write_text(HOSTING.format(file=file))
    worker = program(["hosting.py"])
    worker.wait_for_output("ready.")
    with System("shop") as system:
        join(system, f"sqlite:///{file}", "client")
        counter = system.resolve("name://shop/celery@till-1/node/services/counter", Counter)
        assert counter.ask(Add(2), timeout=15.0) == 2
        with pytest.raises(RemoteError, match="ValueError"):
            counter.ask(Fail(), timeout=15.0)
        wait_until(lambda: answers(counter), what="the counter's understudy")
        hanging = counter.ask(Hang(), block=False, timeout=60.0)
        worker.signal(signal.SIGTERM)
        with pytest.raises((NodeDown, ActorDead)):
            hanging.get(timeout=15.0)
