"""`Director`: watches the work through the ledger, and kills what the script says when its time has come."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain

from .errors import DemoFailed
from .faults import SCRIPT, Blow, Part
from .history import History
from .job import SLOTS
from .ledger import Reader
from .screen import Screen
from .stage import NODES, Program, Stage

LOOK = 0.01
"""Seconds between two looks at the ledger."""

STALL = 30.0
"""Seconds after which a job that does not move is given up: many times the lease."""


class Director:
    """Plays the script over a job that has been enqueued."""

    def __init__(self, stage: Stage, screen: Screen) -> None:
        self.history: History = History()
        self.blows: list[Blow] = []
        self._stage = stage
        self._screen = screen
        self._reader = Reader(stage.ledger)
        self._script = deque(SCRIPT)
        self._sizes = {source.name: source.size for source in stage.job.sources}
        self._acts: dict[Part, Callable[[], Blow | None]] = {
            Part.PROCESS: self._kill_process,
            Part.NODE: self._kill_node,
            Part.WRITER: self._kill_writer,
            Part.EVERYTHING: self._kill_everything,
        }

    def play(self) -> None:
        """Start the nodes, and return when every file is finished and every part that was killed is back.

        Raises `DemoFailed` where the job stands still, or is over before the script is.
        """
        for name in NODES:
            self._stage.start_node(name)
        moved, known = time.monotonic(), 0
        while self._left or self._script or self._pending:
            self._look()
            self._act()
            if len(self.history.executions) != known:
                moved, known = time.monotonic(), len(self.history.executions)
            elif time.monotonic() - moved > STALL:
                self._give_up()
            time.sleep(LOOK)

    @property
    def _left(self) -> int:
        return len(self._sizes) - len(self.history.finished)

    @property
    def _pending(self) -> Blow | None:
        """The last blow, until its part is back."""
        last = self.blows[-1] if self.blows else None
        return last if last is not None and last.back is None else None

    def _give_up(self) -> None:
        raise DemoFailed(
            f"no task has begun for {STALL:.0f} s; {self._left} files are not finished, and the script has "
            f"{len(self._script)} more acts. The nodes' last words:\n{self._stage.last_words()}"
        )

    # -- watching --------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        self._read()
        self._stage.check_nodes()
        self._screen.show_progress(len(self.history.finished))
        blow = self._pending
        if blow is None:
            return
        writer = self._stage.writer()
        if blow.part is Part.WRITER and writer is not None and writer[1] not in blow.victims:
            blow.since = min(blow.since, time.monotonic())  # what began before may have been fetched from the dead one
        if blow.recover(self.history) is not None:
            self._welcome(blow)

    def _read(self) -> None:
        before = len(self.history.executions)
        self.history.add(self._reader.read())
        killer = self._stage.job.killer.name
        for execution in self.history.executions[before:]:
            if execution.file == killer:
                self._screen.show_killer(killer, execution.pid)

    def _welcome(self, blow: Blow) -> None:
        self._screen.show_recovery(blow)
        if blow.part is Part.NODE:
            for name, node in self._stage.nodes.items():
                if node.killed:
                    self._stage.start_node(name)

    # -- killing ---------------------------------------------------------------------------------------------------

    def _act(self) -> None:
        """Kill what is next, if its time has come; what is between two tasks at the moment is tried again."""
        if not self._script or self._pending is not None:
            return
        fault = self._script[0]
        if len(self.history.finished) < fault.share * len(self._sizes):
            return
        blow = self._acts[fault.part]()
        if blow is not None:
            self.blows.append(blow)
            self._script.popleft()

    def _kill_process(self) -> Blow | None:
        """Stop the process that has most to do, see what it holds, and kill it."""
        found = max(self._at_work(), key=lambda found: self._sizes[found[2]], default=None)
        if found is None:
            return None
        name, pid, _ = found
        node = self._stage.nodes[name]
        node.signal(pid, signal.SIGSTOP)
        self._read()
        held = self.history.held_by(pid)
        if held is None:
            node.signal(pid, signal.SIGCONT)
            return None
        self._screen.show_kill(f"pool process {pid}, which holds {held}")
        at = time.monotonic()
        node.signal(pid, signal.SIGKILL)
        return Blow(Part.PROCESS, at, frozenset({pid}), "1 process", frozenset({held}), since=at)

    def _kill_node(self) -> Blow | None:
        """Kill a node that holds something, with its processes."""
        name = next((name for name, _, _ in self._at_work()), None)
        if name is None:
            return None
        node = self._stage.nodes[name]
        self._screen.show_kill(f"node {name}, process {node.pid}, with all its processes")
        return self._kill_nodes(Part.NODE, {name: node})

    def _kill_writer(self) -> Blow | None:
        """Kill the process that owns the broker's file."""
        found = self._stage.writer()
        if found is None:
            return None
        node, pid = found
        self._screen.show_kill(f"the broker's writer, process {pid}")
        at = time.monotonic()
        node.signal(pid, signal.SIGKILL)
        return Blow(Part.WRITER, at, frozenset({pid}), "1 writer")

    def _kill_everything(self) -> Blow | None:
        """Kill both nodes, their processes and the writer, and start the nodes again, cold."""
        self._screen.show_kill("everything at once: both nodes, all processes, the writer")
        blow = self._kill_nodes(Part.EVERYTHING, self._stage.nodes)
        for name in NODES:
            self._stage.start_node(name)
        return blow

    def _kill_nodes(self, part: Part, nodes: dict[str, Program]) -> Blow:
        parts = self._count(nodes)
        at = time.monotonic()
        self._stage.kill(nodes.values())
        self._read()
        victims = frozenset(chain.from_iterable(map(self.history.processes, nodes)))
        held = self._sizes.keys() & set(map(self.history.held_by, victims)) - self.history.finished
        return Blow(part, at, victims, parts, frozenset(held), since=at)

    def _count(self, nodes: dict[str, Program]) -> str:
        """Say in words how many parts go with some nodes."""
        writer = self._stage.writer()
        takes_writer = writer is not None and writer[0] in nodes.values()
        nouns = f"{len(nodes)} node{'s' if len(nodes) > 1 else ''}"
        return f"{nouns}, {len(nodes) * SLOTS // len(NODES)} processes{', 1 writer' if takes_writer else ''}"

    def _at_work(self) -> Iterator[tuple[str, int, str]]:
        """Yield (node, process, file) of the living processes that are at a file, the one that kills left aside."""
        for name, node in self._stage.nodes.items():
            for pid in self.history.processes(name):
                file = self.history.held_by(pid)
                if file in self._sizes and node.owns(pid):
                    yield name, pid, file
