"""Measure RabbitMQ from end to end: drain, publishing, round trips; Celery, dramatiq, taskiq and bare loops beside it.

Run: `python -m benchmarks.rabbitmq [--rounds N] [--tasks N] [--quick] [--profile]`, best on an otherwise quiet machine.
One node with two pool processes, durable queues, persistent messages, confirmed publishing. Every task leaves its
number in a file of the process that ran it: a round counts only if all that were published ran, once each, and nothing
is left in the queue. Results, where they are asked for, are in `rpc://` on both sides.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from tests.support.rabbitmq import RabbitMQServer

from . import sampling
from .bare_amqp import Bare
from .embedded import SLOTS, Bench, Drain, Ours, Program, add_relays, drain, publish, round_trips
from .field import DRAIN, P50, P99, PUBLISH, Contender, Dramatiq, Field, Taskiq
from .processes import answer, environment_of, running
from .relay import RabbitMQRelay, relayed
from .report import Line, Report, Row

POOLS = {"prefork": 6.0, "solo": 2.5}
"""Celery's pools, and how many times their rate ours has to be."""


SERVER_MEMORY = "8GB"
"""What the server may take: as it comes, two fifths of the machine's."""


class OnRabbitMQ(Bench):
    """A bench with a virtual host of its own."""

    server: ClassVar[RabbitMQServer]
    _numbers: ClassVar[Iterator[int]] = itertools.count()

    def __init__(self, directory: Path, results: bool) -> None:
        self.virtual_host = f"benchmark{next(self._numbers)}"
        self.url = self.server.create_vhost(self.virtual_host)
        super().__init__(directory, results)

    def close(self) -> None:
        self.server.delete_vhost(self.virtual_host)


class OursOnRabbitMQ(OnRabbitMQ, Ours):
    needs_a_worker: ClassVar[bool] = False

    def settings(self, results: bool) -> dict[str, str]:
        return {**super().settings(results), "UNDERSTUDY_BROKER_URL": self.url, "UNDERSTUDY_RESULT_BACKEND": "rpc://"}


class PostingOnRabbitMQ(OursOnRabbitMQ):
    """Has callers go on when a message is sent, as Celery's do; here it is confirmed all the same, a little later."""

    def settings(self, results: bool) -> dict[str, str]:
        return {**super().settings(results), "BENCHMARK_POSTS": "1"}


class CeleryOnRabbitMQ(OnRabbitMQ):
    subject = "celery"

    def __init__(self, directory: Path, results: bool) -> None:
        super().__init__(directory, results)
        self.python = environment_of("celery", "celery[redis]>=5.5,<6", "hiredis>=3")

    def settings(self, results: bool) -> dict[str, str]:
        return {
            "BENCHMARK_BROKER": self.url,
            "BENCHMARK_BACKEND": "rpc://",
            "BENCHMARK_RESULTS": "1" if results else "",
        }

    @contextmanager
    def serving(self, pool: str, queue: str = "celery") -> Generator[Program]:
        app = ["-m", "celery", "-A", "benchmarks.subjects.celery_app", "worker"]
        quiet = ["-l", "ERROR", "--without-gossip", "--without-mingle"]
        with running([self.python, *app, "-P", pool, "-c", str(SLOTS), "-Q", queue, *quiet], self.variables) as program:
            yield program


class DramatiqOnRabbitMQ(OnRabbitMQ, Dramatiq):
    pass


class TaskiqOnRabbitMQ(OnRabbitMQ, Taskiq):
    pass


def contenders() -> list[Contender]:
    """Return who is measured beside us and Celery; they would keep results elsewhere, in Redis say."""
    return [
        Contender(DramatiqOnRabbitMQ, {"2 x 8": "2 processes of 8 threads"}, has_results=False),
        Contender(TaskiqOnRabbitMQ, {"2": "2 processes"}, has_results=False),
    ]


