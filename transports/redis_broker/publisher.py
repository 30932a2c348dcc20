"""`RedisPublisher`: puts messages into queues, those of one call in one round trip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

import hiredis
import msgspec
from kombu.transport.virtual.exchange import TopicExchange

from ...actors.completion import Completion
from ..errors import MalformedMessage, Unroutable
from ..lane import unix_time
from ..message import UNREADABLE, Outcome, Publication
from ..queues import Binding, Queue, Queues
from ..settlement import bind, bury
from . import scripts
from .envelope import sealed
from .fanout import Fanout
from .keys import Keys
from .line import Line
from .packing import Command, packed

DEDUPE_SECONDS = 86_400
_AT_ONCE = 1000
"""Messages that one command pushes at most."""
_TOGETHER = 20_000
"""Messages that are pushed in one transaction at most: others want to be served in between."""

Letter = tuple[str, bytes, str]
"""A list, what is pushed there, and the key by which a second one is dropped, or ""."""


class RedisPublisher:
    """Publishes what Celery would. Thread-safe; survives a fork.

    line: returns the connection of this process. queues: what the app says about them. What goes to a fan-out exchange
    goes to those who listen, as with kombu.
    """

    def __init__(self, line: Callable[[], Line], keys: Keys, queues: Queues, fanout: Fanout) -> None:
        self._queues = queues
        self._fanout = fanout
        self._line = line
        self._keys = keys
        self._declared: set[str] = set()

    def publish(self, publications: Sequence[Publication]) -> Completion[None]:
        """See `Publisher.publish`. A publication whose confirmation got lost is published again."""
        try:
            if not any(one.exchange for one in publications):
                queues = {one.routing_key for one in publications}
                return self._send(self.letters(publications), queues) if publications else Completion.of(None)
        except UNREADABLE as error:
            return Completion.failed(MalformedMessage(f"the head of a publication cannot be read: {error}"))
        return bind(self._routes(publications), lambda routes: self._send_routed(publications, routes))

    def addressed(self, outcomes: Sequence[Outcome]) -> Completion[list[Outcome]]:
        """Return outcomes whose follow-ups name the queues that their exchanges lead to.

        What goes to all who listen is published by then: nobody keeps it, so it cannot be a part of a commit.
        """
        publications = [one for outcome in outcomes for one in outcome.follow_ups]
        told = [one for one in publications if self._is_fanout(one)]
        sent = self.publish(told) if told else Completion.of(None)
        routes = bind(sent, lambda _: self._routes(publications))
        return routes.then(lambda known: [self._addressed(outcome, known) for outcome in outcomes])

    def letters(self, publications: Iterable[Publication]) -> list[Letter]:
        """Return publications to queues as what is pushed into lists."""
        at, keys = unix_time(), self._keys
        return [
            (
                keys.list_of(one.routing_key, one.priority),
                sealed(one, at),
                "" if one.dedupe is None else keys.dedupe(one.dedupe),
            )
            for one in publications
        ]

    def declarations(self, queues: Iterable[str]) -> list[Command]:
        """Return what declares those queues that this process has not declared before, as Celery would."""
        new = set(queues) - self._declared
        self._declared |= new
        return [command for queue in sorted(new) for command in self._binding(self._queues.of(queue))]

    def _binding(self, queue: Queue) -> list[Command]:
        return [
            ("SADD", key, self._keys.binding(queue.name, one.routing_key, _pattern(one)))
            for one in queue.bindings
            if one.exchange
            for key in self._keys.bindings(one.exchange)
        ]

    def _send(self, letters: Sequence[Letter], queues: Iterable[str] = ()) -> Completion[None]:
        declarations = self.declarations(queues)
        if any(dedupe for _, _, dedupe in letters):
            pushes = [scripts.run(scripts.PUBLISH, (), packed(letters), DEDUPE_SECONDS)]
        else:
            pushes = [
                ("LPUSH", key, *items[at : at + _AT_ONCE])
                for key, items in _grouped(letters)
                for at in range(0, len(items), _AT_ONCE)
            ]
        if len(pushes) == 1 or len(letters) > _TOGETHER:
            return self._line().call_all([*declarations, *pushes]).then(_nothing)
        sent = self._line().call_all(
            [*declarations, ("MULTI",), *pushes, ("EXEC",)]
        )  # where it refuses one, nothing is
        return sent.then(self._check_transaction)

    def _check_transaction(self, replies: Sequence[Any]) -> None:
        for reply in replies[-1]:
            if isinstance(reply, hiredis.ReplyError):
                raise self._line().refused(str(reply))

    @property
    def reachable(self) -> bool:
        """See `Reaching`: whoever waits is told by the connection itself when a reply is overdue."""
        return self._line().wire is not None

    def _routes(self, publications: Sequence[Publication]) -> Completion[dict[str, list[list[str]]]]:
        """Return the bindings of the exchanges of publications: routing key, pattern and queue of each."""
        exchanges = sorted({one.exchange for one in publications if one.exchange and not self._is_fanout(one)})
        if not exchanges:
            return Completion.of({})
        bound = [one.name for exchange in exchanges for one in self._queues.bound_to(exchange) if not one.broadcast]
        looking = [("SMEMBERS", self._keys.bindings(exchange)[0]) for exchange in exchanges]
        asked = self._line().call_all([*self.declarations(bound), *looking])
        return asked.then(
            lambda replies: {
                exchange: bindings_of(members, self._keys)
                for exchange, members in zip(exchanges, replies[-len(exchanges) :], strict=True)
            }
        )

    def _addressed(self, outcome: Outcome, routes: dict[str, list[list[str]]]) -> Outcome:
        if not any(one.exchange for one in outcome.follow_ups):
            return outcome
        follow_ups: list[Publication] = []
        for one in outcome.follow_ups:
            if not one.exchange:
                follow_ups.append(one)
            elif not self._is_fanout(one):
                try:
                    queues = _destinations(one, routes)
                    follow_ups += [msgspec.structs.replace(one, exchange="", routing_key=queue) for queue in queues]
                except Unroutable as error:
                    follow_ups.append(bury(one, error))
        return msgspec.structs.replace(outcome, follow_ups=tuple(follow_ups))

    def _send_routed(self, publications: Sequence[Publication], routes: dict[str, list[list[str]]]) -> Completion[None]:
        letters: list[Letter] = []
        told: list[Command] = []
        for one in publications:
            if self._is_fanout(one):
                told.append(("PUBLISH", self._fanout.topic(one.exchange, one.routing_key), sealed(one, unix_time())))
                continue
            try:
                queues = _destinations(one, routes) if one.exchange else [one.routing_key]
            except Unroutable as error:
                return Completion.failed(error)
            item = sealed(one, unix_time())
            dedupe = "" if one.dedupe is None else self._keys.dedupe(one.dedupe)
            letters += [(self._keys.list_of(queue, one.priority), item, dedupe) for queue in queues]
        sent = self._send(letters) if letters else Completion.of(None)
        return bind(sent, lambda _: self._line().call_all(told).then(_nothing)) if told else sent

    def _is_fanout(self, publication: Publication) -> bool:
        return bool(publication.exchange) and self._queues.kind(publication.exchange) == "fanout"


def _destinations(publication: Publication, routes: dict[str, list[list[str]]]) -> list[str]:
    """Return the queues that a publication to an exchange goes to; raises `Unroutable` where there are none."""
    exchange, routing_key = publication.exchange, publication.routing_key
    queues = matching(routes[exchange], routing_key)
    if not queues:
        raise Unroutable(f"no queue is bound to the exchange {exchange!r} by {routing_key!r}")
    return queues


def _grouped(letters: Iterable[Letter]) -> list[tuple[str, list[bytes]]]:
    """Return what is pushed in a row into the same list."""
    return [(key, [item for _, item, _ in group]) for key, group in groupby(letters, lambda letter: letter[0])]


def bindings_of(members: Iterable[bytes], keys: Keys) -> list[list[str]]:
    """Return the members of an exchange's table as routing key, pattern and queue."""
    return [member.decode().split(keys.separator) for member in members]


def matching(bindings: Iterable[Sequence[str]], routing_key: str) -> list[str]:
    """Return the queues that a routing key leads to: by its pattern where a binding has one, else if it is the same."""
    topic: Any = TopicExchange(None)
    return sorted(
        {
            queue
            for key, pattern, queue in bindings
            if (topic._match(pattern, routing_key) if pattern else key == routing_key)
        }
    )


def _pattern(binding: Binding) -> str:
    """Return what kombu makes of the routing key of a binding."""
    topic: Any = TopicExchange(None)
    return topic.key_to_pattern(binding.routing_key) if binding.kind == "topic" else ""


def _nothing(_: object) -> None:
    return None
