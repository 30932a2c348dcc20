"""`Lookout`: watches this node's actors on behalf of actors on other nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..actor import Actor, on
from ..messages import Down
from ..reasons import NO_PROC
from .frames import Digest, Ended, Recount, Unwatch, Watch, Watches, Watching, write_reason
from .messages import NodeJoined, NodeLeft, Said
from .switchboard import checksum

if TYPE_CHECKING:
    from .remoting import Remoting

Key = tuple[str, int]
"""A node and the number of its monitor."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What is watched for somebody: by which local monitor, and which incarnation."""

    monitor: int
    uid: int


class Lookout(Actor):
    """Answers each watch with the incarnation that it is of, and ends it with the reason of that one's end, once."""

    def __init__(self, remoting: Remoting) -> None:
        self._remoting = remoting
        self._sights: dict[Key, Sight] = {}
        self._keys: dict[int, Key] = {}

    @on(Said)
    def said(self, message: Said) -> None:
        """Carry out what another node wants."""
        node = message.node
        match message.frame:
            case Watch() as watch:
                self._watch(node, watch)
            case Unwatch(number):
                self._forget((node, number))
            case Digest(theirs):
                if theirs != checksum(
                    (number, sight.uid) for (of, number), sight in self._sights.items() if of == node
                ):
                    self._remoting.say(node, Recount())
            case Watches(watches):
                self._recount(node, watches)
            case _:
                pass

    def _watch(self, node: str, watch: Watch) -> None:
        key = (node, watch.monitor)
        sight = self._sights.get(key)
        if sight is None:
            ref = self._remoting.local(watch.path, watch.uid)
            if ref is None:
                self._remoting.say(node, Ended(watch.monitor, write_reason(NO_PROC)))
                return
            sight = self._sights[key] = Sight(self.monitor(ref), ref.uid)
            self._keys[sight.monitor] = key
        self._remoting.say(node, Watching(watch.monitor, sight.uid))

    def _recount(self, node: str, watches: list[Watch]) -> None:
        """Set right what a lost frame has put wrong."""
        wanted = {watch.monitor for watch in watches}
        for key in [key for key in self._sights if key[0] == node and key[1] not in wanted]:
            self._forget(key)
        for watch in watches:
            self._watch(node, watch)

    @on(Down)
    def ended(self, event: Down) -> None:
        """Tell whoever wanted to know."""
        node, number = self._keys.pop(event.monitor)
        del self._sights[node, number]
        self._remoting.say(node, Ended(number, write_reason(event.reason)))

    @on(NodeLeft)
    def node_left(self, event: NodeLeft) -> None:
        """Watch nothing for a node that is gone; if it comes back, it says what it wants."""
        for key in [key for key in self._sights if key[0] == event.node]:
            self._forget(key)

    @on(NodeJoined)
    def node_joined(self, event: NodeJoined) -> None:
        """Wait for what it wants."""

    def _forget(self, key: Key) -> None:
        sight = self._sights.pop(key, None)
        if sight is not None:
            self._keys.pop(sight.monitor, None)
            self.demonitor(sight.monitor)
