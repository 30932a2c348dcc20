"""`SimulatedNode`: a whole node, as it is, but for its ports."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ...actors import ChildSpec
from ...transports.embedded.front import EmbeddedResults
from ..node.context import NodeContext, NodeOptions
from ..node.roster import Roster
from .channel import SimulatedChannel
from .names import EARLY
from .pool import SimulatedNursery, hard_limit, outcome

if TYPE_CHECKING:
    from ...actors import Completion, Ref
    from ...actors.simulation.watching import WatchedSystem
    from ..node.node import Node
    from .world import World

SLOTS = 2
GRACE = 1.0


class SimulatedNode:
    """A node: a system of its own, so that it can vanish as a process does."""

    def __init__(self, world: World, node: type[Node], number: int) -> None:
        self.boot: str = f"boot{number}"
        self.channel: SimulatedChannel = SimulatedChannel(world, world.broker, self.boot)
        transport = world.transport("simulated://", self.channel)
        transport.capabilities = replace(transport.capabilities, lease=world.lease)
        self.context: NodeContext = NodeContext(
            name=f"celery@sim{number}",
            boot=self.boot,
            options=NodeOptions(concurrency=SLOTS, lease=world.lease, grace=GRACE),
            transport=transport,
            store=EmbeddedResults(self.channel) if world.foreign_store else transport.results(),
            transport_children=(),
            nursery=ChildSpec("nursery", SimulatedNursery, (world,)),
            obituary=outcome,
            early=frozenset({EARLY}),
            hard_limit=hard_limit,
        )
        self.leaving: bool = False
        self.system: WatchedSystem = world.simulation.add_system(self.boot)
        self.root: Completion[Ref[Node]] = self.system.start(node, self.context, name="node")

    @property
    def serves(self) -> bool:
        """Whether it is at work, or will be: it was not told to stop, and has not given up."""
        return not self.leaving and not (self.root.done() and self.system.find("/node") is None)

    @property
    def idle_slots(self) -> int | None:
        """How many slots offer room; None where the pool is on its way in or out."""
        roster = self.system.find("/node/pool/roster")
        actor = None if roster is None else roster._actor_weakref()  # pyright: ignore[reportPrivateUsage]
        return actor.rooms if isinstance(actor, Roster) else None
