"""Where the time goes: py-spy looks at every process of a running program."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

from .processes import ENVIRONMENTS, environment_of, family, status

SECONDS = 3
RATE = 200
SHOWN = 12
PROCESS = re.compile(r"process (\d+):")


def show(root: int, part_of: Callable[[str], str]) -> None:
    """Sample a process and all below it for a while, and print what each part was at; `part_of` knows parts by name."""
    parts = {pid: part_of(status(pid)[0]) for pid in family(root)}
    with tempfile.TemporaryDirectory() as directory:
        output = Path(directory) / "stacks"
        options = ["--subprocesses", "--function", "--format", "raw", "--rate", str(RATE), "--duration", str(SECONDS)]
        command = [py_spy(), "record", *options, "--output", str(output), "--pid", str(root)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        found = by_process(output.read_text())
    for pid, functions in sorted(found.items()):
        print_process(f"{parts.get(pid, 'started since')} ({pid})", functions)


def py_spy() -> str:
    """Return py-spy's path; it is installed into an environment of its own where it is missing."""
    if found := shutil.which(Path(sys.executable).with_name("py-spy")) or shutil.which("py-spy"):
        return found
    environment_of("py-spy", "py-spy")
    return str(next((ENVIRONMENTS / "py-spy").glob("*/py-spy*")))


def by_process(stacks: str) -> dict[int, Counter[str]]:
    """Return how often each function was the innermost, for each process; a line is `outermost;...;innermost count`."""
    found: dict[int, Counter[str]] = {}
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        pids = PROCESS.findall(stack)
        if pids:
            found.setdefault(int(pids[-1]), Counter())[stack.rpartition(";")[2]] += int(count)
    return found


def print_process(name: str, functions: Counter[str]) -> None:
    """Print a table of the functions in which a process spent most."""
    total = functions.total()
    busy = total / (SECONDS * RATE)
    table = Table(title=f"{name}: busy {busy:.0%} of the time", title_justify="left")
    table.add_column("function")
    table.add_column("share", justify="right")
    for function, count in functions.most_common(SHOWN):
        table.add_row(function, f"{count / total:.0%}")
    Console().print(table)
