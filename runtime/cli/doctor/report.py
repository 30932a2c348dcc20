"""Shows what the doctor found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from textwrap import wrap

import click

from .finding import Finding, Section, Verdict

MARKS = {
    Verdict.GOOD: ("✓", "green"),
    Verdict.NOTE: ("·", "cyan"),
    Verdict.WARNING: ("!", "yellow"),
    Verdict.WRONG: ("✗", "red"),
}
WIDEST = 100


def show(sections: Sequence[Section], *, as_json: bool) -> None:
    """Print sections of findings, for a person or as JSON."""
    if as_json:
        click.echo(json.dumps({section.title.lower(): _plain(section) for section in sections}, indent=2))
        return
    width = min(WIDEST, shutil.get_terminal_size().columns)
    margin = max(len(finding.subject) for section in sections for finding in section.findings)
    for section in sections:
        click.secho(section.title, bold=True)
        for finding in section.findings:
            _print(finding, margin, width)
        click.echo()
    click.echo(_summary(sections))


def _print(finding: Finding, margin: int, width: int) -> None:
    mark, color = MARKS[finding.verdict]
    first = f"  {click.style(mark, fg=color, bold=True)} {finding.subject.ljust(margin)}  "
    indent = " " * (margin + 6)
    lines = wrap(finding.value, width - len(indent), break_long_words=False, break_on_hyphens=False) or [""]
    click.echo(first + f"\n{indent}".join(lines))
    for line in wrap(finding.advice, width - len(indent), break_long_words=False, break_on_hyphens=False):
        click.echo(indent + (click.style(line, dim=True) if finding.verdict is Verdict.NOTE else line))


def _summary(sections: Sequence[Section]) -> str:
    verdicts = [finding.verdict for section in sections for finding in section.findings]
    wrong, warnings = verdicts.count(Verdict.WRONG), verdicts.count(Verdict.WARNING)
    if wrong:
        return click.style(f"{_count(wrong, 'thing is wrong', 'things are wrong')}.", fg="red", bold=True)
    if warnings:
        return click.style(f"It works, with {_count(warnings, 'warning', 'warnings')}.", fg="yellow", bold=True)
    return click.style("All is well.", fg="green", bold=True)


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _plain(section: Section) -> list[dict[str, str]]:
    return [finding._asdict() for finding in section.findings]
