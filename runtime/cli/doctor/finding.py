"""What the doctor finds."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple


class Verdict(StrEnum):
    """How serious a finding is."""

    GOOD = "good"
    NOTE = "note"
    """Neither good nor bad, but good to know."""
    WARNING = "warning"
    """It works, and will not under some conditions."""
    WRONG = "wrong"
    """It does not work: the doctor's exit code says so."""


class Finding(NamedTuple):
    """One thing that was looked at. advice: what it means, or what to do."""

    subject: str
    value: str
    verdict: Verdict = Verdict.GOOD
    advice: str = ""


class Section(NamedTuple):
    """Findings that belong together."""

    title: str
    findings: Sequence[Finding]
