"""Each job that was sent is answered, taken back or running at the death of its process: one of these, once.

Runs with a fixed seed; `UNDERSTUDY_KILLS` and `UNDERSTUDY_SEED` ask for more or other ones.
"""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from understudy.runtime.pool.forking import ForkServer
from understudy.runtime.pool.process import PoolProcess

from .driving import forkserver, job, resolve, spawn, tags, wait_readable

KILLS = int(os.environ.get("UNDERSTUDY_KILLS", "200"))
SEED = int(os.environ.get("UNDERSTUDY_SEED", "1"))


class Ledger:
    """What was sent to one process, what came back, and what that process itself wrote down when it began a job."""

    def __init__(self, child: PoolProcess, log: Path) -> None:
        self.child = child
        self.sent: list[int] = []
        self.finished: list[int] = []
        self.taken: list[int] = []
        self.lost: list[int] = []
        self._log = log

    def send(self, large: bool) -> None:
        tag = len(self.sent) + 1
        padding = " " * 100_000 if large else ""
        if self.child.send(job(f"log {self._log} {tag}{padding}", tag)):
            self.sent.append(tag)

    def receive(self) -> None:
        self.finished += [finished.outcome.tag for finished in self.child.receive()]

    def steal(self) -> None:
        self.taken += tags(self.child.take_back())

    def bury(self) -> None:
        remains = self.child.bury()
        self.finished += [finished.outcome.tag for finished in remains.finished]
        self.taken += tags(remains.unread)
        self.lost += tags(remains.lost)

    def check(self) -> None:
        begun = [int(line) for line in self._log.read_text().split()] if self._log.exists() else []
        assert Counter(self.sent) == Counter(self.finished + self.taken + self.lost)
        assert len(self.lost) <= 1
        assert self.finished == sorted(self.finished)
        assert set(self.finished) <= set(begun) <= set(self.finished + self.lost)
        assert len(begun) == len(set(begun))


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    with forkserver() as server:
        yield server


def test_random_kills_lose_and_double_nothing(server: ForkServer, tmp_path: Path) -> None:
    rng = Random(SEED)
    for number in range(KILLS):
        child = resolve(server.spawn(), server, server.receive)
        ledger = Ledger(child, tmp_path / str(number))
        for _ in range(rng.randrange(40)):
            action = rng.choices((ledger.send, ledger.receive, ledger.steal), (30, 5, 5))[0]
            if action == ledger.send:
                ledger.send(large=rng.random() < 0.05)
            else:
                action()
        if rng.random() < 0.2:
            child.sentinel.signal(signal.SIGSTOP)
            ledger.steal()
        elif rng.random() < 0.5:
            resolve(child.ready, child, ledger.receive)
        child.kill()
        wait_readable(child.sentinel)
        ledger.bury()
        ledger.check()


def test_stealing_from_a_busy_process_doubles_nothing(server: ForkServer, tmp_path: Path) -> None:
    rng = Random(SEED)
    child = spawn(server)
    ledger = Ledger(child, tmp_path / "log")
    while len(ledger.sent) < 5_000:
        for _ in range(rng.randrange(20)):
            ledger.send(large=False)
        rng.choice((ledger.receive, ledger.steal))()
    while child.load:
        wait_readable(child)
        ledger.receive()
    child.kill()
    wait_readable(child.sentinel)
    ledger.bury()
    ledger.check()
    assert ledger.taken
    assert ledger.finished
