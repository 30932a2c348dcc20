"""A site: a broker, a module `proj` with an app whose tasks leave traces, nodes of it, and a client."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conftest import StartProgram
from tests.support import Program
from understudy import App

SOURCE = """
import os
import signal
import time
from pathlib import Path
import kombu
from kombu.common import Broadcast
from understudy import App

here = Path(__file__).parent
app = App("proj", broker={url!r}, backend="disabled")
app.conf.update({settings})


def note(name):
    with (here / "done").open("a") as ledger:
        ledger.write(name + "\\n")


@app.task(name="proj.work")
def work(name, ballast=""):
    (here / "begun" / name).touch()
    while not (here / "go").exists():
        time.sleep(0.01)
    note(name)


@app.task(name="proj.quick", bind=True)
def quick(self, name):
    note(name + ":" + self.request.hostname.partition("@")[0])


@app.task(name="proj.fell")
def fell():
    note("fell")
    os.kill(os.getsid(0), signal.SIGKILL)
    time.sleep(60)


@app.task(name="proj.kill")
def kill():
    note("kill")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@dataclass(frozen=True)
class Site:
    """A directory with the module, and a client of the same broker."""

    directory: Path
    client: App
    start: StartProgram

    def node(self, *options: str) -> Program:
        """Start a node of two processes and wait until it is ready."""
        node = self.start(["-m", "understudy", "-A", "proj", "worker", "-c", "2", "-l", "INFO", *options])
        node.wait_for_output(" ready.")
        return node

    def kill(self, node: Program) -> None:
        """Kill a node with all its processes, and let the tasks that wait go on elsewhere."""
        os.killpg(node.pid, signal.SIGKILL)
        (self.directory / "go").touch()
        node.wait()

    def send(self, name: str, *args: str, **options: Any) -> None:
        """Call a task."""
        self.client.send_task(name, args, **options)

    def begun(self) -> list[str]:
        """Return which tasks have begun."""
        return [one.name for one in (self.directory / "begun").iterdir()]

    def done(self) -> list[str]:
        """Return which tasks have ended, in order."""
        ledger = self.directory / "done"
        return ledger.read_text().split() if ledger.exists() else []

    def size(self, queue: str = "celery") -> int:
        """Return how many messages wait."""
        return self.client.transport.size(queue).get(timeout=10)

    def dead(self, queue: str = "celery") -> list[str]:
        """Return the tasks whose messages are dead letters."""
        return [one.task for one in self.client.transport.dead_letters().list(queue).get(timeout=10)]


@contextmanager
def open_site(directory: Path, program: StartProgram, url: str, settings: str = "") -> Iterator[Site]:
    """Write the module and open the client; settings: arguments of `app.conf.update`, as they stand in the module."""
    (directory / "begun").mkdir()
    (directory / "proj.py").write_text(SOURCE.format(url=url, settings=settings))
    with App("client", broker=url, backend="disabled", set_as_current=False) as client:
        scope: dict[str, Any] = {}
        exec("import kombu\nfrom kombu.common import Broadcast", scope)
        client.conf.update(eval(f"dict({settings})", scope))
        yield Site(directory, client, program)
