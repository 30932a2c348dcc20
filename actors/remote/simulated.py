"""`SimulatedBus`: the broker of a simulation, and the way there and back, on which things go wrong by chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ..completion import Completion
from .bus import Parcel, Receipt
from .errors import Undeliverable
from .mailroom import Mailroom
from .options import RemotingOptions
from .remoting import Remoting

if TYPE_CHECKING:
    from ..actor import Actor
    from ..hosts.simulated import SimulatedHost
    from ..simulation.chaos import Chaos
    from ..simulation.network import Cut
    from ..simulation.simulation import Simulation
    from ..system import System

BROKER = "broker"
"""What the broker is called as a place of the network: a node is cut off by `network.cut(node, BROKER)`."""
PATIENCE = 10.0
"""Seconds after which a post that was not confirmed fails."""
RESEND = 1.0
"""Seconds after which a collection is asked for again: its request, or its answer, may be lost."""


class SimulatedBus:
    """The broker: one for all nodes of a simulation, each of which is a system that has joined it."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation
        self.chaos: Chaos = simulation.chaos
        self.host: SimulatedHost = self.chaos.host
        self._ports: dict[System, SimulatedPort] = {}
        self.mailroom: Mailroom[Token] = Mailroom(self.host.clock.now())

    def join(self, system: System, node: str, *, actors: Sequence[type[Actor]] = (), **options: Any) -> Remoting:
        """Begin to make `system` a node, at a place of the network that has the node's name.

        Returns at once; `remoting.joined` is done when the node hears itself. options: see `RemotingOptions`.
        """
        port = self._ports[system] = SimulatedPort(self, node)
        remoting = Remoting(system, port, node, "sim", actors=actors, options=RemotingOptions(**options))
        spec = remoting.spec()
        system.start(spec.actor, *spec.args, name=spec.name)
        return remoting

    def cut_off(self, node: str) -> Cut:
        """Let nothing through between a node and the broker, until `chaos.network.mend`."""
        return self.chaos.network.cut(node, BROKER)

    def vanish(self, system: System) -> None:
        """End a node as kill -9 does."""
        system.vanish()
        self._ports[system].die()

    def restart(self) -> None:
        """Die, and be replaced by one that knows nothing."""
        self.mailroom = Mailroom(self.host.clock.now())

    def hand_out(self) -> None:
        """Answer those for whom there is something."""
        now = self.host.clock.now()
        self.mailroom.expire(now)
        for (_, answer), mail in self.mailroom.answers(now):
            answer(mail)


class SimulatedPort:
    """See `Bus`."""

    def __init__(self, bus: SimulatedBus, place: str) -> None:
        self._bus = bus
        self._place = place
        self._collecting: dict[str, Completion[list[bytes]]] = {}
        self._dead = False

    def die(self) -> None:
        """Hear and send nothing any more: the process has vanished, and the broker sees the end of its connection."""
        self._dead = True
        self._bus.mailroom.abandon(lambda token: token[0] is self, self._now())

    def post(self, parcels: Sequence[Parcel]) -> Completion[list[Receipt]]:
        """See `Bus`."""
        done: Completion[list[Receipt]] = Completion()

        def arrive() -> None:
            receipts = self._bus.mailroom.post(parcels, self._now())
            self._back(lambda: done.resolve(receipts))
            self._bus.hand_out()

        self._send(arrive)
        self._later(PATIENCE, lambda: done.fail(Undeliverable("simulated: the broker did not answer in time")))
        return done

    def collect(self, mailbox: str, topics: Sequence[str], ttl: float) -> Completion[list[bytes]]:
        """See `Bus`."""
        done: Completion[list[bytes]] = Completion()
        former = self._collecting.get(mailbox)
        self._collecting[mailbox] = done
        if former is not None:
            former.resolve([])

        def answer(mail: list[bytes]) -> None:
            if mail:  # else it was asked for once more, or dropped, which is known here
                self._back(lambda: done.resolve(mail))

        def arrive() -> None:
            if self._collecting.get(mailbox) is done and not done.done():
                self._bus.mailroom.collect(mailbox, topics, ttl, (self, answer), self._now())
                self._bus.hand_out()

        def ask() -> None:
            if self._collecting.get(mailbox) is done and not done.done():
                self._send(arrive)
                self._later(RESEND, ask)

        ask()
        return done

    def drop(self, mailbox: str) -> Completion[None]:
        """See `Bus`."""
        done: Completion[None] = Completion()
        former = self._collecting.pop(mailbox, None)
        if former is not None:
            former.resolve([])

        def arrive() -> None:
            self._bus.mailroom.drop(mailbox)
            self._back(lambda: done.resolve(None))

        self._send(arrive)
        return done

    def _now(self) -> float:
        return self._bus.host.clock.now()

    def _send(self, arrive: Callable[[], Any]) -> None:
        self._bus.chaos.send(self._place, BROKER, arrive)

    def _back(self, deliver: Callable[[], Any]) -> None:
        self._bus.chaos.send(BROKER, self._place, lambda: None if self._dead else deliver())

    def _later(self, seconds: float, action: Callable[[], Any]) -> None:
        self._bus.host.call_later(seconds, lambda: None if self._dead else action())


Token = tuple[SimulatedPort, Callable[[list[bytes]], None]]
"""Who collects, and how it is answered."""
