"""Seeds and faults: whatever the network does and whichever part crashes, the promises hold."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.actors import ActorDead, MailboxFull, Timeout
from understudy.actors.remote import NodeDown, RemoteError, Undeliverable
from understudy.testing import Crash, Delay, Duplicate, Loss, Partition, Simulation, simulate

from .world import Add, Counter, Fail, Node, Note, Observer, Shop, Watch, World

ENDS = (Timeout, ActorDead, NodeDown, MailboxFull, RemoteError, Undeliverable)
NETWORK_FAULTS = [Loss(0.03), Delay(0.1, longest=0.8), Duplicate(0.05), Partition(0.003, longest=8.0)]
BUGS = [Crash(0.0005, paths="/remoting/[!g]*")]


class Ledger:
    """What was asked and told, and what came of it."""

    def __init__(self, one: Node, other: Node) -> None:
        self.one, self.other = one, other
        self.counter: Any = one.system.resolve(other.name_of("/shop/counter"), Counter)
        self.asked: list[Any] = []
        self.ends: list[int] = []
        self.told = 0

    def ask(self, message: Any) -> None:
        number = len(self.asked)
        completion = self.counter.ask(message, block=False, timeout=5.0)
        completion.add_done_callback(lambda _: self.ends.append(number))
        self.asked.append(completion)

    def tell(self) -> None:
        self.told += 1
        self.other_notes.tell(Note(self.told))

    @property
    def other_notes(self) -> Any:
        return self.one.system.resolve(self.other.name_of("/notes"), Counter)


def body(simulation: Simulation) -> None:
    world = World(simulation)
    one, other = world.pair()
    other.spawn(Shop, name="shop")
    other.spawn(Counter, name="notes")
    one.spawn(Observer, name="observer")
    ledger = Ledger(one, other)
    simulation.suffer(*NETWORK_FAULTS, *BUGS)
    for _ in range(25):
        ledger.tell()
        ledger.ask(Fail() if simulation.choose(8, "fail") == 0 else Add())
        if simulation.choose(4, "watch") == 0:
            one.system.get("/observer").tell(Watch(ledger.counter))
        world.run(simulation.choose(20, "pause") / 10)
    simulation.heal()
    world.run(8.0)
    assert sorted(ledger.ends) == list(range(len(ledger.asked))), "each ask ends, once"
    errors = [each.error() for each in ledger.asked]
    assert [error for error in errors if not (error is None or isinstance(error, ENDS))] == []
    notes = other.actor("/notes").notes
    assert notes == sorted(set(notes)), "in order, at most once"
    progress(world, one, other, ledger)


def progress(world: World, one: Node, other: Node, ledger: Ledger) -> None:
    """Demand that all is well again once nothing goes wrong any more."""
    world.simulation.run(until=lambda: world.acquainted(one, other))
    world.run(3.0)
    assert ledger.counter.ask(Add(), timeout=5.0)
    observer = one.actor("/observer")
    watched = len(one.actor("/remoting/switchboard")._watched)
    assert watched == len(other.actor("/remoting/lookout")._sights), "both sides know the same monitors"
    before = len(observer.downs)
    other.system.get("/shop/counter").kill()
    world.run(3.0)
    assert len(observer.downs) == before + watched, "each monitor that is left is told, once"
    before = len(observer.downs)
    one.system.get("/observer").ask(Watch(ledger.counter))
    world.run(1.0)
    other.kill()
    world.run(12.0)
    assert len(observer.downs) == before + 1, "and a killed node is found out"


@pytest.mark.sim
@pytest.mark.parametrize("block", range(6))
def test_whatever_goes_wrong_asks_end_once_tells_stay_in_order_and_monitors_heal(block: int) -> None:
    for seed in range(block * 10, block * 10 + 10):
        simulate(body, seed, settle=None)


@pytest.mark.parametrize("seed", [70281])
def test_so_it_is_where_an_inbox_is_replaced_while_its_mail_comes_twice(seed: int) -> None:
    simulate(body, seed, settle=None)
