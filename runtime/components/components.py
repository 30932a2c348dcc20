"""`Components`: what an app adds to the nodes that run it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ...actors import Actor, Backoff, BadSpec, ChildSpec, DuplicateId
from .casting import PARTS, Casting
from .errors import BadComponent, UnknownPart
from .plan import Placement, hint, plan

if TYPE_CHECKING:
    from ..node.context import NodeContext

RESTART = Backoff(first=1.0, factor=2.0, maximum=30.0, jitter=0.2)
"""For components that say nothing else: one that crashes over and over must not use up its supervisor's patience."""

FLOORS = ("transport", "results", "pool", "queues", "services")


@dataclass(frozen=True, slots=True)
class Component:
    """An actor that is to be part of a node: by its spec, or by its class alone."""

    placement: Placement
    what: ChildSpec | type[Actor]

    def spec(self, context: NodeContext) -> ChildSpec:
        """Return its spec; a class is constructed with the node's context, as the node's own parts are."""
        name = self.placement.name
        if isinstance(self.what, ChildSpec):
            backoff = self.what.backoff or RESTART
            return replace(self.what, id=name, after=(), backoff=backoff)  # the order is the plan's business
        return ChildSpec(name, self.what, (context,), backoff=RESTART)


class Components:
    """Components and stand-ins, in the order in which they were added; nothing of it runs outside of a node."""

    def __init__(self) -> None:
        self._added: dict[str, Component] = {}
        self._stand_ins: dict[str, type[Actor]] = {}
        self.complete: bool = False
        """Whether what installed packages bring along is among them."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what was added."""
        return tuple(self._added)

    def add(
        self,
        what: ChildSpec | type[Actor],
        *,
        name: str | None = None,
        after: Sequence[str] = (),
        before: Sequence[str] = (),
    ) -> None:
        """Have each node start another actor, and supervise it.

        what: the spec of it, or its class, which is then constructed with the `NodeContext`. name: by default the
        spec's id, or the class's name in lower case. after, before: names of floors (transport, results, pool, queues,
        services) or of components. What nothing of the node's own waits for lives within `services`, and its crashes
        are no concern of the rest. Raises `BadComponent` and `DuplicateId`.
        """
        if not isinstance(what, ChildSpec) and not _is_actor(what):
            raise BadComponent(f"a component is a ChildSpec or an Actor class, not {what!r}")
        wanted = what.after if isinstance(what, ChildSpec) else ()
        for word, names in (("after", after), ("before", before)):
            if isinstance(names, str):
                raise BadSpec(f"{word} is a tuple of names, not {names!r}")
        name = name or (str(what.id) if isinstance(what, ChildSpec) else named_by(what))
        if name in self._added or name in FLOORS:
            raise DuplicateId(f"there is a part or a component {name!r} already: give this one another name")
        placement = Placement(name, (*map(str, wanted), *after), tuple(before))
        self._added[name] = Component(placement, what)

    def replace(self, part: str, actor: type[Actor]) -> None:
        """Have `actor` play a part of the node instead of the node's own; it is constructed as that one is.

        The parts and their messages are in the how-to guide. Raises `UnknownPart`, `BadComponent`, and `DuplicateId`
        where the part was given away before.
        """
        if part not in PARTS:
            there = hint(part, PARTS).removeprefix(", which does not exist")
            raise UnknownPart(f"a node has no part {part!r}{there}")
        if not _is_actor(actor):
            raise BadComponent(f"the part {part!r} is played by an Actor class, not by {actor!r}")
        if part in self._stand_ins:
            raise DuplicateId(f"the part {part!r} is played by {self._stand_ins[part].__qualname__} already")
        self._stand_ins[part] = actor

    def install(self, name: str, what: Any) -> None:
        """Add what an entry point leads to: a component, or a function that is given this and adds some."""
        if isinstance(what, ChildSpec) or _is_actor(what):
            self.add(what, name=name)
        elif callable(what):
            installer: Callable[[Components], object] = what
            installer(self)
        else:
            raise BadComponent(f"the component {name!r} is an Actor class, a ChildSpec or a function, not {what!r}")

    def check(self) -> None:
        """Raise what a node would, before anything is started: `UnknownPart`, `ComponentsWait`."""
        plan(FLOORS, [each.placement for each in self._added.values()])

    def cast(self, context: NodeContext) -> NodeContext:
        """Return the context of a node that has these components."""
        order = plan(FLOORS, [each.placement for each in self._added.values()])
        added = {name: component.spec(context) for name, component in self._added.items()}
        floors = {name: spec for name, spec in added.items() if name in order.floors}
        services = [*context.services, *(added[name] for name in order.services)]
        return replace(context, casting=Casting(dict(self._stand_ins), floors, order.floors), services=services)


def named_by(actor: type[Actor]) -> str:
    """Return the name of a component by its class: `QueueMetrics` is queue_metrics."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", actor.__name__).lower()


def _is_actor(what: object) -> bool:
    return isinstance(what, type) and issubclass(what, Actor)
