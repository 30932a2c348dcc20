"""What the inspector tells itself."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...actors import Message

if TYPE_CHECKING:
    from .inspector import Inspector
    from .protocol import Answer


@dataclass(frozen=True, slots=True)
class Look(Message["Inspector", None]):
    """See which messages wait, so that it is known for how long when somebody asks."""


@dataclass(frozen=True, slots=True)
class Ended(Message["Inspector", None]):
    """What somebody at `connection` wanted was done, or could not be."""

    connection: socket.socket
    answer: Answer


@dataclass(frozen=True, slots=True)
class Overdue(Message["Inspector", None]):
    """Somebody at `connection` has waited long enough."""

    connection: socket.socket
