"""Workers and clients of both sides on real brokers, each in a process of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.conftest import StartProgram
from tests.support import Program

OURS, STOCK = "understudy", "celery"


@dataclass(frozen=True)
class Sides:
    """A broker with a result store, and ways to start what meets there."""

    broker: str
    backend: str
    start: StartProgram

    def worker(self, library: str, queue: str = "celery", *options: str, pool: str = "solo") -> Program:
        """Start a worker of one side and wait until it is ready; pool: a stock worker's."""
        arguments = ["-A", "tests.interop.tasks", "worker", "-Q", queue, "-c", "1", "-l", "INFO", *options]
        if library == STOCK:
            arguments += ["-P", pool, "-n", f"{queue}@%h", "--without-gossip", "--without-mingle"]
        program = self.start(["-m", library, *arguments], self._environment(library, queue))
        program.wait_for_output("ready.", 30)
        return program

    def ask(self, library: str, scenario: str) -> dict[str, Any]:
        """Run a scenario as a client of one side, and return what it reports."""
        return self.answers(self.client(library, scenario))

    def client(self, library: str, scenario: str) -> Program:
        """Start a client of one side."""
        return self.start(["-m", "tests.interop.client", scenario], self._environment(library, "celery"))

    def answers(self, client: Program) -> dict[str, Any]:
        """Wait for a client's end, and return what it reports."""
        assert client.wait(90) == 0, client.output
        (line,) = [line for line in client.output.splitlines() if line.startswith("RESULT ")]
        answers: dict[str, Any] = json.loads(line.removeprefix("RESULT "))
        return answers

    def _environment(self, library: str, queue: str) -> dict[str, str]:
        return {"LIBRARY": library, "BROKER": self.broker, "BACKEND": self.backend, "QUEUE": queue}


@pytest.fixture(params=["redis", "rabbitmq"])
def sides(request: pytest.FixtureRequest, redis_url: str, program: StartProgram) -> Sides:
    """Both sides on one broker; results are in Redis."""
    return Sides(request.getfixturevalue(f"{request.param}_url"), redis_url, program)
