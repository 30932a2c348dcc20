"""The field: other task queues on the same broker, in the same run, as they come.

Each is in a virtual environment of its own, and has two worker processes, with the threads that it brings; where it has
pools of several kinds, the better one counts. None of them is given as many tasks as we are, since each takes longer.
"""

from __future__ import annotations

import signal
import statistics
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from .embedded import Bench, Program, drain, publish, round_trips
from .processes import answer, environment_of, running
from .report import Line, Sheet

ROUNDS = 3
"""At most so many rounds: that is enough to see where somebody stands."""
DRAIN, PUBLISH, P50, P99 = "drain", "publish, one by one", "round trip, p50", "round trip, p99"
COLUMNS = {DRAIN: "/s", PUBLISH: "/s", P50: "ms", P99: "ms"}


class Peer(Bench):
    """A bench whose broker is at `url`, and whose subject is installed into an environment of its own."""

    environment: ClassVar[str]
    packages: ClassVar[tuple[str, ...]]
    url: str

    def __init__(self, directory: Path, results: bool) -> None:
        super().__init__(directory, results)
        self.python = self.interpreter()

    @classmethod
    def interpreter(cls) -> str:
        """Return the interpreter that has it installed."""
        return environment_of(cls.environment, *cls.packages)

    @classmethod
    def version(cls) -> str:
        """Return its version."""
        name = cls.packages[0].partition(">")[0].partition("[")[0]
        code = f"from importlib.metadata import version; print(version({name!r}))"
        return answer([cls.interpreter(), "-c", code], {}).strip()

    def settings(self, results: bool) -> dict[str, str]:
        return {"BENCHMARK_BROKER": self.url, "BENCHMARK_RESULTS": "1" if results else ""}

    @contextmanager
    def working(self, *command: str, stop: int = signal.SIGTERM) -> Generator[Program]:
        """Run a module of the peer's within the block."""
        with running([self.python, "-m", *command], self.variables, stop) as program:
            yield program


class Dramatiq(Peer):
    subject = "dramatiq"
    environment = "dramatiq"
    packages = ("dramatiq[redis,rabbitmq]>=2,<3", "hiredis>=3")

    @contextmanager
    def serving(self, pool: str, queue: str = "celery") -> Generator[Program]:
        processes, threads = pool.split(" x ")
        options = ["--processes", processes, "--threads", threads]
        with self.working("dramatiq", "benchmarks.subjects.dramatiq_app", *options) as program:
            yield program


class HueyOnRedis(Peer):
    subject = "huey_redis"
    environment = "huey-redis"
    packages = ("huey>=3,<4", "redis>=5", "hiredis>=3")

    @contextmanager
    def serving(self, pool: str, queue: str = "celery") -> Generator[Program]:
        workers, kind = pool.split()
        options = ["-k", kind, "-w", workers, "-q"]
        consumer = ("huey.bin.huey_consumer", "benchmarks.subjects.huey_redis_app.app")
        with self.working(*consumer, *options, stop=signal.SIGINT) as program:
            yield program


class Taskiq(Peer):
    subject = "taskiq"
    environment = "taskiq"
    packages = ("taskiq>=0.13,<0.14", "taskiq-redis>=1.2,<2", "taskiq-aio-pika>=0.6,<0.7", "hiredis>=3")

    @contextmanager
    def serving(self, pool: str, queue: str = "celery") -> Generator[Program]:
        options = ["--workers", pool, "--log-level", "ERROR"]
        with self.working("taskiq", "worker", "benchmarks.subjects.taskiq_app:broker", *options) as program:
            yield program


@dataclass
class Contender:
    """A peer, its pools as `serving` takes them, with how people call them, and what it did so far."""

    kind: type[Peer]
    pools: Mapping[str, str]
    has_results: bool = True
    drains: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    others: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    @property
    def best(self) -> str:
        """The pool that drained fastest; the first before any has."""
        return max(self.pools, key=lambda pool: statistics.median(self.drains.get(pool) or [0.0]))

    @property
    def line(self) -> Line:
        """What it did with its best pool."""
        name = f"{self.kind.subject.partition('_')[0]} {self.kind.version()}: {self.pools[self.best]}"
        return Line(name, {DRAIN: self.drains.get(self.best, []), **self.others})


class Field:
    """Peers that take part in every round of a run, up to `ROUNDS` of them."""

    def __init__(self, contenders: list[Contender], tasks: int) -> None:
        self.contenders = contenders
        self.tasks = tasks
        self.trips = max(tasks // 10, 100)
        self._rounds: dict[str, int] = dict.fromkeys((DRAIN, PUBLISH, P50), ROUNDS)

    def drain(self) -> None:
        """Let each drain a queue, with each of its pools."""
        if not self._begins(DRAIN):
            return
        for one in self.contenders:
            for pool in one.pools:
                one.drains.setdefault(pool, []).append(drain(one.kind, self.tasks, False, pool).rate)

    def publish(self) -> None:
        """Let each call one task after another."""
        if self._begins(PUBLISH):
            for one in self.contenders:
                one.others.setdefault(PUBLISH, []).append(publish(one.kind, "publish", self.tasks))

    def round_trip(self) -> None:
        """Let each that has results call and get."""
        if not self._begins(P50):
            return
        for one in self.contenders:
            if one.has_results:
                p50, p99 = round_trips(one.kind, one.best, self.trips)
                one.others.setdefault(P50, []).append(p50)
                one.others.setdefault(P99, []).append(p99)

    def sheet(self, ours: Line, *others: Line) -> Sheet:
        """Return the table, we first, then those that are measured elsewhere."""
        return Sheet("The field", COLUMNS, True, [ours, *others, *(one.line for one in self.contenders)])

    def _begins(self, measure: str) -> bool:
        self._rounds[measure] -= 1
        return self._rounds[measure] >= 0
