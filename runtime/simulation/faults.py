"""What goes wrong around nodes: mishaps that the ports ask about, and faults that strike a whole world.

The way between a node and its broker is one connection: what is lost on it, by `Loss` or `Partition`, breaks it, and
what was not answered is asked again over the next. `Delay` holds up all that comes behind, `Duplicate` does nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...actors.simulation.faults import Fault

if TYPE_CHECKING:
    from ...actors.simulation.chaos import Chaos
    from .node import SimulatedNode
    from .world import World

PROCESS_DEATH = "process death"
"""A pool process dies of a job that it has taken."""
SPAWN_FAILURE = "spawn failure"
"""No process could be forked."""
ANSWER_LOST = "answer lost"
"""The broker has carried a request out, and the connection breaks before its answer."""
REQUEST_LOST = "request lost"
"""No broker was reached in time: the call fails."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How long simulated work takes at most, in seconds: a task, a fork, and until a process gets to run."""

    longest_task: float = 0.05
    longest_spawn: float = 0.05
    longest_wake: float = 0.02


@dataclass(frozen=True, slots=True)
class WorldFault(Fault):
    """Strikes one of a world's nodes, or its broker, at any step."""

    world: World = field(kw_only=True, compare=False)

    def before_step(self, chaos: Chaos) -> None:
        """See `Fault`."""
        if self.world.nodes and chaos.hits(self, type(self).__name__):
            self.strike(chaos, self.world.nodes[chaos.choose(len(self.world.nodes), "victim")])

    def strike(self, chaos: Chaos, victim: SimulatedNode) -> None:
        """Strike: `victim` is the node that was drawn."""


@dataclass(frozen=True, slots=True)
class NodeRestart(WorldFault):
    """A node is killed as by kill -9, and another boots in its place."""

    def strike(self, chaos: Chaos, victim: SimulatedNode) -> None:
        """See `WorldFault`."""
        self.world.crash(victim)
        self.world.boot()


@dataclass(frozen=True, slots=True)
class NodePause(WorldFault):
    """A node is out of breath (SIGSTOP) for up to `longest` seconds."""

    longest: float = 8.0

    def strike(self, chaos: Chaos, victim: SimulatedNode) -> None:
        """See `WorldFault`."""
        self.world.pause(victim)
        chaos.host.call_later(chaos.span(self.longest, "pause"), lambda: self.world.go_on(victim))


@dataclass(frozen=True, slots=True)
class NodeShutdown(WorldFault):
    """A node is told to end warm, and another boots in its place."""

    def strike(self, chaos: Chaos, victim: SimulatedNode) -> None:
        """See `WorldFault`."""
        self.world.shut_down(victim)
        self.world.boot()


@dataclass(frozen=True, slots=True)
class PartKilled(WorldFault):
    """One of a node's actors is killed, as by a bug in it."""

    def strike(self, chaos: Chaos, victim: SimulatedNode) -> None:
        """See `WorldFault`."""
        self.world.kill_actor(victim)


@dataclass(frozen=True, slots=True)
class BrokerRestart(WorldFault):
    """The broker's process dies, and another takes over from what is stored."""

    def strike(self, chaos: Chaos, victim: SimulatedNode) -> None:
        """See `WorldFault`."""
        self.world.kill_broker()


@dataclass(frozen=True, slots=True)
class Disconnect(WorldFault):
    """A node's connection to the broker breaks: what is on its way is lost, and asked again over the next."""

    def strike(self, chaos: Chaos, victim: SimulatedNode) -> None:
        """See `WorldFault`."""
        victim.channel.break_off()
