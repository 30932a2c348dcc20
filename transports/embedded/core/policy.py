"""The broker's times and bounds."""

from __future__ import annotations

from dataclasses import dataclass

from ...api import DEAD_LETTER_EXPIRES
from ...message import NODE_DEATHS

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Policy:
    """How long things are kept, in seconds, and how much of them in memory."""

    lease: float = 5.0
    """How long a node may be silent before others get its messages."""
    max_node_deaths: int = NODE_DEATHS + 3
    """A message that was held by this many nodes when they died is a dead letter, and nothing is said of its task: the
    last of them had it only to tell of its failure, and died even of that."""
    dead_retention: float = DEAD_LETTER_EXPIRES
    expired_retention: float = DAY
    """How long a message whose time is up still waits for a worker, which then revokes its task."""
    chord_retention: float = 30 * DAY
    """Counted from the first part; a deleted chord recognises late parts as long."""
    key_retention: float = DAY
    """How long a deduplication key is remembered, and the last request number of a client."""
    window: int = 2_000
    """Waiting messages of a queue that are held in memory."""
    window_bytes: int = 16 << 20
