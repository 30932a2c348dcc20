"""A node of an app that a test writes, and a client of it in the test's process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import StartProgram
from tests.support import Program
from understudy import App


@dataclass(frozen=True)
class Site:
    """A directory with a module `proj`, the broker that its app and the client share, and a way to start nodes."""

    directory: Path
    client: App
    start: StartProgram

    @property
    def url(self) -> str:
        """The broker."""
        return f"sqlite:///{self.directory}/broker.db"

    def node(self, source: str, *options: str) -> Program:
        """Write `proj.py` and start a node of it."""
        head = f"from understudy import App\napp = App('proj', broker={self.url!r})\n"
        (self.directory / "proj.py").write_text(head + source)
        node = self.start(["-m", "understudy", "-A", "proj", "worker", "-c", "1", "-l", "INFO", *options])
        node.wait_for_output(" ready.")
        return node


@pytest.fixture
def site(tmp_path: Path, program: StartProgram) -> Iterator[Site]:
    """Where a test's nodes and its client meet."""
    with App("client", broker=f"sqlite:///{tmp_path}/broker.db", set_as_current=False) as client:
        yield Site(tmp_path, client, program)
