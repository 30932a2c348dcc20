"""What the demo claims, and how it is seen that a claim does not hold."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from understudy.runtime.demo.faults import Blow, Part
from understudy.runtime.demo.history import Execution, History
from understudy.runtime.demo.indexing import FileIndex
from understudy.runtime.demo.job import Job
from understudy.runtime.demo.library import KILLER, Source
from understudy.runtime.demo.report import join
from understudy.runtime.demo.summary import show
from understudy.runtime.demo.verdict import Findings

FILES = ["a.py", "b.py", "c.py"]


def findings() -> Findings:
    """All is well: `a.py` ran twice, since its process was killed."""
    report = join([FileIndex(file, lines=1, tokens=3) for file in FILES])
    history = History()
    history.executions += [Execution("a.py", "one", 7, 1.0), *(Execution(file, "two", 8, 3.0, 3.5) for file in FILES)]
    history.executions += [Execution(KILLER, "one", pid, 1.0) for pid in (4, 5, 6)]
    back = history.executions[1]
    blows = [Blow(part, 2.0, frozenset({7}) if part is Part.PROCESS else frozenset(), back=back) for part in Part]
    job = Job([Source(file, file, 1) for file in FILES], Source(KILLER, KILLER, 1), "ledger", 0.0)
    return Findings(job, report, report, history, blows, [KILLER], "WorkerLostError")


def failed(found: Findings) -> list[str]:
    return [claim for claim, holds in found.checks().items() if not holds]


def shown(found: Findings) -> str:
    console = Console(file=StringIO(), width=120)
    show(console, found, 1.0)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_all_claims_hold_where_all_is_well() -> None:
    assert failed(findings()) == []
    assert "✗" not in shown(findings())


def test_a_missing_file_is_named() -> None:
    short = join([FileIndex("a.py", lines=1, tokens=3), FileIndex("b.py", lines=1, tokens=3)])
    found = replace(findings(), report=short, plain=short)
    assert failed(found) == ["every file is in the report, once"]
    assert "missing: c.py" in shown(found)


def test_a_file_that_was_counted_twice_is_noticed() -> None:
    twice = join([FileIndex(file, lines=1, tokens=3) for file in [*FILES, "a.py"]])
    assert "every file is in the report, once" in failed(replace(findings(), report=twice))


def test_a_report_that_differs_from_the_plain_loops_is_noticed() -> None:
    other = join([FileIndex(file, lines=1, tokens=4) for file in FILES])
    assert failed(replace(findings(), plain=other)) == ["the report is equal to the plain loop's"]


def test_a_part_that_never_came_back_is_noticed() -> None:
    found = findings()
    found.blows[2].back = None
    assert failed(found) == ["each part that was killed was replaced"]
    assert "never" in shown(found)


@pytest.mark.parametrize(
    ("dead", "ending"), [([], "WorkerLostError"), ([KILLER, "x"], "WorkerLostError"), ([KILLER], "nothing")]
)
def test_the_file_that_kills_has_to_be_the_only_dead_letter_and_an_error(dead: list[str], ending: str) -> None:
    assert len(failed(replace(findings(), dead=dead, ending=ending))) == 1


def test_an_execution_that_nothing_explains_is_shown() -> None:
    found = findings()
    found.history.executions.append(Execution("c.py", "two", 9, 5.0, 5.5))
    assert failed(found) == ["each second execution is explained by a kill"]
    assert "nothing" in shown(found)
