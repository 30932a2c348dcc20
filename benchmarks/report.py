"""What a benchmark found: a table for people, JSON for the record."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """One measure: its values in each round, those of a peer in the same run, and the target.

    unit: "/s" and "%" are the better the higher, every other the lower. cpu: CPU time per operation in each round, in
    microseconds, which other programs on the machine disturb less than they do the values. times: how many times better
    than the peer it is to be.
    """

    name: str
    unit: str
    values: list[float]
    peer: list[float] = field(default_factory=list[float])
    target: float | None = None
    cpu: list[float] = field(default_factory=list[float])
    times: float | None = None

    @property
    def higher_is_better(self) -> bool:
        """Whether more is better."""
        return higher_is_better(self.unit)

    @property
    def better_than_peer(self) -> float | None:
        """How many times better than the peer, by the medians."""
        return times_better(self.values, self.peer, self.unit)

    @property
    def met(self) -> bool | None:
        """Whether the median meets the target, and is as much better than the peer as it is to be."""
        median, ratio, answers = statistics.median(self.values), self.better_than_peer, list[bool]()
        if self.target is not None:
            answers.append(median >= self.target if self.higher_is_better else median <= self.target)
        if self.times is not None and ratio is not None:
            answers.append(ratio >= self.times)
        return all(answers) if answers else None

    @property
    def cells(self) -> tuple[str, ...]:
        """The line of the table."""
        ratio, goals = self.better_than_peer, list[str]()
        if self.target is not None:
            goals.append(f"{number(self.target)} {self.unit}")
        if self.times is not None:
            goals.append(f"{number(self.times)} x")
        return (
            self.name,
            spread(self.values, self.unit),
            f"{statistics.median(self.cpu):.2f} us" if self.cpu else "",
            spread(self.peer, self.unit),
            "" if ratio is None else f"{ratio:.1f} x",
            f"{'[green]' if self.met else '[red]'}{', '.join(goals)}" if goals else "",
        )


@dataclass(frozen=True)
class Line:
    """One subject of a sheet: its values in each round, by column; a column that it does not have stays empty."""

    name: str
    values: dict[str, list[float]]


@dataclass
class Sheet:
    """Several subjects by the same measures: `columns` says the unit of each measure, "" for a plain number.

    If `compared`, the first line is ours, and every other says how many times better than it we are.
    """

    title: str
    columns: dict[str, str]
    compared: bool = False
    lines: list[Line] = field(default_factory=list[Line])

    def better(self, line: Line, column: str) -> float | None:
        """Return how many times better than a line the first is, None where it is not to be compared."""
        if not self.compared or line is self.lines[0]:
            return None
        return times_better(self.lines[0].values.get(column, []), line.values.get(column, []), self.columns[column])

    def show(self, console: Console) -> None:
        """Print the table."""
        caption = "in parentheses: how many times better the first line is" if self.compared else None
        table = Table(title=self.title, caption=caption, title_justify="left")
        used = [column for column in self.columns if any(line.values.get(column) for line in self.lines)]
        table.add_column("")
        for column in used:
            table.add_column(column, justify="right", no_wrap=True)
        for line in self.lines:
            table.add_row(line.name, *(self._cell(line, column) for column in used))
        console.print(table)

    def record(self) -> dict[str, Any]:
        """Return what belongs into the JSON."""
        lines = [
            {**vars(line), "times_better": {column: self.better(line, column) for column in self.columns}}
            if self.compared
            else vars(line)
            for line in self.lines
        ]
        return {"title": self.title, "columns": self.columns, "lines": lines}

    def _cell(self, line: Line, column: str) -> str:
        text, ratio = spread(line.values.get(column, []), self.columns[column]), self.better(line, column)
        median, _, rest = text.partition("\n")
        return text if ratio is None else "\n".join(filter(None, (f"{median} ({ratio:.1f} x)", rest)))


class Report:
    """Rows of one run, and sheets beside them."""

    def __init__(self, title: str, peer: str, packages: tuple[str, ...] = ()) -> None:
        self.title = title
        self.peer = peer
        self.rows: list[Row] = []
        self.sheets: list[Sheet] = []
        self.about = {
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
            **{name: version(name) for name in packages},
        }

    def add(self, row: Row) -> None:
        """Add what was measured."""
        self.rows.append(row)

    def show(self, console: Console | None = None) -> None:
        """Print the tables."""
        console = console or Console(width=None if sys.stdout.isatty() else 160)
        if self.rows:
            self._show_rows(console)
        else:
            console.print(f"{self.title}: {self.caption}")
        for sheet in self.sheets:
            sheet.show(console)

    @property
    def caption(self) -> str:
        """What has to be known of the run."""
        about = ", ".join(f"{name} {value}" for name, value in self.about.items())
        return f"{about}; medians, spread in brackets"

    def _show_rows(self, console: Console) -> None:
        table = Table(title=self.title, caption=self.caption, title_justify="left")
        headings = ("", "understudy", "CPU per op", self.peer, "better", "target")
        columns = list(zip(*(row.cells for row in self.rows), strict=True))
        filled = [place for place, column in enumerate(columns) if any(column)]
        for place in filled:
            table.add_column(headings[place], justify="right" if place else "left", no_wrap=bool(place))
        for row in self.rows:
            table.add_row(*(row.cells[place] for place in filled))
        console.print(table)

    def write(self, path: Path) -> None:
        """Write the JSON."""
        rows = [{**vars(row), "better_than_peer": row.better_than_peer, "met": row.met} for row in self.rows]
        sheets = [sheet.record() for sheet in self.sheets]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps({"title": self.title, "about": self.about, "rows": rows, "sheets": sheets}, indent=1)
        )


def higher_is_better(unit: str) -> bool:
    """Whether more of a unit is better."""
    return unit in {"/s", "MB/s", "%"}


def times_better(ours: list[float], theirs: list[float], unit: str) -> float | None:
    """Return how many times better ours are, by the medians; None where there is nothing to compare."""
    if not ours or not theirs:
        return None
    our, their = statistics.median(ours), statistics.median(theirs)
    return our / their if higher_is_better(unit) else their / our


def percentiles(seconds: list[float]) -> tuple[float, float]:
    """Return p50 and p99 of some times, in milliseconds."""
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return cuts[49] * 1e3, cuts[98] * 1e3


def spread(values: list[float], unit: str) -> str:
    """Return the median of some values, and least and most below it."""
    if not values:
        return ""
    median = f"{number(statistics.median(values))} {unit}".rstrip()
    return median if len(values) == 1 else f"{median}\n[{number(min(values))}..{number(max(values))}]"


def number(value: float) -> str:
    """Return a number as people read it."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
