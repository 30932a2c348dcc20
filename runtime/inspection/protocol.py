"""What is said between a node and whoever looks at it: one line of JSON each way for each connection.

A newer release may add fields, and kinds of requests; an older one answers that it does not know the kind.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ...actors import Snapshot, UnderstudyError
from ...transports.message import UNREADABLE

LONGEST = 1 << 16
"""Bytes of a request."""


class InspectionFailed(UnderstudyError):
    """A node could not be asked, or did not do what it was asked; says why."""


class Request(msgspec.Struct, omit_defaults=True):
    """What is wanted. kind: look, restart, stop. path: of whom; for a look the part of the tree that begins there."""

    kind: str
    path: str = ""
    kill: bool = False


class NodeView(msgspec.Struct):
    """A node at one moment: what it is, and all of its actors."""

    name: str
    pid: int
    app: str
    pool: str
    concurrency: int
    queues: tuple[str, ...]
    started: float
    tree: Snapshot


class Answer(msgspec.Struct, omit_defaults=True):
    """What came of it: a view, or a text about what was done, or what was wrong."""

    node: NodeView | None = None
    done: str = ""
    failure: str = ""


class Identity(msgspec.Struct, frozen=True):
    """What a node says of itself, beside its tree. started: unix seconds."""

    name: str
    pid: int
    app: str
    pool: str
    concurrency: int
    queues: tuple[str, ...]
    started: float

    def view(self, tree: Snapshot) -> NodeView:
        """Return the node with its tree."""
        return NodeView(**msgspec.structs.asdict(self), tree=tree)


def encode(message: Request | Answer) -> bytes:
    """Return a line."""
    return msgspec.json.encode(message) + b"\n"


def decode(line: bytes, kind: type[Any]) -> Any:
    """Return what a line says; raises `InspectionFailed`."""
    try:
        return msgspec.json.decode(line, type=kind)
    except UNREADABLE as error:
        raise InspectionFailed(f"what came over the socket is no {kind.__name__} of this release: {error}") from error