class Measures:
    """What is measured, so often, and put into a report."""

    def __init__(self, report: Report, rounds: int, tasks: int) -> None:
        self.report = report
        self.rounds = rounds
        self.tasks = tasks
        self.peers = max(tasks // 5, 200)
        """Tasks for Celery, which takes longer for each."""
        self.field = Field(contenders(), max(tasks // 10, 200))
        self.ours = Line(f"understudy: {SLOTS} pool processes", {})
        self.celery = {pool: Line(f"celery: {pool}", {}) for pool in POOLS}

    def drain(self) -> None:
        """Drain in turns with Celery's pools, the field's, and with a loop that does nothing else."""
        ours: list[Drain] = []
        bare: list[float] = []
        peers: dict[str, list[float]] = {pool: [] for pool in POOLS}
        for _ in range(self.rounds):
            bare.append(self.bare("consume"))
            ours.append(drain(OursOnRabbitMQ, self.tasks, False, "processes"))
            for pool, rates in peers.items():
                rates.append(drain(CeleryOnRabbitMQ, self.peers, False, pool).rate)
            self.field.drain()
        rates, cpu = [one.rate for one in ours], [one.all_cpu for one in ours if one.cpu]
        self.ours.values[DRAIN] = rates
        for pool, times in POOLS.items():
            self.celery[pool].values[DRAIN] = peers[pool]
            self.report.add(Row(f"drain, beside {pool}", "/s", rates, peers[pool], None, cpu, times))
        self.report.add(Row("a bare consumer", "/s", bare))
        shares = [100 * one / most for one, most in zip(rates, bare, strict=True)]
        self.report.add(Row("drain / bare consumer", "%", shares, target=65.0))
        for part in ours[0].cpu:
            self.report.add(Row(f"CPU of a task: {part}", "us", [one.cpu.get(part, 0.0) for one in ours]))

    def publish(self) -> None:
        """Publish one by one and in batches; Celery does not wait for confirmations."""
        bare = [self.bare("publish") for _ in range(self.rounds)]
        for kind, action, name, times in (
            (PostingOnRabbitMQ, "publish", "publish, one by one, confirmed later", 2.0),
            (OursOnRabbitMQ, "publish", "publish, one by one", 2.0),
            (OursOnRabbitMQ, "publish_batched", "publish, batched", None),
        ):
            ours = [publish(kind, action, self.tasks // 5) for _ in range(self.rounds)]
            theirs = [publish(CeleryOnRabbitMQ, action, self.peers) for _ in range(self.rounds)]
            self.report.add(Row(name, "/s", ours, theirs, times=times))
            if name == "publish, one by one":
                for line, rates in ((self.ours, ours), *((line, theirs) for line in self.celery.values())):
                    line.values[PUBLISH] = rates
        for _ in range(self.rounds):
            self.field.publish()
        self.report.add(Row("a bare publisher, confirmed", "/s", bare))
        shares = [100 * one / most for one, most in zip(ours, bare, strict=True)]
        self.report.add(Row("publish, batched / bare publisher", "%", shares, target=90.0))
        self.report.add(
            Row("a bare publisher, one by one", "/s", [self.bare("one_by_one") for _ in range(self.rounds)])
        )

    def round_trip(self) -> None:
        """Call and get, through the process pool and the solo pool."""
        count = max(self.tasks // 25, 200)
        for kind, pool, peers_pool, name in (
            (PostingOnRabbitMQ, "processes", "prefork", "round trip, processes, confirmed later"),
            (OursOnRabbitMQ, "processes", "prefork", "round trip, processes"),
            (OursOnRabbitMQ, "solo", "solo", "round trip, solo"),
        ):
            target = (0.6, 3.0) if pool == "processes" else (None, None)
            ours = [round_trips(kind, pool, count) for _ in range(self.rounds)]
            theirs = [round_trips(CeleryOnRabbitMQ, peers_pool, 200) for _ in range(self.rounds)]
            for place, percentile in enumerate(("p50", "p99")):
                values, peer = [one[place] for one in ours], [one[place] for one in theirs]
                self.report.add(Row(f"{name}, {percentile}", "ms", values, peer, target[place]))
                self.celery[peers_pool].values[(P50, P99)[place]] = peer
                if name == "round trip, processes":
                    self.ours.values[(P50, P99)[place]] = values
        port = OnRabbitMQ.server.port
        add_relays(self.report, [relayed(RabbitMQRelay(port), count) for _ in range(self.rounds)])

    def close(self) -> None:
        """Add the table of the field."""
        self.report.sheets.append(self.field.sheet(self.ours, *self.celery.values()))

    def bare(self, action: str) -> float:
        """Return the rate of a loop of our frames and nothing else."""
        count = self.tasks if action != "one_by_one" else max(self.tasks // 50, 100)
        loop = Bare(OnRabbitMQ.server.port, f"bare-{action}")
        try:
            if action == "consume":
                loop.publish(count)
            return count / getattr(loop, action)(count)
        finally:
            loop.close()


def profile(count: int) -> None:
    """Print what each process of a node is at during a drain."""
    drain(OursOnRabbitMQ, count, False, "processes", lambda program, bench: sampling.show(program.pid, bench.part))


def main() -> None:
    """Run the measurements, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--quick", action="store_true", help="one round of few tasks, to see that it works")
    parser.add_argument("--profile", action="store_true", help="show where the time of each process goes (py-spy)")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/rabbitmq.json"))
    arguments = parser.parse_args()
    rounds, tasks = (1, 5_000) if arguments.quick else (arguments.rounds, arguments.tasks)
    with (
        tempfile.TemporaryDirectory(prefix="rabbitmq-", ignore_cleanup_errors=True) as directory,
        RabbitMQServer(Path(directory), SERVER_MEMORY) as OnRabbitMQ.server,
    ):
        if arguments.profile:
            profile(tasks)
        else:
            measure(rounds, tasks, arguments.json)


def measure(rounds: int, tasks: int, path: Path) -> None:
    """Measure everything, show it, and write it down."""
    peer = environment_of("celery", "celery[redis]>=5.5,<6", "hiredis>=3")
    report = Report("RabbitMQ", "celery")
    report.about |= {
        "celery": answer([peer, "-c", "import celery; print(celery.__version__)"], {}).strip(),
        "slots": SLOTS,
        "tasks": tasks,
    }
    measures = Measures(report, rounds, tasks)
    measures.drain()
    measures.publish()
    measures.round_trip()
    measures.close()
    report.show()
    report.write(path)


if __name__ == "__main__":
    main()
