"""The two storages do the same, whatever is done to them; and no message is lost or held twice."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.transports.conformance.messages import publication, task_id
from understudy.transports.embedded.core.memory import MemoryStorage
from understudy.transports.embedded.core.records import Claimed
from understudy.transports.embedded.core.storage import Storage
from understudy.transports.embedded.sqlite.file import Durability
from understudy.transports.embedded.sqlite.storage import SqliteStorage
from understudy.transports.errors import LeaseLost
from understudy.transports.message import ChordPart, Outcome, Result, Verdict

from .bench import POLICY, START, Bench

NODES = ("a", "b")
STEPS = 250


def some_action(rng: Random) -> tuple[Any, ...]:
    """Return the name of a method of `World`, and its arguments."""
    node, queue = rng.choice(NODES), rng.choice("qqqr")
    often = [
        ("publish", queue, rng.randint(1, 6), rng.randint(0, 9), rng.choice([None, None, 3.0])),
        ("fetch", node, rng.randint(1, 5)),
        ("settle", node, rng.choice(list(Verdict)), rng.choice([0.0, 0.0, 2.0]), rng.random() < 0.2),
        ("settle", node, Verdict.ACK, 0.0, rng.random() < 0.2),
    ]
    seldom = [
        ("pass_time", rng.choice([0.5, 2.0, 4.0])),
        ("kill", node),
        ("take_over", frozenset(one for one in NODES if rng.random() < 0.7)),
        ("retry",),
        ("purge", queue),
    ]
    return rng.choice(often) if rng.random() < 0.85 else rng.choice(seldom)


class World:
    """Nodes that use a broker in every way, and what they see of it."""

    def __init__(self, storage: Storage) -> None:
        self.bench = Bench(storage)
        self.published = 0
        self.acknowledged: list[str] = []
        self.purged = 0
        self.seen: list[object] = []
        self.held: dict[str, list[Claimed]] = {}
        self.epochs = dict.fromkeys(NODES, 0)

    def run(self, action: tuple[Any, ...]) -> None:
        name, *arguments = action
        getattr(self, name)(*arguments)

    def publish(self, queue: str, count: int, priority: int, delay: float | None) -> None:
        names = [str(self.published + number) for number in range(count)]
        self.published += count
        eta = None if delay is None else START + self.bench.clock + delay
        self.bench.publish(*names, queue=queue, priority=priority, eta=eta)

    def fetch(self, node: str, credit: int) -> None:
        owner = self.owner(node)
        try:
            if owner not in self.held:
                self.bench.open(owner, "q", "r")
                self.held[owner] = []
            deliveries = self.bench.fetch(owner, credit)
        except LeaseLost:
            self.restart(node)
            return
        self.bench.broker.detach(node)
        self.held[owner] += deliveries
        self.seen.append([(task_id(one), one.queue, one.losses, one.redelivered) for one in deliveries])

    def settle(self, node: str, verdict: Verdict, delay: float, with_part: bool) -> None:
        owner = self.owner(node)
        if not self.held.get(owner):
            return
        delivery = self.held[owner].pop(0)
        one = task_id(delivery)
        index = int(one) if one.isdecimal() else -1
        part = ChordPart("chord", index, one, "SUCCESS", b"1", publication("body", "q"), 5) if with_part else None
        outcome = Outcome(delivery.tag, verdict, Result(one, "SUCCESS", b"1", ttl=5.0), (), part, "why", delay)
        answers = self.bench.settle(owner, outcome)
        self.seen.append(answers)
        if answers == [True] and verdict is Verdict.ACK:
            self.acknowledged.append(one)

    def pass_time(self, seconds: float) -> None:
        self.bench.round(after=seconds)
        self.seen.append([self.bench.size(queue) for queue in ("q", "r")])

    def kill(self, node: str) -> None:
        self.bench.round(lambda broker: broker.bury_node(node))
        self.restart(node)

    def take_over(self, alive: frozenset[str]) -> None:
        registered = [node.boot for node in self.bench.storage.book.nodes()]
        self.bench = self.bench.takeover(*alive)
        for node in NODES:
            if node not in alive or node not in registered or not self.resume(node):
                self.restart(node)
            self.bench.round(lambda broker, node=node: broker.resumed(node))

    def resume(self, node: str) -> bool:
        owner = self.owner(node)
        claims = [(one.tag, one.place) for one in self.held.get(owner, ())]
        answers: list[bool] = []
        self.bench.round(lambda broker: answers.append(broker.resume(owner, ["q", "r"], claims)))
        return answers[0]

    def purge(self, queue: str) -> None:
        purged = self.bench.finish(lambda broker: broker.queues.purge(queue))
        self.purged += purged
        self.seen.append(purged)

    def retry(self) -> None:
        self.seen.append(self.bench.finish(lambda broker: broker.dead.retry(None, None, broker.now)))

    def owner(self, node: str) -> str:
        return f"{node}.{self.epochs[node]}"

    def restart(self, node: str) -> None:
        self.held.pop(self.owner(node), None)
        self.epochs[node] += 1

    def accounts_for_everything(self) -> bool:
        """End all nodes, and tell whether each message is where it belongs, once."""
        for node in NODES:
            self.kill(node)
        self.pass_time(20.0)
        broker = self.bench.broker
        left = broker.queues.size("q") + broker.queues.size("r") + len(broker.dead.list(None, 1000))
        fired = len(broker.chords.parts("chord")) >= 5
        assert len(set(self.acknowledged)) == len(self.acknowledged), "acknowledged twice"
        return len(self.acknowledged) + self.purged + left == self.published + fired

    def look(self) -> object:
        """Return all that can be seen from outside."""
        broker, storage = self.bench.broker, self.bench.storage
        known = [str(number) for number in range(self.published)]
        return (
            [broker.queues.size(queue) for queue in ("q", "r")],
            storage.results.get(known, START + self.bench.clock),
            broker.chords.parts("chord"),
            [(dead.id, dead.queue, dead.reason, dead.losses) for dead in broker.dead.list(None, 1000)],
            broker.queues.next_due,
        )


@pytest.mark.parametrize("seed", range(20))
def test_both_storages_show_the_same(tmp_path: Path, seed: int) -> None:
    rng = Random(seed)
    file = SqliteStorage(tmp_path / "broker.db", Durability.NONE, POLICY)
    worlds = [World(MemoryStorage()), World(file)]

    for step in (some_action(rng) for _ in range(STEPS)):
        for world in worlds:
            world.run(step)
        assert worlds[0].seen == worlds[1].seen

    assert worlds[0].look() == worlds[1].look()
    assert all(world.accounts_for_everything() for world in worlds)
    file.close()
