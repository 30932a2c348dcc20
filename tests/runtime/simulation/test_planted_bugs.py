"""Bugs that are planted by putting a broken part in the place of a good one: the simulator finds each of them.

A seed that finds one finds it again, step by step, and finds nothing where the good part is back.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import msgspec
import pytest

from understudy.actors import Actor, ChildSpec, Completion, Message, Supervisor, on
from understudy.actors.hosts.simulated import SimulatedHost
from understudy.actors.simulation.watching import WatchedTimer
from understudy.actors.timers import Timer
from understudy.runtime.node.intake import IntakeActor
from understudy.runtime.node.node import Node
from understudy.runtime.simulation import LedgerBroker
from understudy.testing import (
    Crash,
    InvariantBroken,
    NoProgress,
    ReplayChoice,
    Simulation,
    SimulationFailed,
    explore,
    simulate,
)
from understudy.transports.embedded.core.chords import ChordBoard
from understudy.transports.embedded.front import EmbeddedIntake, EmbeddedTransport
from understudy.transports.message import ChordPart, Outcome, Publication, Verdict
from understudy.transports.settlement import bind

from .scenario import FAULTS, play, play_kinds

Play = Callable[[Simulation], Any]


def find(broken: Play, good: Play, seeds: int, **options: Any) -> SimulationFailed:
    """Find the first seed that fails, see it fail again in the same way, and pass without the bug."""
    with pytest.raises(SimulationFailed) as found:
        explore(broken, seeds, **options)
    failure = found.value
    seed = failure.run.seed
    assert seed is not None
    for again in (partial(simulate, seed=seed), partial(simulate, choice=ReplayChoice(failure.run.record))):
        with pytest.raises(SimulationFailed) as repeated:
            again(broken, **options)
        assert type(repeated.value.__cause__) is type(failure.__cause__)
        assert (repeated.value.invariant, repeated.value.run.trace) == (failure.invariant, failure.run.trace)
    options.pop("host", None)
    simulate(good, seed, **options)
    return failure


def altered(supervisor: type[Any], *path: Hashable, by: type[Actor]) -> type[Any]:
    """Return a class like `supervisor` with another part at `path` below it."""
    first, *rest = path

    class Altered(supervisor):  # type: ignore[misc]
        def children(self) -> Sequence[ChildSpec]:
            return [self.alter(spec) if spec.id == first else spec for spec in super().children()]

        def alter(self, spec: ChildSpec) -> ChildSpec:
            return replace(spec, actor=altered(spec.actor, *rest, by=by) if rest else by)

    return Altered


class HastyIntake(EmbeddedIntake):
    """Acknowledges first, and stores the results after."""

    def settle(self, outcomes: Sequence[Outcome]) -> Completion[list[bool]]:
        results = [msgspec.structs.replace(outcome, tag=0, verdict=Verdict.ACK) for outcome in outcomes]
        acknowledged = [Outcome(outcome.tag, outcome.verdict, reason=outcome.reason) for outcome in outcomes]
        store = super().settle
        return bind(store(acknowledged), lambda held: store(results).then(lambda _: held))


class HastyTransport(EmbeddedTransport):
    def intake(self, queues: Sequence[str], owner: str) -> EmbeddedIntake:
        return HastyIntake(self._channel, queues, owner)


def test_an_acknowledgement_before_the_result_is_found() -> None:
    failure = find(partial(play, transport=HastyTransport), play, 20, faults=FAULTS)
    assert isinstance(failure.__cause__, InvariantBroken)
    assert failure.invariant == "acknowledged only when stored"
    assert "was acknowledged, and its result is not stored" in str(failure)


class UnfencedBroker(LedgerBroker):
    """Takes an outcome from whoever once held the message, whether or not the lease is still theirs."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.handed_out: dict[int, Any] = {}

    def _claim(self, *args: Any) -> Any:
        claimed = super()._claim(*args)
        self.handed_out[claimed.tag] = args[-1]
        return claimed

    def _settle(self, owner: Any, outcome: Outcome) -> bool:
        if super()._settle(owner, outcome):
            return True
        message = self.handed_out.get(outcome.tag)
        if message is None:
            return False
        if outcome.result is not None:
            self.results.store((outcome.result,), self.now)
        self._dispose(message, outcome)
        return True


def test_a_lease_that_is_not_fenced_is_found() -> None:
    failure = find(partial(play, broker=UnfencedBroker), play, 200, faults=FAULTS)
    assert isinstance(failure.__cause__, InvariantBroken)
    assert failure.invariant == "finished once"


class HastyBroker(LedgerBroker):
    """Forgets when a task is due."""

    def publish(self, publications: Sequence[Publication]) -> None:
        super().publish([msgspec.structs.replace(each, eta=None) for each in publications])


def test_a_task_that_is_handed_out_before_its_time_is_found() -> None:
    failure = find(partial(play_kinds, broker=HastyBroker), play_kinds, 20)
    assert failure.invariant == "not before its time"
    assert "eta" in str(failure)


class BlindBoard(ChordBoard):
    """Takes the first part of a chord for all of them."""

    def add(self, part: ChordPart, now: float) -> None:
        super().add(msgspec.structs.replace(part, size=1), now)


class BlindBroker(LedgerBroker):
    def __init__(self, ledger: Any, storage: Any, policy: Any) -> None:
        super().__init__(ledger, storage, policy)
        self.chords = BlindBoard(storage, self._trigger, policy.chord_retention)


def test_a_body_that_comes_before_its_chord_has_ended_is_found() -> None:
    failure = find(partial(play_kinds, broker=BlindBroker), play_kinds, 20)
    assert failure.invariant == "not before its time"
    assert "was handed out before part" in str(failure)


class ForgetfulIntake(IntakeActor):
    """Sets no timer any more once its group has been restarted."""

    def after(self, delay: float, message: Any) -> Timer:
        first = self._claim.owner.endswith(".1")
        return super().after(delay, message) if first else Timer(self._cell, message, None)


def test_a_restart_that_forgets_its_timers_is_found() -> None:
    forgetful = altered(Node, "queues", "celery", "intake", by=ForgetfulIntake)
    failure = find(partial(play, node=forgetful), play, 400, faults=FAULTS)
    assert isinstance(failure.__cause__, NoProgress)
    assert "unfinished tasks: " in str(failure)


# -- the kernel's own restart ------------------------------------------------------------------------------------------


class UndyingTimer(WatchedTimer):
    """Is due as long as its actor lives, also in a later life than that in which it was set."""

    @property
    def due(self) -> bool:
        return self.active and self.cell.alive


class ForgetfulHost(SimulatedHost):
    timer_class: ClassVar[type[Timer]] = UndyingTimer


@dataclass(frozen=True, slots=True)
class Tick(Message["Clockwork", None]):
    """Tick."""


class Clockwork(Actor):
    def on_start(self) -> None:
        self.every(0.3, Tick())

    @on(Tick)
    def tick(self, _: Tick) -> None:
        """Do nothing but tick."""


class Workshop(Supervisor):
    intensity = 100

    def children(self) -> Sequence[ChildSpec]:
        return [ChildSpec("clockwork", Clockwork, in_place=True)]


def test_a_restart_in_place_that_forgets_to_cancel_its_timers_is_found() -> None:
    def work(simulation: Simulation) -> None:
        simulation.spawn(Workshop, name="workshop")
        simulation.run(seconds=5.0)

    failure = find(work, work, 50, faults=[Crash(0.1, at_most=2)], host=ForgetfulHost)
    assert failure.invariant == "timers of the dead"
    assert "whose life in which it was set is over" in str(failure)
