"""`World`: some nodes and a broker in one simulation, and a ledger of what was run and settled."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...actors.simulation.errors import NoProgress
from ...actors.simulation.simulation import WITHIN
from ...transports.embedded.core.memory import MemoryStorage
from ...transports.embedded.core.policy import Policy
from ...transports.embedded.front import EmbeddedTransport
from ...transports.message import Publication
from ..node.node import Node
from .broker import Die, LedgerBroker, SimulatedBroker
from .channel import SimulatedChannel
from .faults import Pace
from .invariants import world_invariants
from .ledger import Ledger
from .names import body_of, head_of, parts_of
from .node import SLOTS, SimulatedNode

if TYPE_CHECKING:
    from ...actors import Completion, Ref
    from ...actors.hosts.simulated import SimulatedHost
    from ...actors.simulation.chaos import Chaos
    from ...actors.simulation.simulation import Simulation

LEASE = 5.0
PARTS = ("/committer", "/nursery", "/roster", "/slots/0", "/slots/1", "/intake", "/dispatch", "/watchman")


class World:
    """A broker, and nodes that come and go; all that happens follows from the simulation's choices.

    node, broker, transport: what runs; put a subclass of your own in its place to see how it fares. foreign_store:
    results are stored beside the broker, and not in one commit with the settlement.

    Tasks are known by name alone: they succeed, unless the name begins with "poison", "endless" or "slow"; those whose
    name begins with "early" are acknowledged before they run.
    """

    def __init__(
        self,
        simulation: Simulation,
        *,
        node: type[Node] = Node,
        broker: type[LedgerBroker] = LedgerBroker,
        transport: type[EmbeddedTransport] = EmbeddedTransport,
        foreign_store: bool = False,
        pace: Pace | None = None,
        lease: float = LEASE,
    ) -> None:
        self.simulation = simulation
        self.host: SimulatedHost = simulation.host
        self.chaos: Chaos = simulation.chaos
        self.pace: Pace = pace or Pace()
        self.storage: MemoryStorage = MemoryStorage()
        self.ledger: Ledger = Ledger()
        self.nodes: list[SimulatedNode] = []
        self.lease = lease
        self.transport: type[EmbeddedTransport] = transport
        self.foreign_store = foreign_store
        self._node = node
        self._booted = 0
        self.broker: Ref[SimulatedBroker] = simulation.add_system("broker").spawn(
            SimulatedBroker, self, broker, Policy(lease=lease), name="broker"
        )
        self._client = EmbeddedTransport("simulated://", SimulatedChannel(self, self.broker, "client", patient=True))
        for invariant in world_invariants(self):
            simulation.watch(invariant)

    # -- chance ----------------------------------------------------------------------------------------------------

    def strikes(self, mishap: str) -> bool:
        """Draw whether a mishap strikes; see `Chaos.strikes`."""
        return self.chaos.strikes(mishap)

    def span(self, longest: float) -> float:
        """Draw a time of up to `longest` seconds."""
        return self.chaos.span(longest)

    # -- what people do --------------------------------------------------------------------------------------------

    def publish(self, *names: str, delay: float | None = None, priority: int = 0) -> None:
        """Publish tasks of these names; delay: seconds until their ETA. priority: 9 comes first."""
        eta = None if delay is None else self.host.clock.time() + delay
        self.ledger.note_published(names, eta)
        self._client.publisher().publish(
            [Publication(name, "celery", head_of(name), b"", priority=priority, eta=eta) for name in names]
        )

    def publish_chord(self, chord: str, size: int) -> None:
        """Publish so many tasks, and have another follow when all of them have succeeded."""
        parts = parts_of(chord, size)
        self.ledger.note_chord(body_of(chord), parts)
        self.publish(*parts)

    def boot(self) -> SimulatedNode:
        """Start another node."""
        self._booted += 1
        node = SimulatedNode(self, self._node, self._booted)
        self.nodes.append(node)
        return node

    def crash(self, node: SimulatedNode) -> None:
        """Kill -9 a node: the broker sees the end of its connection."""
        self.nodes.remove(node)
        self.host.stopped.discard(node.system)
        node.system.vanish()
        node.channel.die()

    def kill_actor(self, node: SimulatedNode, parts: tuple[str, ...] = PARTS) -> None:
        """Kill one of a node's actors that are no supervisors, as a bug in it would."""
        paths = [path for path in node.system.paths() if path.endswith(parts)]
        if paths:
            node.system.get(paths[self.simulation.choose(len(paths), "actor")]).kill()

    def pause(self, node: SimulatedNode) -> None:
        """SIGSTOP a node."""
        self.host.stopped.add(node.system)

    def go_on(self, node: SimulatedNode) -> None:
        """SIGCONT it."""
        self.host.stopped.discard(node.system)

    def shut_down(self, node: SimulatedNode) -> Completion[bool]:
        """SIGTERM a node."""
        node.leaving = True
        return node.system.guardian.stop(block=False)

    def kill_broker(self) -> None:
        """Kill the broker's process; another takes over."""
        self.broker.tell(Die())

    # -- what comes of it ------------------------------------------------------------------------------------------

    def finished(self) -> bool:
        """Whether every task was finished, or is a dead letter."""
        return not self.ledger.unfinished

    def state(self, name: str) -> str:
        """Return the state of a task, as it is stored."""
        (found,) = self.storage.results.get([name], self.host.clock.time())
        return "PENDING" if found is None else found[0]

    def settle(self, within: float = WITHIN) -> None:
        """Heal, and demand that every task is finished, and that with nothing to do every slot offers room.

        Where no node is left, another is booted: one that is struck while it starts gives up, and whoever runs it
        starts it again. within: virtual seconds. Raises `NoProgress`, which says what is left.
        """
        try:
            self.simulation.settle(within, until=self._is_done)
        except NoProgress as error:
            unfinished = ", ".join(sorted(self.ledger.unfinished)) or "none"
            busy = ", ".join(self._busy()) or "none"
            raise NoProgress(f"{error}; unfinished tasks: {unfinished}; nodes with slots in use: {busy}") from error

    def _is_done(self) -> bool:
        if not self.finished() and not any(node.serves for node in self.nodes):
            self.boot()
        return self.finished() and not self._busy()

    def _busy(self) -> list[str]:
        return [node.boot for node in self.nodes if node.idle_slots not in (None, SLOTS)]
