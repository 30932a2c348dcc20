"""Measure the process pool: round trips a second by look-ahead, and how long a new pool process takes.

Run: `python -m benchmarks.pool [--jobs N] [--rounds N]`. One pool process and its node, on an otherwise quiet machine.
"""

from __future__ import annotations

import argparse
import select
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from understudy.actors.completion import Completion
from understudy.runtime.pool.forking import ForkServer
from understudy.runtime.pool.packets import Job
from understudy.runtime.pool.process import PoolProcess
from understudy.runtime.pool.program import Program, app_spec
from understudy.transports.message import Delivery, Outcome

from .report import Report, Row

HEAD = b'{"headers": {"lang": "py", "task": "app.add", "id": "%s"}, "properties": {}}' % (b"0" * 36)
BODY = b'[[2, 2], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]'


class NoOp:
    """An executor that does nothing."""

    def run(self, tag: int, queue: str, head: bytes, body: bytes, losses: int, redelivered: bool) -> Outcome:
        return Outcome(tag)

    def fail(self, tag: int, queue: str, head: bytes, body: bytes, losses: int, reason: str) -> Outcome:
        return Outcome(tag)

    def close(self) -> None:
        pass


def load(_: str) -> Program:
    return lambda _: NoOp()


def wait_for(completion: Completion[Any], poller: select.poll, receive: Callable[[], object]) -> None:
    while not completion.done():
        poller.poll()
        receive()
    completion.get(timeout=0)


def watching(*sources: ForkServer | PoolProcess) -> select.poll:
    poller = select.poll()
    for source in sources:
        poller.register(source, select.POLLIN)
    return poller


def spawn(server: ForkServer) -> tuple[PoolProcess, float, float]:
    """Return a new pool process, and the seconds until it was there and until it could run a task."""
    began = time.perf_counter()
    asked = server.spawn()
    wait_for(asked, watching(server), server.receive)
    forked = time.perf_counter() - began
    child = asked.get(timeout=0)
    wait_for(child.ready, watching(child), child.receive)
    return child, forked, time.perf_counter() - began


def round_trips(child: PoolProcess, jobs: int, ahead: int) -> float:
    """Keep `ahead` jobs in the process until `jobs` are answered; return how many a second."""
    poller = watching(child)
    sent, answered, tags = 0, 0, set[int]()
    began = time.perf_counter()
    while answered < jobs:
        while sent < jobs and child.load < ahead:
            sent += 1
            child.send(Job(Delivery(sent, "celery", HEAD, BODY)))
        poller.poll()
        finished = child.receive()
        answered += len(finished)
        tags.update(done.outcome.tag for done in finished)
    rate = jobs / (time.perf_counter() - began)
    assert tags == set(range(1, jobs + 1)), "not every job was answered once"
    return rate


def main() -> None:
    """Run every measurement and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/pool.json"))
    arguments = parser.parse_args()
    report = Report("The process pool: one pool process", "")
    server = ForkServer(app_spec("benchmarks.pool:load", ""))
    wait_for(server.started, watching(server), server.receive)
    born = [spawn(server) for _ in range(20)]
    report.add(Row("spawn: the process is there", "ms", [forked * 1000 for _, forked, _ in born]))
    report.add(Row("spawn: it can run a task", "ms", [ready * 1000 for _, _, ready in born], target=50.0))
    child = born[0][0]
    for ahead in (1, 2, 4, 8, 16):
        rates = [round_trips(child, arguments.jobs, ahead) for _ in range(arguments.rounds)]
        report.add(Row(f"round trips, {ahead} in the process", "/s", rates))
    server.kill()
    for other, _, _ in born:
        other.kill()
    report.show()
    report.write(arguments.json)


if __name__ == "__main__":
    main()
