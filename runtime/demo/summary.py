"""The last screen: the report, what was killed and came back, and whether all claims hold."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import PurePosixPath

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from .verdict import Findings

_LONGEST = 3
_IMPORTED = 7
_MISSING = 10


def show(console: Console, findings: Findings, seconds: float) -> None:
    """Print what was found, and each claim with a mark."""
    _show_report(console, findings)
    _show_ledger(console, findings)
    _show_recovery(console, findings)
    console.print()
    for claim, holds in findings.checks().items():
        console.print(Text.assemble(("✓ ", "bold green") if holds else ("✗ ", "bold red"), claim))
    if findings.missing:
        console.print(Text(f"  missing: {', '.join(findings.missing[:_MISSING])}", "bold red"))
    console.print(Text(f"  {seconds:.0f} s in all", "dim"))


def _show_report(console: Console, findings: Findings) -> None:
    report = findings.report
    numbers = f"{len(report.files):,} files, {report.tokens:,} tokens, {report.functions:,} functions, "
    _title(console, "Report", f"{numbers}{report.classes:,} classes")
    rows = _grid()
    longest = [f"{one.lines} lines  {one.name} in {one.file}" for one in report.longest[:_LONGEST]]
    rows.add_row("longest functions", Text("\n".join(longest), overflow="ellipsis", no_wrap=True))
    imported = [f"{name} {count:,}" for name, count in report.most_imported(_IMPORTED)]
    rows.add_row("imported most", Text(", ".join(imported), overflow="ellipsis", no_wrap=True))
    rows.add_row(f"{len(report.unparsed)} do not parse", _by_folder(report.unparsed))
    rows.add_row("dead letter", f"{findings.job.killer.name}; get() raises {findings.ending}")
    _print(console, rows)


def _show_ledger(console: Console, findings: Findings) -> None:
    executions, by_file = len(findings.history.executions), findings.history.by_file()
    numbers = f"{executions:,} executions of {len(by_file):,} files"
    _title(console, "Ledger", f"{numbers}; again, since what ran them was killed:")
    rows = _grid()
    for cause, files in _by_cause(findings).items():
        rows.add_row(cause, ", ".join(files))
    killer = findings.job.killer.name
    rows.add_row("by itself", f"{killer}, {len(by_file.get(killer, []))} executions")
    _print(console, rows)


def _show_recovery(console: Console, findings: Findings) -> None:
    _title(console, "Recovery", "from the kill until an understudy or a survivor had finished a task")
    rows = _grid()
    for blow in findings.blows:
        seconds = "never" if blow.seconds is None else f"{blow.seconds:.2f} s"
        rows.add_row(blow.part.value, f"{seconds:<8}restarted: {blow.restarted}")
    _print(console, rows)


def _title(console: Console, title: str, text: str) -> None:
    console.print()
    console.print(Text.assemble((f"{title}  ", "bold"), text))


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True, min_width=17)
    grid.add_column()
    return grid


def _print(console: Console, grid: Table) -> None:
    console.print(Padding(grid, (0, 0, 0, 2)))


def _by_cause(findings: Findings) -> dict[str, list[str]]:
    """Return the files that were executed again, by the part whose end was the cause."""
    files: defaultdict[str, list[str]] = defaultdict(list)
    for rerun in findings.reruns:
        for cause in rerun.causes:
            files["nothing" if cause is None else cause.value].append(rerun.file)
    return files


def _by_folder(files: Iterable[str]) -> str:
    """Return file names in little room: those of a folder after its name."""
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(files):
        path = PurePosixPath(file)
        folders[path.parent.as_posix()].append(path.stem)
    return "; ".join(f"{folder}: {', '.join(names)}" for folder, names in folders.items())
