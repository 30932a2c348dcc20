"""Nodes as users run them, and the parts of them that can be killed."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Self

from tests.support import Program
from tests.support.processes import children, command_line, descendants, is_running
from tests.support.waiting import wait_until

Victims = Callable[["Fleet"], list[int]]


class Fleet:
    """Some nodes on one broker, by default the embedded one in a directory, and the ledger of what their tasks did."""

    def __init__(
        self, directory: Path, size: int = 2, options: tuple[str, ...] = (), query: str = "", url: str = ""
    ) -> None:
        self.directory = directory
        self.ledger = directory / "ledger"
        self.ledger.touch()
        self.url = url or f"sqlite:///{directory}/broker.db{query}"
        self._options = options
        self._size = size
        self.nodes: list[Program] = []
        self.booted: list[Program] = []

    def __enter__(self) -> Self:
        self.fill()
        return self

    def __exit__(self, failed: object, *_: object) -> None:
        if failed is not None:
            sys.stderr.write(f"{self.lines()} executions; the nodes' logs:\n{self.log()}")
        for node in self.nodes:
            node.close()

    @property
    def environment(self) -> dict[str, str]:
        """What the app needs to find broker and ledger."""
        return {"CHAOS_BROKER": self.url, "CHAOS_LEDGER": str(self.ledger)}

    def boot(self) -> Program:
        """Start another node."""
        command = ["-m", "understudy", "-A", "tests.chaos.app", "worker", "-c", "2", "-l", "WARNING", *self._options]
        node = Program(command, self.directory, self.environment)
        self.nodes.append(node)
        self.booted.append(node)
        return node

    def fill(self) -> None:
        """Put an understudy in the place of each node that is gone."""
        self.nodes = [node for node in self.nodes if node.running]
        while len(self.nodes) < self._size:
            self.boot()

    def executions(self) -> Counter[str]:
        """Return how often each task was executed."""
        return Counter(self.ledger.read_text().split("\n")[:-1])

    def lines(self) -> int:
        """Return how many executions there were."""
        return self.ledger.read_bytes().count(b"\n")

    def log(self) -> str:
        """Return what all nodes have printed."""
        return "\n".join(f"node {node.pid}:\n{node.output}" for node in self.booted)

    # -- who can be killed -----------------------------------------------------------------------------------------

    def node(self) -> list[int]:
        """Return the pid of a node."""
        return [node.pid for node in self.nodes if node.running][:1]

    def whole_node(self) -> list[int]:
        """Return a node with all that it started."""
        return [pid for node in self.node() for pid in (node, *descendants(node))]

    def writer(self) -> list[int]:
        """Return the writer that serves: its pid is the note in the lock file."""
        lock = self.directory / "broker.db-lock"
        writers = [pid for node in self.nodes for pid in children(node.pid) if "embedded.writer" in command_line(pid)]
        return [pid for pid in writers if str(pid) in lock.read_text()][:1] or writers[:1]

    def forkserver(self) -> list[int]:
        """Return a forkserver."""
        return [pid for node in self.nodes for pid in children(node.pid) if "pool.forkserver" in command_line(pid)][:1]

    def pool_process(self) -> list[int]:
        """Return a pool process."""
        return [child for pid in self.forkserver() for child in children(pid)][:1]

    def everything(self) -> list[int]:
        """Return every process of every node."""
        return [pid for node in self.nodes if node.running for pid in (node.pid, *descendants(node.pid))]


FATES: tuple[Victims, ...] = (
    Fleet.pool_process,
    Fleet.pool_process,
    Fleet.node,
    Fleet.whole_node,
    Fleet.writer,
    Fleet.forkserver,
    Fleet.everything,
)


def kill(pids: list[int]) -> None:
    """Kill -9, all at once, and see them dead."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not any(map(is_running, pids)), what="the end of the killed")


def recovery(fleet: Fleet, goal: int, limit: float) -> float:
    """Wait for the next execution, unless there are `goal` of them already; return how many seconds it took."""
    began, before = monotonic(), fleet.lines()
    wait_until(lambda: fleet.lines() > before or before >= goal, limit, what="work to go on", interval=0.002)
    return monotonic() - began
