"""What cannot be added to a node's tree, or replaced in it."""

from __future__ import annotations

from ...actors import BadSpec


class BadComponent(BadSpec):
    """What was added is neither an actor class, nor a `ChildSpec`, nor a function that adds such."""


class UnknownPart(BadSpec):
    """A node has no part, and nobody has added a component, of that name."""


class ComponentsWait(BadSpec):
    """Components wait for each other, so that none of them could be the first."""
