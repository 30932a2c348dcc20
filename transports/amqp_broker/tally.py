"""`Tally`: how many nodes may have died of a message, which RabbitMQ does not say.

It says that a message was delivered before, or how often, and counts what was given back in good order too. So whoever
is given a message again writes down that it takes it, before it runs, and later that this went well. What was taken and
never heard of again was taken by a node that died.

The table is a message, the only one of `{queue}.deaths`; messages themselves stay where and as they are. It is replaced
by getting it, publishing the next one and acknowledging it last. Who dies in between, or comes when another has it,
leaves two tables, which the next one merges: a death may be missed by that, and never a message.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from ...actors.completion import Completion
from ..api import Publisher
from ..errors import BrokerUnavailable
from ..lane import unix_time
from ..letters.burial import entry_id
from ..letters.letter import Taken
from ..message import REVIVALS, UNREADABLE, Head, Publication, encode_head
from ..settlement import bind
from .protocol import methods as amqp
from .protocol.frames import ack_frame, requeue_frame

if TYPE_CHECKING:
    from .channel import Channel
    from .protocol.connection import Said

Counts = dict[str, tuple[int, float]]
"""How often a message was taken without being heard of again, and when last (unix seconds)."""

Admitted = dict[str, int]
"""Which messages may be handed out, and how many nodes may have died of each."""
Change = Callable[[Counts, float], tuple[Counts, Admitted]]

SUSPECT = 3
"""Deaths after which a message is held with no other such one, so that what only stood beside is cleared."""
_SUFFIX = ".deaths"
_KEPT = 86_400.0
"""Seconds for which a message is remembered that nobody takes."""
_MOST = 10_000
"""Messages that are remembered at most."""
_HEAD = encode_head(Head({}, {"delivery_mode": 1}))
"""A table need not survive the broker, whose own deaths are nobody's fault; so it waits for no disk."""

_encode = msgspec.json.encode
_decode = msgspec.json.Decoder(Counts).decode


def key_of(taken: Taken) -> str:
    """Return what stands for a message: one that is sent again by a retry, or by hand, begins anew."""
    headers = taken.headers
    return f"{entry_id(taken)}.{headers.get('retries') or 0}.{headers.get(REVIVALS) or 0}.{taken.losses}"


def merged(tables: Iterable[bytes]) -> Counts:
    """Return one table for several; one that nobody can read is empty."""
    counts: Counts = {}
    for table in tables:
        try:
            read = _decode(table)
        except (*UNREADABLE, msgspec.ValidationError):
            continue
        for key, (number, at) in read.items():
            before = counts.get(key, (0, 0.0))
            counts[key] = max(number, before[0]), max(at, before[1])
    return counts


def updated(counts: Mapping[str, tuple[int, float]], changes: Mapping[str, int | None], at: float) -> Counts:
    """Return a table with numbers added, and without those for which there is None; what is old is forgotten."""
    after = dict(counts)
    for key, change in changes.items():
        number = 0 if change is None else after.get(key, (0, at))[0] + change
        after[key] = number, at
    young = [(key, count) for key, count in after.items() if count[0] > 0 and count[1] > at - _KEPT]
    return dict(sorted(young, key=lambda one: one[1][1])[-_MOST:])


def admitted(counts: Mapping[str, tuple[int, float]], keys: Iterable[str], *, suspects: bool) -> Admitted:
    """Return which messages may be handed out now: of the suspects only the first, and that only if `suspects`."""
    admits: Admitted = {}
    for key in keys:
        number = counts.get(key, (0, 0.0))[0] + 1
        if number < SUSPECT or suspects:
            admits[key] = number
            suspects = suspects and number < SUSPECT
    return admits


class Tally:
    """The table of one queue. Thread-safe; what `write` returns may be done on any thread."""

    def __init__(self, queue: str, publisher: Publisher) -> None:
        self.channel: Channel | None = None
        """Where the table is got; None while there is no connection."""
        self._queue = queue + _SUFFIX
        self._publisher = publisher
        self._lock = threading.Lock()
        self._changes: dict[str, int | None] = {}

    def __bool__(self) -> bool:
        """Whether something is to be written down."""
        return bool(self._changes)

    def give_back(self, key: str) -> None:
        """Note that a message is held no more, and nobody died of it."""
        with self._lock:
            self._changes[key] = (self._changes.get(key) or 0) - 1

    def forget(self, key: str) -> None:
        """Note that a message is no more."""
        with self._lock:
            self._changes[key] = None

    def write(self, taken: Sequence[str] = (), *, suspects: bool = True) -> Completion[Admitted]:
        """Write down what was noted, and that messages are taken; see `admitted`, whose answer it resolves with.

        What cannot be written is noted no more.
        """
        with self._lock:
            changes, self._changes = self._changes, {}
        channel = self.channel
        if channel is None:
            return Completion.failed(BrokerUnavailable("the connection is gone"))

        def change(counts: Counts, at: float) -> tuple[Counts, Admitted]:
            known = updated(counts, changes, at)
            admits = admitted(known, taken, suspects=suspects)
            return updated(known, dict.fromkeys(admits, 1), at), admits

        arguments = {"x-expires": int(2 * _KEPT * 1000)}
        there = channel.request(amqp.QueueDeclare(0, self._queue, False, True, False, False, False, arguments))
        return bind(there, lambda _: self._get(channel, [], change))

    def _get(self, channel: Channel, tables: list[Said], change: Change) -> Completion[Admitted]:
        def judge(said: Said) -> Completion[Admitted]:
            if not isinstance(said.method, amqp.GetOk):
                return self._replace(channel, tables, change)
            return self._get(channel, [*tables, said], change)

        return bind(channel.request(amqp.Get(0, self._queue, False)), judge)

    def _replace(self, channel: Channel, tables: Sequence[Said], change: Change) -> Completion[Admitted]:
        at = unix_time()
        counts, admits = change(merged(table.body for table in tables), at)
        numbers = [said.method.delivery_tag for said in tables if isinstance(said.method, amqp.GetOk)]

        def end(done: Completion[None]) -> None:
            if done.error() is None:
                channel.send(b"".join(ack_frame(channel.number, number, multiple=False) for number in numbers))
            else:
                channel.send(b"".join(requeue_frame(channel.number, number) for number in numbers))

        published = self._publish(counts, at)
        published.add_done_callback(end)
        return published.then(lambda _: admits)

    def _publish(self, counts: Counts, at: float) -> Completion[None]:
        if not counts:
            return Completion.of(None)
        table = Publication(self._queue, self._queue, _HEAD, _encode(counts), expires=at + _KEPT)
        return self._publisher.publish([table])
