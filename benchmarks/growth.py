"""Measure how a node's rate and memory change with waiting messages, with the size of bodies, and with nodes.

Run: `python -m benchmarks.growth [--brokers sqlite,redis,rabbitmq] [--only waiting,bodies,nodes] [--most N]
[--rounds N] [--tasks N] [--quick]`, best on an otherwise quiet machine. All messages are published before a node
starts. Of many waiting messages only the first are run: a round counts only if what ran, each task once, and what is
left in the queue when the node has ended are together as many as were published. Memory is the most that was ever
resident.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.rabbitmq import RabbitMQServer

from .embedded import SLOTS, Ours, Program, fresh
from .ledger import GATE, OPEN
from .processes import peak_memory, wait_until
from .rabbitmq import SERVER_MEMORY, OnRabbitMQ, OursOnRabbitMQ
from .redis import OursOnRedis
from .report import Line, Report, Sheet

BROKERS: dict[str, type[Ours]] = {"sqlite": Ours, "redis": OursOnRedis, "rabbitmq": OursOnRabbitMQ}
WAITING = (1_000, 10_000, 100_000, 1_000_000)
BODIES = {"100 B": 100, "1 KB": 1_000, "10 KB": 10_000, "100 KB": 100_000, "1 MB": 1_000_000}
NODES = (1, 2, 4)
PUBLISHED, RATE, VOLUME = "publish, batched", "drain", "volume"
MEMORY = {"node": "node, most", "writer": "writer, most", "pool processes": "a pool process, most"}
COLUMNS = {PUBLISHED: "/s", RATE: "/s", VOLUME: "MB/s", **dict.fromkeys(MEMORY.values(), "MiB")}
BYTES, FEWEST = 200_000_000, 100
"""All bodies of one round together; but so many tasks at least."""
Found = dict[str, float]


class Grown:
    """A queue with messages, of which the first are run by some nodes."""

    def __init__(self, bench: Ours, count: int, first: int) -> None:
        self.bench = bench
        self.count = count
        self.first = min(count, first)

    def measure(self, nodes: int = 1, slots: int = SLOTS) -> Found:
        """Publish, run the first of them, check that nothing is lost, and return the values by column."""
        published = self.bench.ask("publish_batched", self.count)
        if published["published"] != self.count:
            raise RuntimeError(f"{self.count} tasks were published, and {published['published']} are in the queue")
        with self._serving(nodes, slots) as programs:
            limit = 60 + self.first / 50
            wait_until(lambda: self.bench.ledger.count() >= self.first, programs[0], limit)
            peaks = [peak_memory(program.pid, self.bench.part) for program in programs]
        rate = self.bench.ledger.rate_so_far(self.count, self.bench.ask("left")["left"])
        most = {column: max(peak.get(part, 0.0) for peak in peaks) for part, column in MEMORY.items()}
        return {PUBLISHED: self.count / published["seconds"], RATE: rate} | {k: v for k, v in most.items() if v}

    @contextmanager
    def _serving(self, nodes: int, slots: int) -> Generator[list[Program]]:
        with ExitStack() as stack:
            names = [f"node{number}" for number in range(nodes)]
            yield [stack.enter_context(self.bench.node("processes", slots, name=name)) for name in names]


class GatedNodes(Grown):
    """Nodes that begin together: no pool process runs a task before each of them has one."""

    @contextmanager
    def _serving(self, nodes: int, slots: int) -> Generator[list[Program]]:
        gate = Path(self.bench.variables[GATE])
        with super()._serving(nodes, slots) as programs:
            wait_until(lambda: len(list(gate.iterdir())) >= nodes * slots, programs[-1], 60)
            (gate / OPEN).touch()
            yield programs


def waiting(kind: type[Ours], count: int, first: int) -> Found:
    """Run the first of so many waiting messages."""
    with fresh(kind) as bench:
        return Grown(bench, count, first).measure()


def body(kind: type[Ours], size: int, tasks: int) -> Found:
    """Run tasks that each carry so many bytes."""
    count = max(min(tasks, BYTES // size), FEWEST)
    with fresh(kind) as bench:
        bench.variables["BENCHMARK_BODY"] = str(size)
        found = Grown(bench, count, count).measure()
    return {**found, VOLUME: found[RATE] * size / 1e6}


def several(kind: type[Ours], nodes: int, tasks: int) -> Found:
    """Drain a queue by so many nodes of one pool process each."""
    with fresh(kind) as bench:
        gate = bench.directory / "gate"
        gate.mkdir()
        bench.variables[GATE] = str(gate)
        return GatedNodes(bench, tasks, tasks).measure(nodes, slots=1)


class Growth:
    """What is measured on some brokers, so often, and put into a report."""

    def __init__(self, report: Report, brokers: list[str], rounds: int, tasks: int) -> None:
        self.report = report
        self.brokers = brokers
        self.rounds = rounds
        self.tasks = tasks

    def waiting(self, counts: list[int]) -> None:
        """See what more waiting messages do."""
        title = f"Waiting messages; the rate over the first {self.tasks:,}"
        self._sheet(title, {f"{count:,}": count for count in counts}, waiting)

    def bodies(self, sizes: dict[str, int]) -> None:
        """See what larger bodies do."""
        self._sheet("Bodies", sizes, body)

    def nodes(self, counts: list[int]) -> None:
        """See what more nodes do."""
        names = {f"{count} node{'s' if count > 1 else ''}": count for count in counts}
        self._sheet("Nodes of one pool process each", names, several)

    def _sheet(self, title: str, points: dict[str, int], measure: Callable[[type[Ours], int, int], Found]) -> None:
        lines = {(broker, name): Line(f"{broker}, {name}", {}) for broker in self.brokers for name in points}
        for _ in range(self.rounds):
            for (broker, name), line in lines.items():
                began = time.monotonic()
                for column, value in measure(BROKERS[broker], points[name], self.tasks).items():
                    line.values.setdefault(column, []).append(value)
                print(f"{title.partition(';')[0]}: {line.name}: {time.monotonic() - began:.0f} s", flush=True)
        self.report.sheets.append(Sheet(title, COLUMNS, lines=list(lines.values())))


def listed(known: list[str]) -> Callable[[str], list[str]]:
    """Return how a list of some of these names is read from the command line."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        if unknown := set(names) - set(known):
            raise argparse.ArgumentTypeError(f"not known: {', '.join(sorted(unknown))}; known are {', '.join(known)}")
        return names

    return read


