"""Whom a message goes to: pure functions over what a router knows. Write your own as a class with `choose`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from .keys import stable_hash


@dataclass(frozen=True, slots=True)
class Routee:
    """One of those whom a router may choose: its id, and how many messages wait in its mailbox."""

    id: Hashable
    waiting: int


class Routing(Protocol):
    """A way to choose."""

    def choose(self, message: Any, routees: Sequence[Routee], turn: int) -> Sequence[int]:
        """Return the positions in `routees`, of which there is at least one, of those who get `message`.

        turn: how many messages came before it. None of them: the message becomes a dead letter.
        """
        ...


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """Each in turn."""

    def choose(self, message: Any, routees: Sequence[Routee], turn: int) -> Sequence[int]:
        """See `Routing`."""
        return (turn % len(routees),)


@dataclass(frozen=True, slots=True)
class LeastLoaded:
    """The one with the fewest messages waiting; among equals each in turn."""

    def choose(self, message: Any, routees: Sequence[Routee], turn: int) -> Sequence[int]:
        """See `Routing`."""
        count = len(routees)
        places = (place % count for place in range(turn, turn + count))
        return (min(places, key=lambda place: routees[place].waiting),)


@dataclass(frozen=True, slots=True)
class Broadcast:
    """All of them. It is told; to ask all of them, see `AskAll`."""

    def choose(self, message: Any, routees: Sequence[Routee], turn: int) -> Sequence[int]:
        """See `Routing`."""
        return range(len(routees))


@dataclass(frozen=True, slots=True)
class ConsistentHash:
    """The same one for the same key; when one comes or goes, only its own share of the keys moves.

    key: the key of a message. (Rendezvous hashing: each key goes to whoever scores highest for it.)
    """

    key: Callable[[Any], Hashable]

    def choose(self, message: Any, routees: Sequence[Routee], turn: int) -> Sequence[int]:
        """See `Routing`."""
        key = self.key(message)
        return (max(range(len(routees)), key=lambda place: (stable_hash((routees[place].id, key)), place)),)
