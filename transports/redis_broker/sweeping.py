"""`Sweeper`: gives back what those held who are not there any more: nodes of ours, and stock workers."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ...actors.completion import Completion
from ..lane import now, unix_time
from ..letters.burial import dead_letter, dead_queue
from ..message import UNREADABLE
from ..settlement import bind
from . import scripts
from .envelope import given_back, priority_of, taken_of, unwrapped
from .keys import OURS, owner_of
from .packing import packed
from .publisher import bindings_of, matching

if TYPE_CHECKING:
    from .transport import RedisTransport

_AT_ONCE = 200
_BYTES_AT_ONCE = 8 << 20
_AFTER_FAILURE = 1.0
_STOCK_SECONDS = 5.0
"""Seconds between two looks for what stock workers have left behind."""
_GLOB = re.compile(r"([\[\]*?\\])")

logger: logging.Logger = logging.getLogger(__name__)


class Sweeper:
    """Looks from time to time, as long as the transport has intakes. Thread-safe."""

    def __init__(self, transport: RedisTransport) -> None:
        self._transport = transport
        self._options = transport.options
        self._keys = transport.options.keys
        self._line = transport.line
        self._hub = transport.hub
        self._running = False
        self._stock_at = self._letters_at = 0.0
        self._queues: dict[str, None] = {}

    def start(self, queues: Sequence[str]) -> None:
        """Begin to look; dead letters of these queues go when their time is up."""
        self._queues.update(dict.fromkeys(queues))
        if not self._running:
            self._running = True
            self._hub.after(0.0, self._sweep)

    def recover(self, boot: str, deaths: int = 0) -> Completion[Any]:
        """Give back what owners of a node hold who are not there any more. deaths: 1 where it is the node that died."""
        pattern = _GLOB.sub(r"\\\1", f"{OURS}{boot}.") + "*"
        return bind(self._scan(pattern, b"0", []), lambda fields: self._restore(fields, deaths))

    def recover_surely(self, boot: str) -> None:
        """Do so for a node that lives, again and again until it is done: nobody else looks after that."""

        def judge(done: Completion[Any]) -> None:
            if done.error() is not None and self._transport.has_intakes:
                logger.warning("what %s held before is not back in its queues yet: %s", boot, done.error())
                self._hub.after(_AFTER_FAILURE, lambda: self.recover_surely(boot))

        self.recover(boot).add_done_callback(judge)

    def _sweep(self) -> None:
        if not self._transport.has_intakes:
            self._running = False
            return
        dead = self._line.call(*scripts.run(scripts.DEAD_NODES, (self._keys.nodes,), self._keys.node("")))
        dead.add_done_callback(self._found)
        if now() >= self._stock_at:
            self._stock_at = now() + _STOCK_SECONDS
            self._sweep_stock()
        if now() >= self._letters_at:
            self._letters_at = now() + min(60.0, max(0.5, self._options.dead_letter_expires / 4))
            for queue in self._queues:
                for key in self._keys.lists(dead_queue(queue)):
                    self._drop_old(queue, key)
        self._hub.after(self._options.lease / 5, self._sweep)

    # Nodes of ours

    def _found(self, done: Completion[list[bytes]]) -> None:
        if done.error() is None:
            for boot in map(bytes.decode, done.get()):
                logger.warning("the node %s is gone: what it held goes back to its queues", boot)
                bind(self.recover(boot, deaths=1), lambda _, boot=boot: self._bury(boot))

    def _bury(self, boot: str) -> Completion[Any]:
        return self._line.call(*scripts.run(scripts.BURY, (self._keys.nodes, self._keys.node(boot)), boot))

    def _scan(self, pattern: str, cursor: bytes, found: list[str]) -> Completion[list[str]]:
        """Return the fields of a pattern, the youngest first: so they come back in their order."""

        def judge(reply: tuple[bytes, list[bytes]]) -> Completion[list[str]]:
            following, entries = reply
            found.extend(map(bytes.decode, entries[::2]))
            if following != b"0":
                return self._scan(pattern, following, found)
            return Completion.of(sorted(set(filter(_is_ours, found)), key=_number, reverse=True))

        page = self._line.call("ZSCAN", self._keys.index_key, cursor, "MATCH", pattern, "COUNT", 1000)
        return bind(page, judge)

    def _restore(self, fields: list[str], deaths: int) -> Completion[Any]:
        """Give back what stands under fields whose owners are not there, as much at a time as is quickly carried."""
        if not fields:
            return Completion.of(None)
        sizes = self._line.call_all([("HSTRLEN", self._keys.unacked_key, field) for field in fields[:_AT_ONCE]])
        return bind(sizes, lambda said: self._restore_first(_that_fit(said), fields, deaths))

    def _restore_first(self, count: int, fields: list[str], deaths: int) -> Completion[Any]:
        page, rest = fields[:count], fields[count:]

        def send(values: list[bytes | None]) -> Completion[Any]:
            found = [(field, value) for field, value in zip(page, values, strict=True) if value is not None]
            batch = packed([self._restored(field, value, deaths) for field, value in found])
            keys = (self._keys.unacked_key, self._keys.index_key)
            return self._line.call(*scripts.run(scripts.RESTORE, keys, batch))

        restored = bind(self._line.call("HMGET", self._keys.unacked_key, *page), send)
        return bind(restored, lambda _: self._restore(rest, deaths))

    def _restored(self, field: str, value: bytes, deaths: int) -> tuple[str, str, str, str, bytes]:
        boot, epoch, _ = owner_of(field)
        item, _, key = unwrapped(value, self._keys)
        return self._keys.node(boot), epoch, field, key, given_back(item, deaths=deaths)

    # Stock workers

    def _sweep_stock(self) -> None:
        keys = (self._keys.unacked_key, self._keys.index_key)
        stale = self._line.call(*scripts.run(scripts.STALE, keys, self._options.visibility_timeout))

        def restore(done: Completion[list[bytes]]) -> None:
            found = [] if done.error() is not None else done.get()
            for field, value in zip(found[::2], found[1::2], strict=True):
                self._restore_stock(field, value)

        stale.add_done_callback(restore)

    def _restore_stock(self, field: bytes, value: bytes) -> None:
        """Give back what a stock worker held, as kombu would: to every queue that the message was routed to."""
        try:
            item, exchange, routing_key = msgspec.json.decode(value, type=tuple[msgspec.Raw, str, str])
        except UNREADABLE:
            logger.warning("%s holds what nobody can read: it stays there", self._keys.unacked_key)
            return
        envelope = bytes(item)
        priority, again = priority_of(envelope), given_back(envelope)

        def send(queues: Sequence[str]) -> Completion[Any]:
            lists = [self._keys.list_of(queue, priority) for queue in queues]
            keys = (self._keys.unacked_key, self._keys.index_key, *lists)
            return self._line.call(*scripts.run(scripts.RESTORE_STOCK, keys, field, value, again))

        if not exchange:
            send([routing_key])
            return
        members = self._line.call("SMEMBERS", self._keys.bindings(exchange)[0])
        found = members.then(lambda some: matching(bindings_of(some, self._keys), routing_key) or [routing_key])
        bind(found, send)

    # Dead letters

    def _drop_old(self, queue: str, key: str) -> None:
        """Delete the oldest entry of a list of dead letters if its time is up, and so on: no item of a list expires."""

        def judge(done: Completion[bytes | None]) -> None:
            item = None if done.error() is not None else done.get()
            if item is None:
                return
            since = dead_letter(taken_of(dead_queue(queue), item)).since
            if 0 < since < unix_time() - self._options.dead_letter_expires:
                removed = self._line.call("LREM", key, -1, item)
                removed.add_done_callback(lambda _: self._drop_old(queue, key))

        self._line.call("LINDEX", key, -1).add_done_callback(judge)


def _that_fit(sizes: Sequence[int]) -> int:
    """Return how many values, one at least, are carried together."""
    total = 0
    for count, size in enumerate(sizes):
        total += size
        if total > _BYTES_AT_ONCE:
            return max(1, count)
    return len(sizes)


def _is_ours(field: str) -> bool:
    try:
        owner_of(field)
    except ValueError:
        return False
    return True


def _number(field: str) -> tuple[int, int]:
    _, epoch, number = owner_of(field)
    return int(epoch) if epoch.isdecimal() else 0, number
