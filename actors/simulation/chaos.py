"""`Chaos`: the faults of one simulation, and the chance by which they strike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from .network import Network, Route

if TYPE_CHECKING:
    from ..cell import Cell
    from ..hosts.simulated import SimulatedHost
    from .faults import Delays, Fault

CHANCES = 1_000_000
"""How finely chances are drawn."""
SPANS = 1_000
"""How finely times are drawn."""


class Chaos:
    """Asks the faults at each occasion; what they draw comes from the simulation's choices.

    A bus, a broker or a port of a simulation asks it too: `fate` for what is on its way, `strikes` for mishaps that it
    gives a name to itself.
    """

    def __init__(self, host: SimulatedHost, faults: Iterable[Fault] = ()) -> None:
        self.host = host
        self.network: Network = Network()
        self._choose = host.choice.choose
        self._struck: Counter[Fault] = Counter()
        self._faults: list[Fault] = []
        self._arrange(list(faults))

    # -- chance ----------------------------------------------------------------------------------------------------

    def choose(self, n: int, label: str) -> int:
        """Draw a number from 0 to n - 1."""
        return self._choose(n, label)

    def happens(self, chance: float, label: str) -> bool:
        """Draw whether something happens that has a chance from 0 to 1."""
        return chance > 0 and self._choose(CHANCES, label) >= CHANCES * (1 - chance)

    def span(self, longest: float, label: str = "span") -> float:
        """Draw a time of up to `longest` seconds."""
        return longest * self._choose(SPANS, label) / SPANS if longest > 0 else 0.0

    def hits(self, fault: Fault, label: str) -> bool:
        """Draw whether `fault` strikes now; never more often than it may."""
        if fault.at_most is None:
            return self.happens(fault.chance, label)
        if self._struck[fault] >= fault.at_most or not self.happens(fault.chance, label):
            return False
        self._struck[fault] += 1
        return True

    # -- faults ----------------------------------------------------------------------------------------------------

    def add(self, *faults: Fault) -> None:
        """Let these strike too, from now on."""
        self._arrange([*self._faults, *faults])

    def heal(self) -> None:
        """End all faults: nothing strikes any more, connections are mended, and those who were held go on."""
        self._arrange([])
        self.network.mend()
        self.host.release()

    def strikes(self, name: str) -> bool:
        """Draw whether the mishap `name` happens here: see `Mishap`."""
        return any(self.hits(fault, name) for fault in self._mishaps.get(name, ()))

    def fate(self, source: str, target: str, message: object = None) -> Delays:
        """Return in how many seconds each copy of a message arrives: none where it is lost, two where it is doubled.

        To be asked by whatever carries messages from `source` to `target` in a way that may fail.
        """
        route = Route(source, target)
        delays: Delays = (0.0,)
        for fault in self._carriers:
            delays = fault.carry(self, route, message, delays)
        return () if self.network.is_cut(source, target) else delays

    def send(self, source: str, target: str, deliver: Callable[[], object], *, ordered: bool = True) -> None:
        """Call `deliver` for each copy that arrives, when it does; `ordered`: none overtakes an earlier one."""
        route = Route(source, target)
        for delay in self.fate(source, target):
            moment = self.host.clock.now() + delay
            if ordered:
                moment = self.network.queue_up(route, moment)
            self.host.call_at(moment, deliver)

    # -- for the host ----------------------------------------------------------------------------------------------

    def before_step(self) -> None:
        """See `Fault.before_step`."""
        for fault in self._steppers:
            fault.before_step(self)

    def before_turn(self, cell: Cell) -> bool:
        """See `Fault.before_turn`."""
        return all(fault.before_turn(self, cell) for fault in self._turners)

    def after_turn(self, cell: Cell) -> None:
        """See `Fault.after_turn`."""
        for fault in self._finishers:
            fault.after_turn(self, cell)

    def _arrange(self, faults: list[Fault]) -> None:
        from .faults import Fault, Mishap

        for fault in faults:
            if not isinstance(fault, Fault):  # pyright: ignore[reportUnnecessaryIsInstance] - users may be wrong
                raise TypeError(f"a fault is an instance of a Fault, such as Crash(0.1), not {fault!r}")

        def overriding(hook: str) -> list[Any]:
            return [fault for fault in faults if getattr(type(fault), hook) is not getattr(Fault, hook)]

        self._faults = faults
        self._steppers: list[Fault] = overriding("before_step")
        self._turners: list[Fault] = overriding("before_turn")
        self._finishers: list[Fault] = overriding("after_turn")
        self._carriers: list[Fault] = overriding("carry")
        self._mishaps: dict[str, list[Fault]] = {}
        for fault in faults:
            if isinstance(fault, Mishap):
                self._mishaps.setdefault(fault.name, []).append(fault)
