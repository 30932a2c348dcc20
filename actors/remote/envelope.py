"""`Envelope`: what travels between nodes, a msgpack map."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

import msgspec

from .errors import EnvelopeTooNew, MalformedEnvelope

VERSION = 1

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on bytes that are not what is expected."""


class Kind(StrEnum):
    """What an envelope is for."""

    TELL = "tell"
    ASK = "ask"
    REPLY = "reply"
    ERROR = "error"
    SYSTEM = "sys"


class Lane(StrEnum):
    """Which of a node's two inboxes: what nodes say to each other overtakes what their actors say."""

    SYSTEM = "s"
    USER = "u"


class Envelope(msgspec.Struct, frozen=True, omit_defaults=True):
    """A message and what is to be known about it; later releases may add keys, and earlier ones skip them.

    v: version. id: unique, the sender's boot and a number. to: an address, or the node itself. sender: its node (`from`
    on the wire). kind: see `Kind`. corr: the id of the ask that this answers. rto: the node that wants the answer. seq:
    per pair of nodes, growing. dl: unix milliseconds after which nobody waits any more. type: the registered name of
    what is in the body. ctype: how the body is encoded. hdr: for applications and traces.
    """

    v: int
    id: str
    to: str
    sender: str = msgspec.field(name="from")
    kind: Kind
    seq: int
    corr: str = ""
    rto: str = ""
    dl: int = 0
    type: str = ""
    ctype: str = "msgpack"
    hdr: dict[str, str] = {}
    body: bytes = b""


class _Version(msgspec.Struct):
    v: int


encode: Callable[[Envelope], bytes] = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Envelope] = msgspec.msgpack.Decoder(Envelope).decode
_decode_version: Callable[[bytes], _Version] = msgspec.msgpack.Decoder(_Version).decode


def decode(data: bytes) -> Envelope:
    """Return the envelope; raises `EnvelopeTooNew` for one of a newer version, and `MalformedEnvelope`."""
    try:
        version = _decode_version(data).v
        if version <= VERSION:
            return _decode(data)
    except UNREADABLE as error:
        raise MalformedEnvelope(f"what came over the bus is no envelope: {error}") from error
    raise EnvelopeTooNew(
        f"an envelope of version {version} came, and this release reads up to {VERSION}: update this node"
    )
