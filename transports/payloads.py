"""Payloads of key/value stores, as far as a transport has to look into them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Protocol, runtime_checkable

import msgspec

from . import codecs
from .message import UNREADABLE

READY = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
_COMPRESSED = b"\x00celery-compressed\x00"


class _Meta(msgspec.Struct):
    status: str


_decode = msgspec.json.Decoder(_Meta).decode


def plain(payload: bytes) -> bytes:
    """Return a payload as it was before Celery's `result_compression`."""
    if not payload.startswith(_COMPRESSED):
        return payload
    content_type, _, compressed = payload.removeprefix(_COMPRESSED).partition(b"\x00")
    return codecs.decompress(compressed, content_type.decode())


def compressed(payload: bytes, method: str) -> bytes:
    """Return a payload as Celery's `result_compression` keeps it; `method` is a kombu name ("zlib", ...)."""
    data, content_type = codecs.compress(payload, method)
    return b"%b%b\x00%b" % (_COMPRESSED, content_type.encode(), data)


def keeps_any_bytes(store: object) -> bool:
    """Tell whether a result store gives back whatever bytes it is given, as compressed payloads need it."""
    return getattr(store, "keeps_any_bytes", False)


@runtime_checkable
class ReadsPayloads(Protocol):
    """A result store that looks into payloads, to see which of them are final."""

    def expect(self, serializer: str, accept: Collection[str]) -> None:
        """Say how payloads are encoded, which is JSON else. accept: the content types that may be decoded."""
        ...


def state_of(payload: bytes) -> str | None:
    """Return the state that a payload in JSON says, None where it is something else."""
    try:
        return _decode(payload).status
    except UNREADABLE:
        return None


def state_reader(serializer: str, accept: Collection[str]) -> Callable[[bytes], str | None]:
    """Return a function that returns the state that a payload says, None where it cannot be read."""
    if serializer == "json":
        return state_of
    _, content_type, encoding = codecs.encode(None, serializer)

    def read(payload: bytes) -> str | None:
        try:
            return str(codecs.decode(payload, content_type, encoding, accept)["status"])
        except (codecs.MalformedMessage, KeyError, TypeError):
            return None

    return read
