"""A page of the documentation as a program: its blocks are carried out in order, as its reader would.

What a fenced block is follows from its first line:

    python NAME.py       a file; it is written
    python               a program; it is run to its end
    pycon                a Python session; the page's sessions are one
    console              commands (`$ ...`) and what they print
    console background   a command that goes on; it has to print what the block shows before the page goes on

Where a block shows `...`, anything may stand. Other blocks are for reading.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from .programs import ROOT, Program

_FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HOUR = 3600.0
PATIENCE = 30.0
ON_CI = ("CI", "BUILD_NUMBER")
"""By these pytest knows that nobody sits at the terminal, and prints more than a reader would see."""
_SESSION = Path(__file__).with_name("session.py")


class Block(NamedTuple):
    """A fenced block: its language, what else its first line says, its content, the number of that line."""

    language: str
    info: str
    text: str
    line: int


def blocks(page: Path) -> Iterator[Block]:
    """Yield the blocks of a page."""
    text = page.read_text()
    for found in _FENCE.finditer(text):
        yield Block(found[1], found[2].strip(), found[3], text.count("\n", 0, found.start()) + 1)


class Reader:
    """Carries out one page in a directory of its own; `close` ends what the page has started."""

    def __init__(self, page: Path, directory: Path, replaced: Mapping[str, str]) -> None:
        self._page = page
        self._directory = directory
        self._replaced = replaced
        self._background: list[Program] = []
        self._session: subprocess.Popen[str] | None = None
        self._environment = _environment(directory)

    def read(self) -> None:
        """Carry out every block; raises `AssertionError` where one does not do what it shows."""
        for block in blocks(self._page):
            text = block.text
            for old, new in self._replaced.items():
                text = text.replace(old, new)
            try:
                self._carry_out(block, text)
            except AssertionError as error:
                raise AssertionError(f"{self._page.relative_to(ROOT)}:{block.line}: {error}") from error

    def close(self) -> None:
        """End what still runs: nodes in order, so that they leave nothing behind."""
        if self._session is not None:
            self._session.kill()
            self._session.communicate()
        for program in reversed(self._background):
            with suppress(ProcessLookupError):
                program.signal(signal.SIGTERM)
        for program in self._background:
            try:
                program.wait(PATIENCE)
            finally:
                program.close()

    def _carry_out(self, block: Block, text: str) -> None:
        match block.language, block.info:
            case "python", "":
                self._run("python", "-c", text)
            case "python", name:
                (self._directory / name).write_text(text)
            case "pycon", "":
                self._converse(text)
            case "console", "":
                self._type(text)
            case "console", "background":
                self._start(text)
            case _:
                pass

    def _run(self, *command: str) -> str:
        done = subprocess.run(
            command,
            cwd=self._directory,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"ended with status {done.returncode}:\n{done.stdout}"
        return done.stdout

    def _type(self, text: str) -> None:
        for command, shown in _commands(text):
            printed = self._run("bash", "-c", command)
            assert _fits(shown, printed), f"$ {command}\nprinted\n{printed}\nand not\n{shown}"

    def _start(self, text: str) -> None:
        [(command, shown)] = _commands(text)
        program = Program(
            ["-m", *command.removeprefix("python -m ").split()], self._directory, {"PATH": self._environment["PATH"]}
        )
        self._background.append(program)
        # Collects its status, as a shell would: a killed program that nobody waits for still has its pid.
        threading.Thread(target=lambda: program.wait(HOUR), daemon=True).start()
        for line in filter(None, map(str.strip, shown.split("..."))):
            program.wait_for_output(line, PATIENCE)

    def _converse(self, text: str) -> None:
        if self._session is None:
            self._session = subprocess.Popen(
                ["python", "-P", str(_SESSION)],
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._session.stdin is not None
        assert self._session.stdout is not None
        self._session.stdin.write(f"{text}\0")
        self._session.stdin.flush()
        report = "".join(iter(lambda: self._session.stdout.read(1), "\0"))  # type: ignore[union-attr]
        assert not report, report


def _commands(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command with what is shown to follow it."""
    for part in text.removeprefix("$ ").split("\n$ "):
        command, _, shown = part.partition("\n")
        while command.endswith("\\"):
            more, _, shown = shown.partition("\n")
            command = command[:-1] + more
        yield command, shown.strip()


def _fits(shown: str, printed: str) -> bool:
    pattern = ".*".join(map(re.escape, _plain(shown).split("...")))
    return not shown or re.fullmatch(pattern, _plain(printed), re.DOTALL) is not None


def _plain(text: str) -> str:
    """Return a text with its white space made even: a terminal's tables are a pipe's tabs."""
    return " ".join(text.split())


def _environment(directory: Path) -> dict[str, str]:
    """Return an environment in which `understudy` and `python` are those under test."""
    binaries = directory / ".bin"
    binaries.mkdir()
    for name, arguments in (("python", ""), ("understudy", "-m understudy ")):
        command = binaries / name
        command.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        command.chmod(0o755)
    inherited = {name: value for name, value in os.environ.items() if name not in ON_CI}
    return {
        **inherited,
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(directory), str(ROOT)]),
        "PYTHONUNBUFFERED": "1",
    }
