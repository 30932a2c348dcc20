"""`Casting`: who plays which part of a node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...actors import Actor, ChildSpec

PARTS: Mapping[str, str] = {
    "transport": "keeps the broker within reach",
    "results": "makes outcomes durable",
    "results/committer": "commits outcomes in batches",
    "pool": "runs tasks",
    "pool/nursery": "makes pool processes",
    "pool/turnstile": "lets tasks with a rate limit through",
    "pool/roster": "knows which slot has room, and which queue wants it",
    "pool/slots": "the slots",
    "pool/slot": "keeps one pool process",
    "queues": "the queues' groups",
    "queues/group": "takes messages from one queue",
    "queues/intake": "asks the broker for messages",
    "queues/dispatch": "holds them until they are settled, and gives them to slots",
    "queues/watchman": "keeps the lease; sees to an orderly end",
    "services": "what serves the node beside its work, and components",
}
"""The parts that can be replaced, and what each does."""


@dataclass(frozen=True, slots=True)
class Casting:
    """Actor classes that stand in for the node's own, by part, and components among the node's floors, in order.

    order: the names of all floors in order of start; empty for the node's own.
    """

    stand_ins: Mapping[str, type[Actor]] = field(default_factory=dict[str, "type[Actor]"])
    floors: Mapping[str, ChildSpec] = field(default_factory=dict[str, ChildSpec])
    order: tuple[str, ...] = ()

    def house(self, own: Sequence[ChildSpec]) -> list[ChildSpec]:
        """Return the node's floors, its own and those that were added, in order of start."""
        floors = {str(spec.id): self.part(str(spec.id), spec) for spec in own} | dict(self.floors)
        return [floors[name] for name in self.order or floors]

    def within(self, floor: str, specs: Sequence[ChildSpec]) -> list[ChildSpec]:
        """Return the parts of a floor, each by its id."""
        return [self.part(f"{floor}/{spec.id}", spec) for spec in specs]

    def each(self, part: str, specs: Sequence[ChildSpec]) -> list[ChildSpec]:
        """Return those of whom there are many, all of which play the same part."""
        return [self.part(part, spec) for spec in specs]

    def part(self, part: str, spec: ChildSpec) -> ChildSpec:
        """Return the spec of a part, with whoever stands in for the node's own actor."""
        stand_in = self.stand_ins.get(part)
        return spec if stand_in is None else replace(spec, actor=stand_in)
