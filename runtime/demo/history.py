"""`History`: what the ledger tells, as executions of files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from .ledger import Entry


@dataclass(slots=True)
class Execution:
    """One run of one file's task; `finished` stays None where its process was killed meanwhile."""

    file: str
    node: str
    pid: int
    began: float
    finished: float | None = None


class History:
    """All executions, in the order in which they began."""

    def __init__(self) -> None:
        self.executions: list[Execution] = []
        self.finished: set[str] = set()
        self._last: dict[int, Execution] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Take note of more of the ledger."""
        for entry in entries:
            if entry.event == "began":
                execution = Execution(entry.file, entry.node, entry.pid, entry.at)
                self.executions.append(execution)
                self._last[entry.pid] = execution
            else:
                self._last[entry.pid].finished = entry.at
                self.finished.add(entry.file)

    def held_by(self, pid: int) -> str | None:
        """Return the file that a process is at (or was, when it died), or None between two tasks."""
        last = self._last.get(pid)
        return last.file if last is not None and last.finished is None else None

    def processes(self, node: str) -> list[int]:
        """Return the processes that have worked for a node, in the order of their first task."""
        return list(dict.fromkeys(execution.pid for execution in self.executions if execution.node == node))

    def by_file(self) -> dict[str, list[Execution]]:
        """Return the executions of each file."""
        found: defaultdict[str, list[Execution]] = defaultdict(list)
        for execution in self.executions:
            found[execution.file].append(execution)
        return dict(found)
