"""`Keys`: the names under which things stand in Redis. Those of queues are kombu's."""

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass

OURS = "understudy:"
"""What the fields of `unacked` begin with that are ours: `understudy:{boot}.{epoch}.{number}`."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Kombu's names, as its options may change them, and beside them ours, which begin with `understudy.`."""

    prefix: str = ""
    separator: str = "\x06\x16"
    steps: tuple[int, ...] = (0, 3, 6, 9)
    unacked: str = "unacked"
    index: str = "unacked_index"

    @property
    def unacked_key(self) -> str:
        """The hash of what is held."""
        return self.prefix + self.unacked

    @property
    def index_key(self) -> str:
        """The sorted set of since when it is held."""
        return self.prefix + self.index

    @property
    def nodes(self) -> str:
        """The set of the boots of our nodes."""
        return f"{self.prefix}understudy.nodes"

    def node(self, boot: str) -> str:
        """Return the hash of a node: its owners. It expires with the lease."""
        return f"{self.prefix}understudy.node.{boot}"

    def delayed(self, queue: str) -> str:
        """Return the sorted set of the messages of a queue that are not due, by the time at which they are."""
        return f"{self.prefix}understudy.delayed.{queue}"

    def dedupe(self, key: str) -> str:
        """Return the key that stands as long as a second publication is to be dropped."""
        return f"{self.prefix}understudy.dedupe.{key}"

    def lists(self, queue: str) -> list[str]:
        """Return the lists of a queue, the one that is served first at the front."""
        return [self._list(queue, step) for step in self.steps]

    def list_of(self, queue: str, priority: int) -> str:
        """Return the list of a queue in which a message of a priority waits."""
        return self._list(queue, self.steps[max(0, bisect(self.steps, max(0, min(9, priority))) - 1)])

    def bindings(self, exchange: str) -> tuple[str, str]:
        """Return the sets that know an exchange's bindings: all, and those that stay."""
        return f"{self.prefix}_kombu.binding.{exchange}", f"{self.prefix}_kombu.binding_permanent.{exchange}"

    def binding(self, queue: str, routing_key: str, pattern: str) -> str:
        """Return what stands for a binding in the sets of its exchange."""
        return self.separator.join((routing_key, pattern, queue))

    def _list(self, queue: str, step: int) -> str:
        return f"{self.prefix}{queue}{self.separator}{step}" if step else self.prefix + queue


def field_prefix(owner: str) -> str:
    """Return what an owner's fields of `unacked` begin with."""
    return f"{OURS}{owner}."


def owner_of(field: str) -> tuple[str, str, int]:
    """Return boot, epoch and number of a field of ours; raises ValueError where it is none."""
    boot, epoch, number = field.removeprefix(OURS).rsplit(".", 2)
    return boot, epoch, int(number)
