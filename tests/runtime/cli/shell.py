"""The command `understudy`, run as users run it: a process in a project's directory."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tests.support.programs import ROOT

PROJECT = """
import os, signal, time
from understudy import App
from understudy.runtime.log import get_task_logger

app = App("proj")
log = get_task_logger(__name__)


@app.task
def add(x, y):
    return x + y


@app.task
def fail(text):
    raise ValueError(text)


@app.task
def die():
    os._exit(3)


@app.task
def chat():
    log.info("a line of its own")
    print("printed")


@app.task
def wait_for(path):
    open(path + ".begun", "w").close()
    while not os.path.exists(path):
        time.sleep(0.01)
    return "seen"
"""


FORK_EACH = """
import json, os, signal, sys, tempfile
import understudy.runtime.cli.failures, understudy.runtime.cli.node.launch, understudy.transports.kombu_adapter
from understudy.runtime.cli import main

answers = []
for arguments in json.load(sys.stdin):
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        pid = os.fork()
        if not pid:
            signal.alarm(30)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            code = main(arguments)
            sys.stdout.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        answers.append((code, *(stream.seek(0) or stream.read() for stream in (out, err))))
print(json.dumps(answers))
"""


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line on stderr that says what was wrong."""
        assert "Traceback" not in self.err
        assert self.err.startswith("Error: "), self
        assert self.err.count("\n") == 1, self
        return self.err.removeprefix("Error: ").rstrip("\n")


class Shell:
    """A directory with a project in it, and the commands that are run there; `home` has the embedded broker's file."""

    def __init__(self, directory: Path, home: Path) -> None:
        self.directory = directory
        self._home = home
        self.write("proj.py", PROJECT)

    def write(self, name: str, text: str) -> Path:
        """Add a file."""
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    @property
    def path(self) -> str:
        """A PYTHONPATH with packages of this directory, too."""
        return os.pathsep.join([str(ROOT), str(self.directory)])

    @property
    def environment(self) -> dict[str, str]:
        """What a command finds around it: no options of ours, and the sources on the path."""
        kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "UNDERSTUDY_APP")}
        return {**kept, "PYTHONPATH": str(ROOT), "COLUMNS": "100", "UNDERSTUDY_HOME": str(self._home)}

    def run(self, *arguments: str, stdin: str | None = None, **environment: str) -> Done:
        """Run `understudy` to its end."""
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "understudy", *arguments],
            cwd=self.directory,
            env={**self.environment, **environment},
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            timeout=18,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def run_all(self, command_lines: Sequence[Sequence[str]]) -> list[Done]:
        """Run many commands, each in a process of its own, forked by one that has imported everything already."""
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", FORK_EACH],
            cwd=self.directory,
            env=self.environment,
            input=json.dumps(command_lines),
            capture_output=True,
            text=True,
            check=True,
        )
        return [Done(*one) for one in json.loads(done.stdout)]

    def app(self, *arguments: str, **more: str) -> Done:
        """Run a command with the project's app."""
        return self.run("-A", "proj", *arguments, **more)

    def terminal(self, *arguments: str, **environment: str) -> str:
        """Run `understudy` on a terminal, and return what it shows there."""
        ours, theirs = pty.openpty()
        with subprocess.Popen(
            [sys.executable, "-m", "understudy", *arguments],
            cwd=self.directory,
            env={**self.environment, "TERM": "xterm", **environment},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        ):
            os.close(theirs)
            shown = b""
            while chunk := _read(ours):
                shown += chunk
        os.close(ours)
        return shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how Linux says that nobody is at the other end any more
        return b""
