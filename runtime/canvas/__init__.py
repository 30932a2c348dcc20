"""Canvas: calls as values, and workflows made of them."""

from __future__ import annotations

from .chain import Chain
from .chain import Chain as chain  # noqa: N813 - Celery's names, also those below
from .chord import Chord
from .chord import Chord as chord  # noqa: N813
from .group import Group
from .group import Group as group  # noqa: N813
from .sequences import Chunks, Map, StarMap
from .sequences import Chunks as chunks  # noqa: N813
from .sequences import Map as xmap  # noqa: N813
from .sequences import StarMap as xstarmap  # noqa: N813
from .signature import Signature, signature
from .stamping import StampingVisitor

_KINDS: dict[str | None, type[Signature[object]]] = {
    kind.subtask: kind for kind in (Signature, Chain, Group, Chord, Map, StarMap, Chunks)
}


def kind_of(subtask_type: str | None) -> type[Signature[object]]:
    """Return the class for a signature's `subtask_type`; one that is not known is an ordinary task."""
    return _KINDS.get(subtask_type, Signature)


__all__ = [
    "Signature",
    "StampingVisitor",
    "chain",
    "chord",
    "chunks",
    "group",
    "kind_of",
    "signature",
    "xmap",
    "xstarmap",
]
