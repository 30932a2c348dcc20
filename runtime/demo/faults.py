"""The script: which parts are killed, and when; and why, after that, some files were indexed twice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from .history import Execution, History


class Part(Enum):
    """What is killed."""

    PROCESS = "a pool process"
    NODE = "a whole node"
    WRITER = "the writer"
    EVERYTHING = "everything"


@dataclass(frozen=True, slots=True)
class Fault:
    """One act of the script: `part` is killed when a `share` of the files is done."""

    share: float
    part: Part


SCRIPT = (
    Fault(0.15, Part.PROCESS),
    Fault(0.32, Part.NODE),
    Fault(0.52, Part.WRITER),
    Fault(0.70, Part.EVERYTHING),
)


@dataclass(slots=True)
class Blow:
    """A fault that was carried out: at `at`, on the monotonic clock, the processes `victims` were killed.

    restarted: what has to be started again, in words. held: the files that the victims were at. since: executions that
    begin before are no sign of recovery. back: the first execution that is one, once it has finished.
    """

    part: Part
    at: float
    victims: frozenset[int]
    restarted: str = ""
    held: frozenset[str] = frozenset()
    since: float = math.inf
    back: Execution | None = None

    @property
    def seconds(self) -> float | None:
        """How long recovery took, from the kill until an understudy or a survivor had finished a task."""
        return None if self.back is None or self.back.finished is None else self.back.finished - self.at

    def recover(self, history: History) -> Execution | None:
        """Look for the sign of recovery: one of the files that the dead were at, finished after all."""
        signs = [
            execution
            for execution in history.executions
            if execution.began >= self.since
            and execution.finished is not None
            and (not self.held or execution.file in self.held)
        ]
        self.back = min(signs, key=lambda execution: execution.finished or math.inf, default=None)
        return self.back


@dataclass(frozen=True, slots=True)
class Rerun:
    """A file that was executed more than once.

    causes: for each execution but the last, what was killed before its result was stored; None where nothing was.
    """

    file: str
    causes: tuple[Part | None, ...]


def reruns(history: History, blows: Sequence[Blow]) -> list[Rerun]:
    """Explain each file that was executed more than once."""
    return [
        Rerun(file, tuple(_cause(run, after, blows) for run, after in pairwise(runs)))
        for file, runs in history.by_file().items()
        if len(runs) > 1
    ]


def _cause(run: Execution, after: Execution, blows: Sequence[Blow]) -> Part | None:
    return next((blow.part for blow in blows if run.pid in blow.victims and blow.at <= after.began), None)
