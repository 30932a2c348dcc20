"""`Lease`: an owner's place in its node, and the node's lease, which is renewed over a connection of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...actors.completion import Completion
from ..errors import BrokerUnavailable
from ..lane import now
from ..settlement import bind
from . import scripts
from .packing import packed

if TYPE_CHECKING:
    from .packing import Command
    from .transport import RedisTransport


class Lease:
    """Enters an owner, renews its node's lease, and leaves. Thread-safe.

    A renewal waits for no message, however large, since none goes over its connection; but for the entry before it:
    who has not entered would be told that the lease is lost. held: returns the fields of what is held. lost: called
    when the owner has its place no more.
    """

    def __init__(
        self, transport: RedisTransport, queues: Sequence[str], owner: str,
        held: Callable[[], list[str]], lost: Callable[[], object],
    ) -> None:  # fmt: skip
        self._boot, _, self._epoch = owner.rpartition(".")
        self._transport = transport
        self._queues = tuple(queues)
        self._options = transport.options
        self._keys = transport.options.keys
        self._node = self._keys.node(self._boot)
        self._line = transport.line
        self._lease_line = transport.lease_line
        self._held = held
        self._lost = lost
        self._renewing = False
        self._refreshed = now()
        self._entry: Completion[Any] = self._enter()

    def enter_again(self) -> None:
        """Enter once more if the server could not be reached before."""
        if isinstance(self._entry.error(), BrokerUnavailable):
            self._entry = self._enter()

    def renew(self) -> Completion[bool]:
        """Renew the lease; resolves with whether the owner still has its place."""
        return self._renew(())

    def keep(self) -> None:
        """Renew the lease, and what is held for stock workers to see, unless that is under way."""
        if self._entry.done() and not self._renewing:
            self._renewing = True
            self._renew(self._stale_fields()).add_done_callback(lambda _: setattr(self, "_renewing", False))

    def leaving(self) -> Command:
        """Return the command that gives the place up; its reply is the number of the last fetch that was answered."""
        return scripts.run(scripts.LEAVE, (self._node, self._keys.nodes), self._epoch, self._boot)

    def _enter(self) -> Completion[Any]:
        keys = (self._node, self._keys.nodes)
        entering = scripts.run(scripts.OPEN, keys, self._epoch, self._boot, self._milliseconds, packed(self._queues))
        entered = self._line.call_all([*self._transport.publisher().declarations(self._queues), entering])
        entered.add_done_callback(self._entered)
        return entered

    def _entered(self, done: Completion[list[Any]]) -> None:
        if done.error() is None and done.get()[-1]:
            self._transport.sweeper.recover_surely(self._boot)

    @property
    def _milliseconds(self) -> int:
        return int(self._options.lease * 1000)

    def _renew(self, fields: Sequence[str]) -> Completion[bool]:
        entry = self._entry
        if entry.done():
            return self._ask(fields)
        over: Completion[None] = Completion()
        entry.add_done_callback(lambda _: over.resolve(None))
        return bind(over, lambda _: self._ask(fields))

    def _ask(self, fields: Sequence[str]) -> Completion[bool]:
        keys = (self._node, self._keys.index_key)
        asked = self._lease_line.call(*scripts.run(scripts.RENEW, keys, self._epoch, self._milliseconds, *fields))
        return asked.then(self._renewed)

    def _renewed(self, reply: int) -> bool:
        if not reply:
            self._lost()
        return bool(reply)

    def _stale_fields(self) -> list[str]:
        """Return what stock workers would take back before long."""
        if now() < self._refreshed + self._options.refresh:
            return []
        self._refreshed = now()
        return self._held()
