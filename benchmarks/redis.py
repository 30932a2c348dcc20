"""Measure Redis from end to end: drain, publishing, round trips; Celery, dramatiq, huey and taskiq in the same run.

Run: `python -m benchmarks.redis [--rounds N] [--tasks N] [--quick] [--profile]`, best on an otherwise quiet machine.
One node with two pool processes; each system has a server of its own, without persistence. Every task leaves its number
in a file of the process that ran it: a round counts only if all that were published ran, once each, and nothing is left
in the queue.
"""

from __future__ import annotations

import argparse
import contextlib
import resource
import shutil
import socket
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from . import sampling
from .embedded import MICRO, SLOTS, Bench, Drain, Ours, Program, add_relays, drain, fresh, publish, round_trips
from .field import DRAIN, P50, P99, PUBLISH, Contender, Dramatiq, Field, HueyOnRedis, Taskiq
from .processes import answer, environment_of, running
from .relay import RedisRelay, relayed
from .report import Line, Report, Row

CELERY = ("celery[redis]>=5.5,<6", "hiredis>=3")
POOLS = ("solo", "prefork")
"""Celery's quickest on Redis; the better of them is compared with."""


class OnRedis(Bench):
    """A bench with a server of its own."""

    spent: ClassVar[list[float]] = []
    """The CPU time of each server that has ended."""

    def __init__(self, directory: Path, results: bool) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.server = start_server(directory, self.port)
        super().__init__(directory, results)

    def close(self) -> None:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.server.terminate()
        self.server.wait(20)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


class OursOnRedis(OnRedis, Ours):
    needs_a_worker: ClassVar[bool] = False

    def settings(self, results: bool) -> dict[str, str]:
        return {**super().settings(results), "UNDERSTUDY_BROKER_URL": self.url}


class CeleryOnRedis(OnRedis):
    subject = "celery"

    def __init__(self, directory: Path, results: bool) -> None:
        super().__init__(directory, results)
        self.python = environment_of("celery", *CELERY)

    def settings(self, results: bool) -> dict[str, str]:
        return {
            "BENCHMARK_BROKER": self.url,
            "BENCHMARK_BACKEND": self.url,
            "BENCHMARK_RESULTS": "1" if results else "",
        }

    @contextmanager
    def serving(self, pool: str, queue: str = "celery") -> Generator[Program]:
        app = ["-m", "celery", "-A", "benchmarks.subjects.celery_app", "worker"]
        quiet = ["-l", "ERROR", "--without-gossip", "--without-mingle"]
        with running([self.python, *app, "-P", pool, "-c", str(SLOTS), "-Q", queue, *quiet], self.variables) as program:
            yield program


class DramatiqOnRedis(OnRedis, Dramatiq):
    pass


class HueyOnItsRedis(OnRedis, HueyOnRedis):
    pass


class TaskiqOnRedis(OnRedis, Taskiq):
    pass


def contenders() -> list[Contender]:
    """Return who is measured beside us and Celery."""
    return [
        Contender(DramatiqOnRedis, {"2 x 8": "2 processes of 8 threads"}),
        Contender(HueyOnItsRedis, {"2 process": "2 processes", "4 thread": "4 threads"}),
        Contender(TaskiqOnRedis, {"2": "2 processes"}),
    ]


def start_server(directory: Path, port: int) -> subprocess.Popen[bytes]:
    """Start a server, and wait until it listens."""
    program = shutil.which("redis-server")
    if program is None:
        raise RuntimeError("redis-server is not installed (Debian: apt-get install redis-server)")
    options = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--dir", str(directory)]
    server = subprocess.Popen([program, *options], stdout=subprocess.DEVNULL)
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return server
        time.sleep(0.01)
    raise RuntimeError(f"{program} does not listen")


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        return int(one.getsockname()[1])


