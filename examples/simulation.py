"""The kernel alone, simulated: a race that one seed in a few finds, and finds again each time."""

from dataclasses import dataclass
from functools import partial

from understudy.actors import Actor, Message, Ref, on
from understudy.testing import Simulation, SimulationFailed, explore, simulate

TICKETS, BUYERS = 3, 5


@dataclass(frozen=True, slots=True)
class Look(Message["Office", int]):
    """Ask how many tickets are left."""


@dataclass(frozen=True, slots=True)
class Take(Message["Office", None]):
    """Take one, whether or not there is one."""


@dataclass(frozen=True, slots=True)
class Buy(Message["Office", bool]):
    """Take one if there is one; answered with whether there was."""


@dataclass(frozen=True, slots=True)
class Left(Message["Hasty", None]):
    """So many are left, or were a moment ago."""

    tickets: int


class Office(Actor):
    """Sells tickets."""

    def __init__(self, sold: list[int]) -> None:
        self.sold = sold

    @on(Look)
    def look(self, _: Look) -> int:
        return TICKETS - len(self.sold)

    @on(Take)
    def take(self, _: Take) -> None:
        self.sold.append(len(self.sold))

    @on(Buy)
    def buy(self, _: Buy) -> bool:
        if len(self.sold) < TICKETS:
            self.sold.append(len(self.sold))
            return True
        return False


class Hasty(Actor):
    """Looks first and takes after: others may be faster in between."""

    def __init__(self, office: Ref[Office]) -> None:
        self.office = office

    def on_start(self) -> None:
        self.office.ask(Look(), block=False).pipe_to(self.ref, Left, lambda _: Left(0))

    @on(Left)
    def left(self, message: Left) -> None:
        if message.tickets:
            self.office.tell(Take())


class Wise(Actor):
    """Leaves it to the office to look and take in one turn."""

    def __init__(self, office: Ref[Office]) -> None:
        self.office = office

    def on_start(self) -> None:
        self.office.ask(Buy(), block=False)


def sale(simulation: Simulation, buyer: type[Actor]) -> None:
    """Let everybody buy at the same time."""
    sold: list[int] = []
    simulation.always("no more tickets are sold than there are", lambda: len(sold) <= TICKETS)
    office = simulation.spawn(Office, sold)
    for _ in range(BUYERS):
        simulation.system.start(buyer, office)


def main() -> None:
    """Find the race, see it again, and see that the fix holds."""
    try:
        explore(partial(sale, buyer=Hasty), 100)
    except SimulationFailed as failure:
        print(f"broken: {failure.invariant}")
        found = failure.run
    try:
        simulate(partial(sale, buyer=Hasty), found.seed or 0)
    except SimulationFailed as failure:
        print(f"and again, step by step: {failure.run.trace == found.trace}")
    runs = explore(partial(sale, buyer=Wise), 100).runs
    print(f"decided in one turn: {runs} seeds found nothing")


if __name__ == "__main__":
    main()
