"""Measure the embedded broker from end to end: drain, publishing, round trips; huey on SQLite in the same run.

Run: `python -m benchmarks.embedded [--rounds N] [--tasks N] [--quick] [--profile]`, best on an otherwise quiet machine.
One node with two pool processes. Huey is measured as it comes, which flushes the disk at each commit, and without any
flush; and the embedded broker in its default durability `process`, and in `fsync`. Every task leaves its number in a
file of the process that ran it: a round counts only if all that were published ran, once each, and nothing is left in
the queue.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, TypeVar

from . import sampling
from .ledger import VARIABLE, Ledger
from .processes import answer, cpu_seconds, environment_of, running, wait_until
from .relay import EmbeddedRelay, relayed
from .report import Report, Row, percentiles

SLOTS = 2
MICRO = 1e6
PARTS = {"understudy-pool": "pool processes", "embedded.writer": "writer", "understudy-fork": "forkserver"}
Program = subprocess.Popen[bytes]
B = TypeVar("B", bound="Bench")


class Bench(ABC):
    """A broker in a directory of its own, its ledger, and how to start what serves and what calls."""

    subject: ClassVar[str]
    needs_a_worker: ClassVar[bool] = False
    """Whether publishing is at its best while a worker is there."""

    def __init__(self, directory: Path, results: bool) -> None:
        self.directory = directory
        self.ledger = Ledger(directory / "ledger")
        self.python = sys.executable
        self.variables = {VARIABLE: str(self.ledger.directory), **self.settings(results)}

    @abstractmethod
    def settings(self, results: bool) -> dict[str, str]:
        """Return the environment that tells the subject its broker."""

    @abstractmethod
    def serving(self, pool: str, queue: str = "celery") -> AbstractContextManager[Program]:
        """Run what executes the tasks of a queue within the block; a peer has one queue."""

    def close(self) -> None:
        """End what it has started besides."""

    def part(self, name: str) -> str:
        """Return which part a process is whose CPU time was spent."""
        return "worker"

    def ask(self, action: str, count: int = 0) -> dict[str, Any]:
        """Let a client do something in a process of its own, and return what it found."""
        command = [self.python, "-m", "benchmarks.client", self.subject, action, str(count)]
        return json.loads(answer(command, self.variables))


class Ours(Bench):
    subject = "understudy"
    needs_a_worker = True
    durability: ClassVar[str] = "process"

    def settings(self, results: bool) -> dict[str, str]:
        return {
            "UNDERSTUDY_BROKER_URL": f"sqlite:///{self.directory}/broker.db?durability={self.durability}",
            "UNDERSTUDY_TASK_IGNORE_RESULT": "false" if results else "true",
        }

    @contextmanager
    def serving(self, pool: str, queue: str = "celery") -> Generator[Program]:
        with self.node(pool, SLOTS if pool == "processes" else 1, queue) as node:
            yield node

    @contextmanager
    def node(self, pool: str, slots: int, queue: str = "celery", name: str = "node") -> Generator[Program]:
        """Run a node within the block, which begins when the node is ready; several need a name each."""
        ready = self.directory / f"{name}.ready"
        app = ["-m", "understudy", "-q", "-A", "benchmarks.subjects.understudy_app", "worker"]
        options = ["-P", pool, "-c", str(slots), "-Q", queue, "-l", "ERROR", "-n", f"{name}@%h"]
        with running([self.python, *app, *options], {**self.variables, "BENCHMARK_READY": str(ready)}) as node:
            wait_until(ready.exists, node, 30)
            yield node

    def part(self, name: str) -> str:
        return next((part for mark, part in PARTS.items() if mark in name), "node")


class FlushingOurs(Ours):
    """Flushes the disk at each commit, of which there is one for many messages."""

    durability = "fsync"


class Huey(Bench):
    """Huey as it comes: SQLite flushes the disk at each commit."""

    subject = "huey"
    flushes: ClassVar[bool] = True

    def __init__(self, directory: Path, results: bool) -> None:
        super().__init__(directory, results)
        self.python = environment_of("huey", "huey>=3,<4")

    def settings(self, results: bool) -> dict[str, str]:
        return {
            "BENCHMARK_HUEY": str(self.directory / "huey.db"),
            "BENCHMARK_FLUSHES": "1" if self.flushes else "",
            "BENCHMARK_RESULTS": "1" if results else "",
        }

    @contextmanager
    def serving(self, pool: str, queue: str = "celery") -> Generator[Program]:
        consumer = ["-m", "huey.bin.huey_consumer", "benchmarks.subjects.huey_app.app"]
        command = [self.python, *consumer, "-w", str(SLOTS), "-k", pool, "-q"]
        with running(command, self.variables, signal.SIGINT) as program:
            yield program


class HastyHuey(Huey):
    """Huey that leaves flushing to the operating system (`fsync=False`)."""

    flushes = False


@contextmanager
def fresh(kind: type[B], results: bool = False) -> Generator[B]:
    """Return a bench whose broker is empty."""
    with tempfile.TemporaryDirectory(prefix="benchmark-", ignore_cleanup_errors=True) as directory:
        bench = kind(Path(directory), results)
        try:
            yield bench
        finally:
            bench.close()


@dataclass(frozen=True)
class Drain:
    """What one drain took: tasks a second, and microseconds of CPU for each task by part."""

    rate: float
    cpu: dict[str, float]

    @property
    def all_cpu(self) -> float:
        return sum(self.cpu.values())


def drain(
    kind: type[Bench], count: int, results: bool, pool: str, watch: Callable[[Program, Bench], None] | None = None
) -> Drain:
    """Publish so many tasks, start a worker, and see how fast they run; `watch` looks on from the first of them."""
    with fresh(kind, results) as bench:
        found = bench.ask("publish_batched", count)["published"]
        if found != count:
            raise RuntimeError(f"{count} tasks were published, and {found} are in the queue")
        with bench.serving(pool) as program:
            wait_until(lambda: bench.ledger.count() > 0, program, 30)
            done, before = bench.ledger.count(), cpu_seconds(program.pid, bench.part)
            if watch is not None:
                watch(program, bench)
            wait_until(lambda: bench.ledger.count() >= count, program, 30 + count / 100)
            after = cpu_seconds(program.pid, bench.part)
        if left := bench.ask("left")["left"]:
            raise RuntimeError(f"{left} messages are left in the queue")
        each = MICRO / max(count - done, 1)
        return Drain(bench.ledger.rate(count), {part: (after[part] - before.get(part, 0.0)) * each for part in after})


def publish(kind: type[Bench], action: str, count: int) -> float:
    """Return how many tasks a second a client publishes while a worker is there that has other queues."""
    with fresh(kind) as bench:
        if kind.needs_a_worker:
            with bench.serving("processes", "another"):
                found = bench.ask(action, count)
        else:
            found = bench.ask(action, count)
    if found["published"] != count:
        raise RuntimeError(f"{count} tasks were published, and {found['published']} are in the queue")
    return count / found["seconds"]


def round_trips(kind: type[Bench], pool: str, count: int) -> tuple[float, float]:
    """Return p50 and p99 of calling a task and getting its result, one after another, in milliseconds."""
    with fresh(kind, results=True) as bench, bench.serving(pool):
        seconds = bench.ask("trips", count)["seconds"]
    return percentiles(seconds)


def profile(count: int) -> None:
    """Print what each process of a node is at during a drain."""
    drain(Ours, count, False, "processes", lambda program, bench: sampling.show(program.pid, bench.part))


class Way(NamedTuple):
    """A way to drain a queue."""

    kind: type[Bench]
    results: bool = False

    @property
    def is_peer(self) -> bool:
        return issubclass(self.kind, Huey)

    @property
    def pool(self) -> str:
        return "thread" if self.is_peer else "processes"


PLAIN, STORED, FLUSHED = Way(Ours), Way(Ours, results=True), Way(FlushingOurs)
PEER, PEER_HASTY, PEER_STORED = Way(Huey), Way(HastyHuey), Way(HastyHuey, results=True)
WAYS = (PLAIN, PEER_HASTY, FLUSHED, PEER, STORED, PEER_STORED)
DRAINS = (
    ("drain; huey as it comes", PLAIN, PEER, 16_700.0, 10.0),
    ("drain; neither flushes", PLAIN, PEER_HASTY, 16_700.0, 10.0),
    ("drain; both flush each commit", FLUSHED, PEER, 16_700.0, 10.0),
    ("drain, results stored; neither flushes", STORED, PEER_STORED, None, None),
)


class Measures:
    """What is measured, so often, and put into a report."""

    def __init__(self, report: Report, rounds: int, tasks: int) -> None:
        self.report = report
        self.rounds = rounds
        self.tasks = tasks
        self.peers = max(tasks // 10, 200)
        """Tasks for huey, which takes longer for each."""

    def drain(self) -> None:
        """Drain in several ways, in turns with huey's."""
        found: dict[Way, list[Drain]] = {way: [] for way in WAYS}
        for _ in range(self.rounds):
            for way in WAYS:
                found[way].append(drain(way.kind, self.peers if way.is_peer else self.tasks, way.results, way.pool))
        for name, way, peer, target, times in DRAINS:
            ours, theirs = [one.rate for one in found[way]], [one.rate for one in found[peer]]
            self.report.add(Row(name, "/s", ours, theirs, target, [one.all_cpu for one in found[way]], times))
        both = zip(found[STORED], found[PLAIN], strict=True)
        ratios = [100 * stored.rate / ignored.rate for stored, ignored in both]
        self.report.add(Row("stored / ignored", "%", ratios, target=70.0))
        for part in found[PLAIN][0].cpu:
            spent = [one.cpu.get(part, 0.0) for one in found[PLAIN]]
            self.report.add(Row(f"CPU of a task: {part}", "us", spent))

    def publish(self) -> None:
        """Publish one by one and in batches."""
        for action, name in (
            ("publish", "publish, one by one"),
            ("publish_batched", "publish, batched"),
        ):
            ours = [publish(Ours, action, self.tasks) for _ in range(self.rounds)]
            theirs = [publish(HastyHuey, action, self.peers) for _ in range(self.rounds)]
            self.report.add(Row(name, "/s", ours, theirs))

    def round_trip(self) -> None:
        """Call and get, through the process pool and the solo pool."""
        count = max(self.tasks // 10, 200)
        for pool, target in (("processes", (0.6, 3.0)), ("solo", (None, None))):
            ours = [round_trips(Ours, pool, count) for _ in range(self.rounds)]
            theirs = [round_trips(HastyHuey, "thread", 20) for _ in range(self.rounds)] if pool == "processes" else []
            for place, percentile in enumerate(("p50", "p99")):
                values, peer = [one[place] for one in ours], [one[place] for one in theirs]
                self.report.add(Row(f"round trip, {pool}, {percentile}", "ms", values, peer, target[place]))
        with tempfile.TemporaryDirectory(prefix="relay-") as directory:
            places = [Path(tempfile.mkdtemp(dir=directory)) for _ in range(self.rounds)]
            add_relays(self.report, [relayed(EmbeddedRelay(place), count) for place in places])


def add_relays(report: Report, found: list[tuple[float, float]]) -> None:
    """Add what the same path takes of bare processes, which is the least that a round trip can."""
    for place, percentile in enumerate(("p50", "p99")):
        report.add(Row(f"a bare relay, {percentile}", "ms", [one[place] for one in found]))


def main() -> None:
    """Run the measurements, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--quick", action="store_true", help="one round of few tasks, to see that it works")
    parser.add_argument("--profile", action="store_true", help="show where the time of each process goes (py-spy)")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/embedded.json"))
    arguments = parser.parse_args()
    rounds, tasks = (1, 2_000) if arguments.quick else (arguments.rounds, arguments.tasks)
    if arguments.profile:
        profile(tasks)
        return
    peer = environment_of("huey", "huey>=3,<4")
    report = Report("The embedded broker", "huey")
    report.about |= {
        "huey": answer([peer, "-c", "from importlib.metadata import version; print(version('huey'))"], {}).strip(),
        "slots": SLOTS,
        "huey has": f"{SLOTS} threads",
        "tasks": tasks,
    }
    measures = Measures(report, rounds, tasks)
    measures.drain()
    measures.publish()
    measures.round_trip()
    report.show()
    report.write(arguments.json)


if __name__ == "__main__":
    main()