class Measures:
    """What is measured, so often, and put into a report."""

    def __init__(self, report: Report, rounds: int, tasks: int) -> None:
        self.report = report
        self.rounds = rounds
        self.tasks = tasks
        self.peers = max(tasks // 25, 200)
        """Tasks for Celery, which takes longer for each."""
        self.field = Field(contenders(), max(tasks // 20, 200))
        self.ours = Line(f"understudy: {SLOTS} pool processes", {})
        self.celery = Line(f"celery: the better of {' and '.join(POOLS)}", {})

    def drain(self) -> None:
        """Drain without and with results, in turns with Celery's and the field's."""
        found: dict[bool, list[Drain]] = {False: [], True: []}
        peer: dict[bool, list[float]] = {False: [], True: []}
        servers: list[float] = []
        for _ in range(self.rounds):
            for results in (False, True):
                found[results].append(drain(OursOnRedis, self.tasks, results, "processes"))
                if not results:
                    servers.append(OnRedis.spent[-1] * MICRO / self.tasks)
                theirs = [drain(CeleryOnRedis, self.peers, results, pool).rate for pool in POOLS]
                peer[results].append(max(theirs))
            self.field.drain()
        self.ours.values[DRAIN] = [one.rate for one in found[False]]
        self.celery.values[DRAIN] = peer[False]
        for results in (False, True):
            rates, cpu = [one.rate for one in found[results]], [one.all_cpu for one in found[results] if one.cpu]
            name = f"drain, results {'stored' if results else 'ignored'}"
            target, times = (None, None) if results else (16_700.0, 20.0)
            self.report.add(Row(name, "/s", rates, peer[results], target, cpu, times))
        ratios = [100 * stored.rate / ignored.rate for stored, ignored in zip(found[True], found[False], strict=True)]
        self.report.add(Row("stored / ignored", "%", ratios, target=70.0))
        for part in found[False][0].cpu:
            self.report.add(Row(f"CPU of a task: {part}", "us", [one.cpu.get(part, 0.0) for one in found[False]]))
        self.report.add(Row("CPU of a task: the server, publishing included", "us", servers))

    def publish(self) -> None:
        """Publish one by one and in batches."""
        for action, name, times in (
            ("publish", "publish, one by one", 3.0),
            ("publish_batched", "publish, batched", 20.0),
        ):
            ours = [publish(OursOnRedis, action, self.tasks) for _ in range(self.rounds)]
            theirs = [publish(CeleryOnRedis, action, self.peers) for _ in range(self.rounds)]
            self.report.add(Row(name, "/s", ours, theirs, times=times))
            if action == "publish":
                self.ours.values[PUBLISH], self.celery.values[PUBLISH] = ours, theirs
        for _ in range(self.rounds):
            self.field.publish()

    def round_trip(self) -> None:
        """Call and get, through the process pool and the solo pool."""
        count = max(self.tasks // 25, 200)
        for pool, peers_pool, target in (("processes", "prefork", (0.6, 3.0)), ("solo", "solo", (None, None))):
            ours = [round_trips(OursOnRedis, pool, count) for _ in range(self.rounds)]
            theirs = [round_trips(CeleryOnRedis, peers_pool, 200) for _ in range(self.rounds)]
            for place, percentile in enumerate(("p50", "p99")):
                values, peer = [one[place] for one in ours], [one[place] for one in theirs]
                self.report.add(Row(f"round trip, {pool}, {percentile}", "ms", values, peer, target[place]))
                if pool == "processes":
                    column = (P50, P99)[place]
                    self.ours.values[column], self.celery.values[column] = values, peer
        with fresh(OursOnRedis) as bench:
            add_relays(self.report, [relayed(RedisRelay(bench.port), count) for _ in range(self.rounds)])
        for _ in range(self.rounds):
            self.field.round_trip()

    def close(self) -> None:
        """Add the table of the field."""
        self.report.sheets.append(self.field.sheet(self.ours, self.celery))


def profile(count: int) -> None:
    """Print what each process of a node is at during a drain."""
    drain(OursOnRedis, count, False, "processes", lambda program, bench: sampling.show(program.pid, bench.part))


def main() -> None:
    """Run the measurements, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=50_000)
    parser.add_argument("--quick", action="store_true", help="one round of few tasks, to see that it works")
    parser.add_argument("--profile", action="store_true", help="show where the time of each process goes (py-spy)")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/redis.json"))
    arguments = parser.parse_args()
    rounds, tasks = (1, 5_000) if arguments.quick else (arguments.rounds, arguments.tasks)
    if arguments.profile:
        profile(tasks)
        return
    peer = environment_of("celery", *CELERY)
    report = Report("Redis", "celery", ("redis", "hiredis"))
    report.about |= {
        "celery": answer([peer, "-c", "import celery; print(celery.__version__)"], {}).strip(),
        "slots": SLOTS,
        "celery has": f"the better of {' and '.join(POOLS)}",
        "tasks": tasks,
    }
    measures = Measures(report, rounds, tasks)
    measures.drain()
    measures.publish()
    measures.round_trip()
    measures.close()
    report.show()
    report.write(arguments.json)


if __name__ == "__main__":
    main()
