"""`Verdict`: whether the demo has shown what it claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .faults import Blow, Part, Rerun, reruns
from .history import History
from .job import Job
from .report import Report

DELIVERIES = 3
"""After so many a task that kills its process is a dead letter: `task_max_deliveries`."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What came of the job: the chord's report and the plain loop's, who was executed, what was killed.

    dead: the dead letters, by file. ending: the class of the error that the killer's `get()` raised.
    """

    job: Job
    report: Report
    plain: Report
    history: History
    blows: Sequence[Blow]
    dead: Sequence[str]
    ending: str

    @property
    def missing(self) -> list[str]:
        """The files that are not in the report."""
        return sorted({source.name for source in self.job.sources} - set(self.report.files))

    @property
    def reruns(self) -> list[Rerun]:
        """The files that were executed more than once, but for the one that kills."""
        return [rerun for rerun in reruns(self.history, self.blows) if rerun.file != self.job.killer.name]

    def checks(self) -> dict[str, bool]:
        """Return each claim, and whether it holds."""
        killer = self.job.killer.name
        wanted = sorted(source.name for source in self.job.sources)
        deliveries = sum(execution.file == killer for execution in self.history.executions)
        return {
            "every file is in the report, once": self.report.files == wanted,
            "the report is equal to the plain loop's": self.report == self.plain,
            "each part that was killed was replaced": {blow.part for blow in self.blows if blow.back} == set(Part),
            f"the file that kills is the only dead letter, after {deliveries} deliveries; its get() raises": (
                list(self.dead) == [killer] and deliveries >= DELIVERIES and self.ending == "WorkerLostError"
            ),
            "each second execution is explained by a kill": all(None not in rerun.causes for rerun in self.reruns),
        }
