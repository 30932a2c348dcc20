"""Whom a message goes to: pure functions over what a router knows. Write your own as a class with `choose`."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..supervision.errors import BadSpec
from .keys import stable_hash


@dataclass(frozen=True, slots=True)
class Routee:
    """One of those whom a router may choose: its id, and how many messages it has yet to handle.

    waiting: those in its mailbox, but at least the router's own asks that it has not answered. For an actor of another
    node it is what that node said last, and what the router has sent since.
    """

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
    """The one with the fewest messages waiting, see `Routee`; among equals each in turn."""

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

    key: the key of a message. (Rendezvous hashing: each key goes to whoever scores highest for it.) Raises `BadSpec`
    where it is no function.
    """

    key: Callable[[Any], Hashable]

    def __post_init__(self) -> None:
        if not callable(self.key):
            raise BadSpec(f"a ConsistentHash has a function from a message to its key, not {self.key!r}")

    def choose(self, message: Any, routees: Sequence[Routee], turn: int) -> Sequence[int]:
        """See `Routing`."""
        key = self.key(message)
        return (max(range(len(routees)), key=lambda place: (stable_hash((routees[place].id, key)), place)),)


INDIFFERENT = (RoundRobin, Broadcast, ConsistentHash)
"""Those that do not look at how much is waiting: nobody has to find out for them."""


def checked_routing(routing: Routing | None) -> Routing:
    """Return a routing, by default each in turn; raises `BadSpec` for what is none."""
    if routing is None:
        return RoundRobin()
    if isinstance(routing, type) or not callable(getattr(routing, "choose", None)):
        raise BadSpec(f"a routing is an object with choose(), such as RoundRobin(), not {routing!r}")
    return routing
