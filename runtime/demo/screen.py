"""`Screen`: what the demo says while it runs: a line for each event, and a bar where there is a terminal."""

from __future__ import annotations

import time
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from .faults import Blow

_STYLES = {"killed": "bold red", "back": "bold green", "poison": "bold magenta"}

STEP = 0.2
"""Without a terminal, progress is told each time that this share is done."""


class Screen:
    """Tells what happens; a context manager, since a bar has to be taken away again."""

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self._total = total
        self._began = time.monotonic()
        self._told = 0.0
        self._deliveries = 0
        self._bar = Progress(
            TextColumn(" " * 8),
            BarColumn(None),
            TaskProgressColumn(),
            MofNCompleteColumn(),
            TextColumn("files"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._files = self._bar.add_task("", total=total)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def say(self, what: str, mark: str = "") -> None:
        """Say what happens, with the time; `mark` is a short word before it."""
        seconds = time.monotonic() - self._began
        line = Text.assemble((f"{seconds:5.1f} s  ", "dim"), (f"{mark:<7} ", _STYLES.get(mark, "")), what)
        if self.is_terminal:
            line.truncate(self.console.width, overflow="ellipsis")
        self.console.print(line, soft_wrap=True)

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks on, rather than a log."""
        return self.console.is_terminal

    def show_progress(self, finished: int) -> None:
        """Show how many files are finished."""
        self._bar.update(self._files, completed=finished)
        share = finished / self._total
        if not self.is_terminal and share >= self._told + STEP:
            self._told = share - share % STEP
            self.say(f"{finished} of {self._total} files are finished", "work")

    def show_killer(self, file: str, pid: int) -> None:
        """Tell that the file which kills has been delivered once more."""
        self._deliveries += 1
        self.say(f"{file} kills process {pid}, delivery {self._deliveries}", "poison")

    def show_kill(self, victim: str) -> None:
        """Tell who is killed."""
        self.say(victim, "killed")

    def show_recovery(self, blow: Blow) -> None:
        """Tell that what was killed is back at work."""
        if blow.back is not None and blow.seconds is not None:
            self.say(f"after {blow.seconds:.2f} s, node {blow.back.node} has finished {blow.back.file}", "back")