def main() -> None:
    """Run the measurements, print tables, write JSON."""
    parts = ["waiting", "bodies", "nodes"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", type=listed(list(BROKERS)), default=list(BROKERS), metavar="NAME,...")
    parser.add_argument("--only", type=listed(parts), default=parts, metavar="PART,...", help=", ".join(parts))
    parser.add_argument("--most", type=int, default=WAITING[-1], help="most messages that wait (default: a million)")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--tasks", type=int, default=20_000, help="how many are run, at most")
    parser.add_argument("--quick", action="store_true", help="one round of little, to see that it works")
    parser.add_argument("--json", type=Path, default=Path("benchmarks/results/growth.json"))
    arguments = parser.parse_args()
    quick: bool = arguments.quick
    rounds, tasks = (1, 1_000) if quick else (arguments.rounds, arguments.tasks)
    counts = [1_000, 3_000] if quick else [count for count in WAITING if count <= arguments.most]
    sizes = {name: BODIES[name] for name in (("100 B", "100 KB") if quick else BODIES)}
    report = Report("Growth", "", ("redis", "hiredis"))
    report.about |= {"slots": SLOTS, "tasks": tasks}
    growth = Growth(report, arguments.brokers, rounds, tasks)
    with ExitStack() as stack:
        if "rabbitmq" in arguments.brokers:
            directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="rabbitmq-", ignore_cleanup_errors=True))
            OnRabbitMQ.server = stack.enter_context(RabbitMQServer(Path(directory), SERVER_MEMORY))
        if "waiting" in arguments.only:
            growth.waiting(counts)
        if "bodies" in arguments.only:
            growth.bodies(sizes)
        if "nodes" in arguments.only:
            growth.nodes([1, 2] if quick else list(NODES))
    report.show()
    report.write(arguments.json)


if __name__ == "__main__":
    main()
