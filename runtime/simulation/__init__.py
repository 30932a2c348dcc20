"""Nodes in simulation: the real tree on the simulated host, with ports whose faults are chosen."""

from .broker import LedgerBroker
from .faults import (
    ANSWER_LOST,
    PROCESS_DEATH,
    REQUEST_LOST,
    SPAWN_FAILURE,
    BrokerRestart,
    Disconnect,
    NodePause,
    NodeRestart,
    NodeShutdown,
    Pace,
    PartKilled,
)
from .ledger import Ledger
from .node import SimulatedNode
from .world import World

__all__ = [
    "ANSWER_LOST",
    "PROCESS_DEATH",
    "REQUEST_LOST",
    "SPAWN_FAILURE",
    "BrokerRestart",
    "Disconnect",
    "Ledger",
    "LedgerBroker",
    "NodePause",
    "NodeRestart",
    "NodeShutdown",
    "Pace",
    "PartKilled",
    "SimulatedNode",
    "World",
]
