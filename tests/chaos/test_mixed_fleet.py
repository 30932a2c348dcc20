"""Kill -9 of nodes and of stock workers that serve one queue: nothing is lost on our side of the hand-over.

A stock worker on Redis takes a message off its list before it writes down that it has it: one that is killed in between
loses that message, whoever sent it. So many may be missing there as stock workers were killed, and none elsewhere.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import celery
import pytest
from redis import Redis

from tests.support import Program
from tests.support.processes import descendants
from tests.support.waiting import wait_until

from .fleet import kill

OURS, STOCK = "understudy", "celery"
TASKS = 1_500
KILLS = 3
HELD = 66
"""Messages that a node may have executed and not acknowledged: its slots, and a batch that is on its way."""
HELD_BY_STOCK = 8
"""The same of a stock worker: what it prefetches."""


class MixedFleet:
    """A node of ours and a stock worker on one queue; whoever is killed gets a successor."""

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        self.url = url
        self.ledger = directory / "ledger"
        self.ledger.touch()
        self.members: dict[str, Program] = {}
        self.killed: Counter[str] = Counter()
        self._booted: list[Program] = []

    def close(self) -> None:
        for program in self._booted:
            program.close()

    def boot(self, library: str) -> None:
        """Start a member of one side."""
        environment = {"LIBRARY": library, "CHAOS_BROKER": self.url, "CHAOS_LEDGER": str(self.ledger)}
        command = ["-m", library, "-A", "tests.chaos.mixed", "worker", "-c", "2", "-l", "INFO"]
        if library == STOCK:
            number = len(self._booted)
            command += ["-P", "prefork", "-n", f"stock{number}@%h", "--without-gossip", "--without-mingle"]
        self.members[library] = Program(command, self.directory, environment)
        self._booted.append(self.members[library])

    def strike(self, library: str) -> None:
        """Kill a member with all that it started, and start its successor."""
        victim = self.members[library]
        kill([victim.pid, *descendants(victim.pid)])
        self.killed[library] += 1
        self.boot(library)

    def ready(self) -> None:
        """Wait until both sides serve the queue."""
        for member in self.members.values():
            member.wait_for_output("ready.", 30)

    def executions(self) -> Counter[str]:
        """Return how often each task was executed."""
        return Counter(line.split()[0] for line in self._lines())

    def by(self, library: str) -> int:
        """Return how many executions there were on one side."""
        return sum(line.endswith(library) for line in self._lines())

    def log(self) -> str:
        """Return what all members have printed."""
        return "\n".join(f"{program.pid}:\n{program.output}" for program in self._booted)

    def _lines(self) -> list[str]:
        return self.ledger.read_text().split("\n")[:-1]


@pytest.fixture(params=["redis", "rabbitmq"])
def fleet(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MixedFleet]:
    """Both sides on one broker, with nothing to do yet."""
    made = MixedFleet(tmp_path, request.getfixturevalue(f"{request.param}_url"))
    yield made
    made.close()


def publish(url: str, names: list[str], random: Random) -> None:
    """Send tasks as a stock client does."""
    client = celery.Celery(broker=url, set_as_current=False)
    client.conf.update(task_ignore_result=True)
    with client.connection_for_write() as connection, client.amqp.Producer(connection) as producer:
        for name in names:
            client.send_task("work", (name, random.choice((0.0, 0.002, 0.01, 0.02))), producer=producer)
    client.close()


@pytest.mark.chaos
@pytest.mark.interop
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "victims", [lambda _: OURS, lambda random: random.choice((OURS, STOCK))], ids=["ours die", "both die"]
)
def test_no_task_is_lost_on_a_queue_that_both_sides_serve(
    victims: Callable[[Random], str], fleet: MixedFleet, pytestconfig: pytest.Config
) -> None:
    rounds = max(1, pytestconfig.getoption("--chaos-rounds") // 17)
    random = Random(pytestconfig.getoption("--chaos-seed"))
    names = [f"task{number}" for number in range(TASKS * rounds)]
    portion = len(names) // (KILLS * rounds)
    for library in (OURS, STOCK):
        fleet.boot(library)
    for blow in range(KILLS * rounds):
        fleet.ready()
        victim = OURS if blow == 0 else victims(random)
        goal, sent = fleet.by(victim) + random.randrange(10, 60), portion * (blow + 1)
        publish(fleet.url, names[sent - portion : sent], random)
        wait_until(
            lambda victim=victim, goal=goal, sent=sent: fleet.by(victim) >= goal or len(fleet.executions()) >= sent - 5,
            30.0,
            what=f"{victim} to be at work",
        )
        sys.stderr.write(f"{len(fleet.executions())} of {sent} done, then a blow to {victim}\n")
        fleet.strike(victim)

    lost = expected_losses(fleet)
    try:
        wait_until(
            lambda: len(fleet.executions()) >= len(names) or (lost and is_empty(fleet.url)),
            40.0,
            what="every task's execution",
        )
    finally:
        done = fleet.executions()
        again = sum(done.values()) - len(done)
        sys.stderr.write(f"{len(names) - len(done)} missing, {again} again, {fleet.by(OURS)} ours, {fleet.killed}\n")
    assert set(done) <= set(names)
    assert len(names) - len(done) <= lost, fleet.log()
    assert again <= fleet.killed[OURS] * HELD + fleet.killed[STOCK] * HELD_BY_STOCK, fleet.log()
    assert min(fleet.by(OURS), fleet.by(STOCK)) > 0


def is_empty(url: str) -> bool:
    """Tell whether nobody has or waits for anything on a Redis."""
    with Redis.from_url(url) as client:
        return not client.llen("celery") and not client.hlen("unacked")


def expected_losses(fleet: MixedFleet) -> int:
    """Return how many messages may be gone by the stock workers' own window."""
    return fleet.killed[STOCK] if fleet.url.startswith("redis") else 0
