"""Each invariant of the kernel finds the bug that it is there for, in a part that was replaced by a broken one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import pytest

from understudy.actors import Actor, ChildEnd, ChildSpec, Decision, Down, Message, Ref, Replace, Supervisor, on
from understudy.actors.cell import Cell
from understudy.actors.hosts.simulated import SimulatedHost
from understudy.actors.messages import StopSignal
from understudy.actors.simulation.watching import WatchedCell, WatchedSystem, WatchedTimer
from understudy.actors.timers import Timer
from understudy.testing import (
    Crash,
    Invariant,
    Killing,
    Simulation,
    SimulationFailed,
    explore,
    simulate,
)

from .troupe import Sell, Shop, Till, open_shop, till_of

FAULTS = [Crash(0.05, at_most=5), Killing(0.02, at_most=3)]


class Watcher(Actor):
    """Watches whoever is at the till."""

    @on(Sell)
    def look(self, _: Sell) -> int:
        till = self.system.find("/shop/till")
        if till is not None:
            self.monitor(till)
        return 0

    @on(Down)
    def down(self, _: Down) -> None:
        self.ref.tell(Sell())


def watched_shop(simulation: Simulation) -> None:
    """Sell things, while somebody watches and the shop itself is replaced once."""
    simulation.spawn(Street, name="street")
    watcher = simulation.spawn(Watcher, name="watcher")
    watcher.tell(Sell())
    open_shop(simulation)


class Street(Supervisor):
    """Has a shop of its own, with a till in it."""

    intensity = 100

    def children(self) -> list[ChildSpec]:
        return [ChildSpec("shop", Mall)]


class Mall(Actor):
    """Is no supervisor, and has a child all the same."""

    def on_start(self) -> None:
        self.spawn(Till, name="till")


def broken(name: str, seeds: int = 50, host: type[SimulatedHost] = SimulatedHost) -> SimulationFailed:
    """Find a seed that breaks the invariant `name`, and see to it that it does so again."""
    with pytest.raises(SimulationFailed) as failed:
        explore(watched_shop, seeds, faults=FAULTS, host=host)
    failure = failed.value
    assert failure.invariant == name, failure
    assert failure.run.seed is not None
    with pytest.raises(SimulationFailed) as again:
        simulate(watched_shop, failure.run.seed, faults=FAULTS, host=host)
    assert (again.value.invariant, again.value.run.trace) == (name, failure.run.trace)
    return failure


def plant(monkeypatch: pytest.MonkeyPatch, cell_class: type[WatchedCell]) -> None:
    monkeypatch.setattr(WatchedSystem, "cell_class", cell_class)


def test_without_a_bug_nothing_is_broken() -> None:
    exploration = explore(watched_shop, 100, faults=FAULTS)
    assert exploration.runs == 100
    assert exploration.traces > 90


def test_a_lost_message_breaks_conservation(monkeypatch: pytest.MonkeyPatch) -> None:
    class Leaky(WatchedCell):
        def tell(self, item: Any) -> None:
            super().tell(item)
            if len(self.mailbox) > 1:
                self.mailbox.user.pop()

    plant(monkeypatch, Leaky)

    def crowd(simulation: Simulation) -> None:
        till = simulation.spawn(Till)
        for _ in range(3):
            till.tell(Sell())

    with pytest.raises(SimulationFailed, match=r"conservation: .* was sent 3 messages, of which 1 were handled"):
        simulate(crowd)


def test_a_signal_that_waits_behind_messages_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Deaf(WatchedCell):
        def turn(self, budget: int = 1) -> None:
            if self.mailbox.user and self.actor is not None and self.mailbox.signals:
                self._handle(self.mailbox.user.popleft())
            super().turn(budget)

    plant(monkeypatch, Deaf)
    broken("signals overtake messages")


def test_two_lives_at_one_path_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Careless(WatchedSystem):
        def spawn_child(
            self, parent: Cell, actor_class: Any, arguments: Any, name: Any, in_place: bool = False
        ) -> Cell:
            self._by_path.pop(f"{parent.path}/{name}", None)
            return super().spawn_child(parent, actor_class, arguments, name, in_place)

    monkeypatch.setattr("understudy.actors.simulation.simulation.WatchedSystem", Careless)

    def twins(simulation: Simulation) -> None:
        simulation.spawn(Till, name="till")
        simulation.spawn(Till, name="till")

    with pytest.raises(SimulationFailed, match=r"one incarnation at a path: /till#\d+ and /till#\d+ live at the same"):
        simulate(twins)


def test_a_supervisor_that_never_gives_up_is_found() -> None:
    class Stubborn(Shop):
        intensity = 2

        def _replace(self, *args: Any) -> Any:
            self._history: tuple[float, ...] = ()
            return super()._replace(*args)  # type: ignore[misc]

    def body(simulation: Simulation) -> None:
        simulation.spawn(Stubborn, [ChildSpec("till", Till)], name="shop")
        for _ in range(5):
            till_of(simulation).kill()
            simulation.run(seconds=0.1)

    with pytest.raises(SimulationFailed) as failed:
        simulate(body)
    assert failed.value.invariant == "restart intensity"
    assert "has restarted 'till' 3 times in 5 s, where its intensity is 2" in str(failed.value)


def test_a_supervisor_that_restarts_once_too_often_is_found() -> None:
    class Lenient(Shop):
        intensity = 2

        def _replace(self, *args: Any) -> Any:
            if len(self._history) == self.intensity:
                self._history = self._history[1:]
            return super()._replace(*args)  # type: ignore[misc]

    class Exact(Shop):
        intensity = 2

    def body(simulation: Simulation, shop: type[Shop]) -> None:
        simulation.spawn(shop, [ChildSpec("till", Till)], name="shop")
        for _ in range(3):
            till_of(simulation).kill()
            simulation.run(seconds=0.1)
            if simulation.find("/shop") is None:
                return

    simulate(partial(body, shop=Exact))
    with pytest.raises(SimulationFailed, match="has restarted 'till' 3 times in 5 s, where its intensity is 2"):
        simulate(partial(body, shop=Lenient))


def test_a_child_that_is_not_told_of_its_parents_end_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Abandoned(WatchedCell):
        def signal(self, signal: Any) -> None:
            if not (isinstance(signal, StopSignal) and self.parent is not None and not self.parent.alive):
                super().signal(signal)

    plant(monkeypatch, Abandoned)
    broken("no orphans")


def test_a_child_that_does_not_heed_its_parents_end_is_found() -> None:
    class Heedless(Till):
        def on_stop(self) -> Any:
            from understudy.actors import Deferred

            return Deferred.LATER

    class Home(Actor):
        def on_start(self) -> None:
            self.spawn(Heedless, name="child")

    def body(simulation: Simulation) -> None:
        simulation.spawn(Home, name="home").kill()

    with pytest.raises(SimulationFailed, match=r"NoProgress: .*/home/child#\d+ of 'simulation' is stopping"):
        simulate(body)


def test_a_timer_that_outlives_its_actor_is_found() -> None:
    class UndeadTimer(WatchedTimer):
        @property
        def due(self) -> bool:
            return self.active

    class Host(SimulatedHost):
        timer_class: ClassVar[type[Timer]] = UndeadTimer

    assert "a timer fires Ring() into /shop/" in str(broken("timers of the dead", host=Host))


def test_an_end_that_is_told_twice_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gossip(WatchedCell):
        def tell_past_bound(self, item: Any) -> None:
            super().tell_past_bound(item)
            if isinstance(item, Down):
                super().tell_past_bound(item)

    plant(monkeypatch, Gossip)
    broken("an end is told once")


def test_a_name_that_is_kept_too_long_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    released: list[Cell] = []

    def release_later(system: WatchedSystem, cell: Cell) -> None:
        released.append(cell)

    release, forget = WatchedSystem.release, WatchedSystem.forget

    def forget_and_release(system: WatchedSystem, cell: Cell) -> None:
        release(system, cell)
        forget(system, cell)

    monkeypatch.setattr(WatchedSystem, "release", release_later)
    monkeypatch.setattr(WatchedSystem, "forget", forget_and_release)
    broken("the name is free before the end is told")


def test_an_end_that_nobody_is_told_of_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Discreet(WatchedCell):
        def tell_past_bound(self, item: Any) -> None:
            if not isinstance(item, Down):
                super().tell_past_bound(item)

    plant(monkeypatch, Discreet)
    broken("every end is told")


# -- what users demand -------------------------------------------------------------------------------------------------


def test_a_condition_of_ones_own_holds_after_every_step() -> None:
    def body(simulation: Simulation) -> None:
        sold: list[int] = []
        simulation.always("no more than five are sold", lambda: len(sold) <= 5)
        till = simulation.spawn(Till, sold)
        for _ in range(10):
            till.tell(Sell())
        simulation.run()

    with pytest.raises(SimulationFailed) as failed:
        simulate(body)
    assert failed.value.invariant == "no more than five are sold"
    assert "it does not hold" in str(failed.value)


def test_a_condition_may_raise() -> None:
    def check() -> bool:
        raise LookupError("nothing there")

    def body(simulation: Simulation) -> None:
        simulation.always("there is something", check)
        simulation.spawn(Till)

    with pytest.raises(SimulationFailed, match="there is something: LookupError: nothing there"):
        simulate(body)


def test_an_invariant_of_ones_own_sees_messages_and_ends() -> None:
    class FewSales(Invariant):
        name = "few sales"

        def __init__(self) -> None:
            self.sales = 0

        def handles(self, cell: WatchedCell, item: Any) -> str | None:
            self.sales += isinstance(item, Sell)
            return f"{cell.ref} has sold {self.sales}" if self.sales > 3 else None

    def body(simulation: Simulation) -> None:
        simulation.watch(FewSales())
        open_shop(simulation)

    with pytest.raises(SimulationFailed, match=r"few sales: /shop/till#\d+ has sold 4"):
        simulate(body)


def test_what_an_actor_swallows_is_raised_all_the_same() -> None:
    @dataclass(frozen=True, slots=True)
    class AskOthers(Message[Any, None]):
        till: Ref[Any]

    class Patient(Actor):
        @on(AskOthers)
        def ask_others(self, message: AskOthers) -> None:
            try:
                message.till.ask(Sell())
            except Exception:  # noqa: BLE001 - that is the point
                return

    def body(simulation: Simulation) -> None:
        sold: list[int] = []
        till = simulation.spawn(Till, sold)
        simulation.always("nothing is sold", lambda: not sold)
        simulation.spawn(Patient).tell(AskOthers(till))
        simulation.run()

    with pytest.raises(SimulationFailed) as failed:
        simulate(body)
    assert failed.value.invariant == "nothing is sold"


@pytest.mark.parametrize("poison", ["drop", "dead_letter", "retry"])
def test_what_an_actor_that_is_restarted_in_place_had_in_hand_is_accounted_for(poison: str) -> None:
    class Cautious(Shop):
        def decide(self, end: ChildEnd) -> Decision:
            return Replace((end.spec.id,), poison=poison)

    class Moody(Till):
        @on(Sell)
        def sell(self, _: Sell) -> int:
            if self.rng.random() < 0.3:
                raise ValueError("not now")
            return super().sell(Sell())

    def body(simulation: Simulation) -> None:
        simulation.spawn(Cautious, [ChildSpec("till", Moody, in_place=True)], name="shop")
        for _ in range(20):
            till_of(simulation).tell(Sell())
            simulation.run(seconds=0.01)

    assert explore(body, 30, faults=[Crash(0.1)]).runs == 30
