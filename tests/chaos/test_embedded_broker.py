"""The embedded broker under random kills and stops: by a seed, so that a run that fails can be had again."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tests.conftest import StartProgram
from tests.support import Program
from tests.transports.conformance.messages import publication
from tests.transports.embedded import node as node_program
from tests.transports.embedded.conftest import LEASE, serving_pid
from understudy.transports.embedded.transport import SqliteTransport, connect

TASKS = 1500
IN_FLIGHT = 20
CREDIT = 8
PATIENCE = 30.0


class Field:
    """Nodes with their writers, and what may happen to them."""

    def __init__(self, database: Path, program: StartProgram, rng: Random) -> None:
        self._database = database
        self._program = program
        self._rng = rng
        self.programs: list[Program] = []
        self.nodes: list[Program] = []
        self.stopped: list[Program] = []
        self.deaths = 0
        for _ in range(2):
            self.start_node()

    def start_node(self) -> None:
        name = f"node{len(self.programs)}"
        script = str(Path(node_program.__file__))
        self.programs.append(self._program([script, str(self._database), str(LEASE), name, "work", str(CREDIT)]))
        self.nodes.append(self.programs[-1])

    def strike(self) -> None:
        """Do harm."""
        strikes: list[Callable[[], None]] = [
            self.kill_writer,
            self.kill_writer,
            self.stop_writer,
            self.kill_node,
            self.stop_node,
            self.let_go_on,
            self.kill_everything,
        ]
        self._rng.choice(strikes)()

    def kill_writer(self) -> None:
        self._signal_writer(signal.SIGKILL)

    def stop_writer(self) -> None:
        self._signal_writer(signal.SIGSTOP)

    def kill_node(self) -> None:
        self.deaths += 1
        self.nodes.pop(self._rng.randrange(len(self.nodes))).kill()
        self.start_node()

    def stop_node(self) -> None:
        self.deaths += 1  # others may take what it holds, if it is stopped for longer than its lease
        self.stopped.append(self._rng.choice(self.nodes))
        self.stopped[-1].signal(signal.SIGSTOP)

    def let_go_on(self) -> None:
        while self.stopped:
            self.stopped.pop().signal(signal.SIGCONT)

    def kill_everything(self) -> None:
        self.kill_writer()
        for _ in range(2):
            self.kill_node()

    def runs(self) -> Counter[str]:
        """Count how often each task ran."""
        lines = [line.split() for program in self.programs for line in program.output.splitlines()]
        return Counter(line[1] for line in lines if line[0] == "ran")

    def _signal_writer(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, ValueError, KeyError):  # none may have been there yet
            os.kill(serving_pid(self._database), number)


def publish_under_fire(transport: SqliteTransport, field: Field, rng: Random) -> list[str]:
    """Publish with a strike now and then; return the ids of what was published, all of it confirmed."""
    publisher = transport.publisher()
    confirmations = []
    strike_at = 0
    for number in range(TASKS):
        confirmations.append(publisher.publish([publication(str(number), "q")]))
        if number >= IN_FLIGHT:
            confirmations[number - IN_FLIGHT].get(timeout=PATIENCE)
        if number >= strike_at:
            strike_at += rng.randint(20, 120)
            field.strike()
    for confirmation in confirmations:
        confirmation.get(timeout=PATIENCE)
    return [str(number) for number in range(TASKS)]


@pytest.mark.chaos
@pytest.mark.timeout(60)
@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_lost_and_repetitions_are_bounded(tmp_path: Path, program: StartProgram, seed: int) -> None:
    rng = Random(seed)
    database = tmp_path / "broker.db"
    field = Field(database, program, rng)
    transport = connect(f"sqlite:///{database}", {"lease": LEASE, "patience": PATIENCE})

    ids = publish_under_fire(transport, field, rng)
    field.let_go_on()
    field.start_node()

    results = transport.results()
    for one in ids:
        results.wait(one, PATIENCE).get(timeout=PATIENCE)
    runs = field.runs()
    assert set(runs) == set(ids)
    assert sum(runs.values()) - len(ids) <= field.deaths * CREDIT
    transport.close()
