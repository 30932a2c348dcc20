"""What a node reads of a message: a few of its headers. The rest is the pool process's business."""

from __future__ import annotations

import msgspec

from ...transports.message import UNREADABLE
from ..shapes import Seconds


class Peek(msgspec.Struct):
    """The headers that a node decides by; a message of protocol 1 has none of them."""

    task: str = ""
    id: str = ""
    timelimit: tuple[Seconds | None, Seconds | None] | None = None


class _Head(msgspec.Struct):
    headers: Peek


_decode = msgspec.json.Decoder(_Head).decode
NOTHING = Peek()


def peek(head: bytes) -> Peek:
    """Return what a node reads of a head; nothing of one that is malformed: the pool process will say what is wrong."""
    try:
        return _decode(head).headers
    except UNREADABLE:
        return NOTHING
