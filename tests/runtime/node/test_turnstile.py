"""Rates of tasks across the dispatches of a node, in virtual time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from understudy.actors import Actor, Ref, System, on
from understudy.actors.hosts.simulated import RandomChoice, SimulatedHost
from understudy.runtime.node.messages import Admitted, Depart, Enter
from understudy.runtime.node.turnstile import Turnstile

Log = list[tuple[str, float]]


class Dispatch(Actor):
    """Notes who was let in, and when."""

    def __init__(self, name: str, log: Log) -> None:
        self._name = name
        self._log = log

    @on(Admitted)
    def admitted(self, event: Admitted) -> None:
        self._log += [(f"{self._name}:{event.task}", round(self.clock.now(), 6))] * event.count


class Scene:
    """A turnstile for two tasks, and two dispatches before it."""

    def __init__(self, host: SimulatedHost) -> None:
        self.host = host
        self.log: Log = []
        self.system = System("scene", host, host.clock, host.rng)
        self.start = host.clock.now()
        self.turnstile: Ref[Turnstile] = self.system.spawn(Turnstile, {"mail": 10.0, "sms": 1.0})
        self.one, self.two = (self.system.spawn(Dispatch, name, self.log) for name in ("one", "two"))

    def enter(self, dispatch: Ref[Dispatch], task: str, count: int) -> None:
        self.turnstile.tell(Enter(dispatch, task, count))  # type: ignore[arg-type]

    def run(self, seconds: float) -> Log:
        """Let time pass, and return who was let in meanwhile, and when since the start."""
        before = len(self.log)
        self.host.run(seconds=seconds, max_steps=10_000)
        return [(who, round(when - self.start, 6)) for who, when in self.log[before:]]


@pytest.fixture
def scene() -> Iterator[Scene]:
    host = SimulatedHost(RandomChoice(0))
    with host:
        yield Scene(host)


def test_messages_are_let_in_one_after_the_other(scene: Scene) -> None:
    scene.enter(scene.one, "mail", 5)
    assert scene.run(0.35) == [("one:mail", 0.0), ("one:mail", 0.1), ("one:mail", 0.2), ("one:mail", 0.3)]
    assert scene.run(10.0) == [("one:mail", 0.4)]


def test_two_queues_share_the_rate_of_a_task(scene: Scene) -> None:
    scene.enter(scene.one, "mail", 100)
    scene.enter(scene.two, "mail", 100)
    seen = [who for who, _ in scene.run(2.0)]
    assert 20 <= len(seen) <= 21
    assert abs(seen.count("one:mail") - seen.count("two:mail")) <= 2


def test_each_task_has_a_rate_of_its_own(scene: Scene) -> None:
    scene.enter(scene.one, "sms", 100)
    scene.enter(scene.one, "mail", 100)
    seen = [who for who, _ in scene.run(3.05)]
    assert (seen.count("one:sms"), seen.count("one:mail")) == (4, 31)


def test_who_departs_or_ends_takes_no_more_of_the_rate(scene: Scene) -> None:
    scene.enter(scene.one, "mail", 100)
    scene.enter(scene.two, "mail", 5)
    scene.run(0.15)
    scene.turnstile.tell(Depart(scene.one))  # type: ignore[arg-type]
    assert {who for who, _ in scene.run(1.0)} == {"two:mail"}
    scene.enter(scene.one, "mail", 100)
    scene.run(0.15)
    scene.one.kill()
    scene.enter(scene.two, "mail", 2)
    assert [who for who, _ in scene.run(1.0)] == ["two:mail", "two:mail"]
