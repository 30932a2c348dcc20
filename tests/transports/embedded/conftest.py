"""Writers, transports and nodes of a broker's file that each test has to itself."""

from __future__ import annotations

import json
import selectors
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import StartProgram
from tests.support import Program
from tests.support.waiting import PATIENCE
from understudy.transports.embedded.process import WriterProcess, WriterState
from understudy.transports.embedded.site import Site
from understudy.transports.embedded.sqlite.file import Durability
from understudy.transports.embedded.transport import SqliteTransport, connect

LEASE = 3.0
"""Seconds: short, so that tests of stopped processes are; a writer that is silent for a third of it is stuck."""

StartWriter = Callable[..., WriterProcess]
Connect = Callable[..., SqliteTransport]
StartNode = Callable[..., Program]


def next_state(writer: WriterProcess, timeout: float = PATIENCE) -> WriterState:
    """Wait until a writer tells something, and return the last of it."""
    with selectors.DefaultSelector() as selector:
        selector.register(writer.fileno(), selectors.EVENT_READ)
        while selector.select(timeout):
            if states := writer.news():
                return states[-1]
    raise AssertionError(f"the writer told nothing within {timeout} s")


def serving_pid(database: Path) -> int:
    """Return the process id of the writer that serves, or did last."""
    return int(json.loads(Site(database).lock().read_note())["pid"])


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Where a broker's file is to be."""
    return tmp_path / "broker.db"


@pytest.fixture
def start_writer(database: Path) -> Iterator[StartWriter]:
    """Return a function that starts a writer of the file, or of another, and waits until it serves or stands by."""
    writers: list[WriterProcess] = []

    def start(file: Path = database, until: str = "") -> WriterProcess:
        writers.append(WriterProcess(file, Durability.PROCESS, LEASE))
        state = next_state(writers[-1])
        while state.name != until and until:
            state = next_state(writers[-1])
        assert state.name != "ended"
        return writers[-1]

    yield start
    for writer in writers:
        writer.stop()


@pytest.fixture
def connected(database: Path) -> Iterator[Connect]:
    """Return a function that makes a transport to the file, or to another."""
    transports: list[SqliteTransport] = []

    def make(file: Path = database, **options: object) -> SqliteTransport:
        transports.append(connect(f"sqlite:///{file}", {"lease": LEASE, **options}))
        return transports[-1]

    yield make
    for transport in transports:
        transport.close()


@pytest.fixture
def start_node(database: Path, program: StartProgram) -> StartNode:
    """Return a function that starts `node.py`, a node with a writer of its own: `start_node("boot", "work")`."""
    script = Path(__file__).with_name("node.py")

    def start(boot: str, behaviour: str, credit: int = 8) -> Program:
        return program([str(script), str(database), str(LEASE), boot, behaviour, str(credit)])

    return start
