"""Fixtures of the command line's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import StartProgram
from tests.support import Program
from understudy import App
from understudy.runtime.app.home import embedded_url

from .shell import Shell

StartWorker = Callable[..., Program]


@pytest.fixture
def shell(tmp_path: Path, own_home: Path) -> Shell:
    """A directory with a project, whose broker is the embedded one in a home of the test's own."""
    return Shell(tmp_path, own_home)


@pytest.fixture
def start_worker(shell: Shell, program: StartProgram) -> StartWorker:
    """Return a function that starts a worker of the project and waits until it is ready."""

    def start(*options: str) -> Program:
        worker = program(["-m", "understudy", "-A", "proj", "worker", "-c", "1", "-l", "INFO", *options])
        worker.wait_for_output(" ready.")
        return worker

    return start


@pytest.fixture
def client(shell: Shell) -> Iterator[App]:
    """An app in this process that calls the project's tasks by name, and gets their results."""
    with App("client", broker=embedded_url("proj", str(shell.directory / "proj.py")), set_as_current=False) as app:
        yield app
