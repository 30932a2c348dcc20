"""`Queues`: the queues that an app declares, with the exchanges that they are bound to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import Unroutable, UnsupportedByTransport

KINDS = ("direct", "topic", "fanout", "headers")
"""The types of exchanges."""

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Binding:
    """That an exchange sends to a queue what is published with a routing key."""

    exchange: str
    kind: str = "direct"
    routing_key: str = ""
    arguments: Arguments = field(default_factory=dict[str, Any])
    durable: bool = True
    auto_delete: bool = False
    exchange_arguments: Arguments = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Queue:
    """A queue as it is declared. broadcast: each node has one of its own, and publishers leave it alone."""

    name: str
    bindings: tuple[Binding, ...] = ()
    arguments: Arguments = field(default_factory=dict[str, Any])
    durable: bool = True
    exclusive: bool = False
    auto_delete: bool = False
    broadcast: bool = False


class Queues:
    """What an app says about its queues; those that it does not name are durable, and bound to a direct exchange.

    arguments: of queues that are not named.
    """

    def __init__(self, named: Iterable[Queue] = (), arguments: Arguments | None = None) -> None:
        self._named = {one.name: one for one in named}
        self._arguments = dict(arguments or {})
        self._kinds = {one.exchange: one.kind for queue in self._named.values() for one in queue.bindings}

    @property
    def named(self) -> list[Queue]:
        """The queues that the app names."""
        return list(self._named.values())

    def of(self, name: str) -> Queue:
        """Return a queue."""
        return self._named.get(name) or Queue(name, (Binding(name, routing_key=name),), self._arguments)

    def is_named(self, name: str) -> bool:
        """Tell whether the app says something about a queue."""
        return name in self._named

    def kind(self, exchange: str) -> str | None:
        """Return the type of an exchange, None where the app does not name it."""
        return self._kinds.get(exchange)

    def bound_to(self, exchange: str) -> list[Queue]:
        """Return the named queues that an exchange sends to."""
        return [one for one in self._named.values() if any(each.exchange == exchange for each in one.bindings)]

    def destinations(self, exchange: str, routing_key: str) -> list[str]:
        """Return the queues that a named exchange of a broker without any sends to, once each.

        Raises `Unroutable` where there are none, `UnsupportedByTransport` for a broadcast.
        """
        found = [
            one for one in self.bound_to(exchange) if any(_leads(each, exchange, routing_key) for each in one.bindings)
        ]
        if any(one.broadcast for one in found):
            raise UnsupportedByTransport(
                f"{exchange!r} is a broadcast, which needs a broker with exchanges: redis:// or amqp://"
            )
        if not found:
            raise Unroutable(f"no queue is bound to the exchange {exchange!r} by {routing_key!r}")
        return [one.name for one in found]

    def have(self, argument: str, value: Any = None) -> bool:
        """Tell whether some queue is declared with an argument, and with a value if one is named."""
        said = [self._arguments, *(one.arguments for one in self._named.values())]
        return any(argument in one and value in (None, one[argument]) for one in said)


def _leads(binding: Binding, exchange: str, routing_key: str) -> bool:
    if binding.exchange != exchange:
        return False
    match binding.kind:
        case "fanout":
            return True
        case "topic":
            return _matches(binding.routing_key.split("."), routing_key.split("."))
        case _:
            return binding.routing_key == routing_key


def _matches(pattern: list[str], words: list[str]) -> bool:
    """Tell whether words are such as AMQP's topic patterns say: `*` is one word, `#` any number of them."""
    if not pattern:
        return not words
    first, *rest = pattern
    if first == "#":
        return any(_matches(rest, words[skipped:]) for skipped in range(len(words) + 1))
    return bool(words) and first in ("*", words[0]) and _matches(rest, words[1:])
