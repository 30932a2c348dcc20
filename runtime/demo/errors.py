"""What can go wrong with the demo itself."""

from __future__ import annotations

from pathlib import Path

from ...actors.errors import UnderstudyError


class DemoFailed(UnderstudyError):
    """The demo did not show what it is there to show."""


class ProgramFailed(DemoFailed):
    """A program of the demo did what it should not; the message ends with the last lines of its log."""

    def __init__(self, log: Path, what: str) -> None:
        super().__init__(f"{log.stem} {what}; its log ends with:\n{tail(log)}")


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:]) or "(nothing)"
