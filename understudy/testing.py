"""Simulate actors, supervisors and nodes by a seed, with faults, and replay what goes wrong."""

from .actors.hosts.simulated import SimulatedHost
from .actors.remote.simulated import SimulatedBus
from .actors.simulation.chaos import Chaos
from .actors.simulation.choices import Choice, Drawn, DrawnChoice, RandomChoice, ReplayChoice
from .actors.simulation.clock import VirtualClock
from .actors.simulation.errors import InvariantBroken, NoProgress, SimulatedCrash, SimulationFailed, StepLimit
from .actors.simulation.faults import (
    ActorFault,
    ClockJump,
    Crash,
    Delay,
    Duplicate,
    Fault,
    Killing,
    Loss,
    Mishap,
    Partition,
    Slowness,
    StartFailure,
    Suspension,
)
from .actors.simulation.invariants import Invariant
from .actors.simulation.network import Cut, Network, Route
from .actors.simulation.running import Exploration, Run, explore, simulate
from .actors.simulation.scheduling import Fifo, Pct, Scheduling, Uniform
from .actors.simulation.simulation import Simulation
from .runtime.simulation import (
    ANSWER_LOST,
    PROCESS_DEATH,
    REQUEST_LOST,
    SPAWN_FAILURE,
    BrokerRestart,
    Disconnect,
    LedgerBroker,
    NodePause,
    NodeRestart,
    NodeShutdown,
    Pace,
    PartKilled,
    World,
)

__all__ = [
    "ANSWER_LOST",
    "PROCESS_DEATH",
    "REQUEST_LOST",
    "SPAWN_FAILURE",
    "ActorFault",
    "BrokerRestart",
    "Chaos",
    "Choice",
    "ClockJump",
    "Crash",
    "Cut",
    "Delay",
    "Disconnect",
    "Drawn",
    "DrawnChoice",
    "Duplicate",
    "Exploration",
    "Fault",
    "Fifo",
    "Invariant",
    "InvariantBroken",
    "Killing",
    "LedgerBroker",
    "Loss",
    "Mishap",
    "Network",
    "NoProgress",
    "NodePause",
    "NodeRestart",
    "NodeShutdown",
    "Pace",
    "PartKilled",
    "Partition",
    "Pct",
    "RandomChoice",
    "ReplayChoice",
    "Route",
    "Run",
    "Scheduling",
    "SimulatedBus",
    "SimulatedCrash",
    "SimulatedHost",
    "Simulation",
    "SimulationFailed",
    "Slowness",
    "StartFailure",
    "StepLimit",
    "Suspension",
    "Uniform",
    "VirtualClock",
    "World",
    "explore",
    "simulate",
]
