"""What runs over the socket: frames of msgpack, and the handshake that precedes them.

A frame is its length (four bytes, little end first) and its content: from a client an array of requests, from the
writer an array of answers. The first frame each way is the handshake, a map, so that releases can add to it: the client
names the versions that it speaks and the writer picks one.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import msgspec

from ...actors.errors import Timeout
from .. import errors
from ..errors import TransportError
from .requests import AnyRequest

NEWEST = 1
OLDEST = 1
"""The versions of the protocol that this release speaks: its own and, once there is one, that of the release before."""

MAX_FRAME = (1 << 29) - 1
"""Bytes; four letters of text, taken for a length, are always more."""
_LENGTH = struct.Struct("<I")

Content = bytes | memoryview
"""What is between a frame's length and the next frame."""

Failure = tuple[str, str]
"""The name of an error's class, and its text."""


class Held(msgspec.Struct, array_like=True):
    """What an owner held when its connection broke: (tag, place) of each message.

    settling: of those whose settlement has no answer yet, (tag, number of the request): if that was carried out they
    are not held any more, and maybe by somebody else.
    """

    owner: str
    queues: list[str]
    claims: list[tuple[int, int]]
    settling: list[tuple[int, int]] = []

    def since(self, last: int) -> list[tuple[int, int]]:
        """Return what is held after the requests up to number `last` were carried out."""
        settled = {tag for tag, number in self.settling if number <= last}
        return [claim for claim in self.claims if claim[0] not in settled] if settled else self.claims


class Hello(msgspec.Struct):
    """A client's first frame. nonce: who it is, over all its connections; held: the owners that go on."""

    oldest: int
    newest: int
    nonce: str
    held: list[Held] = []


class Welcome(msgspec.Struct, omit_defaults=True):
    """The writer's answer: the version they speak, or why it has none for this client.

    resumed: for each of `held` whether it goes on; where not, it holds nothing any more.
    """

    version: int = 0
    resumed: list[bool] = []
    refusal: Failure | None = None


class Answered(msgspec.Struct, array_like=True):
    """An answer on the client's side, its value still encoded."""

    id: int
    failure: Failure | None
    value: msgspec.Raw


encode: Callable[[object], bytes] = msgspec.msgpack.Encoder().encode
decode_requests: Callable[[Content], list[AnyRequest]] = msgspec.msgpack.Decoder(list[AnyRequest]).decode
decode_answers: Callable[[Content], list[Answered]] = msgspec.msgpack.Decoder(list[Answered]).decode
decode_hello: Callable[[Content], Hello] = msgspec.msgpack.Decoder(Hello).decode
decode_welcome: Callable[[Content], Welcome] = msgspec.msgpack.Decoder(Welcome).decode


def frame(content: object) -> bytes:
    """Return the frame of a value."""
    encoded = encode(content)
    if len(encoded) > MAX_FRAME:
        raise TransportError(f"too large for the embedded broker: {len(encoded)} bytes in one go, {MAX_FRAME} at most")
    return _LENGTH.pack(len(encoded)) + encoded


class Unframer:
    """Cuts a stream into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        """The part of a frame that has come so far, often nothing."""
        self._wanted = _LENGTH.size

    def feed(self, data: bytes) -> list[memoryview]:
        """Return the contents of the frames that are complete now; they share the memory of what was received."""
        if self._buffer:
            self._buffer += data
            if len(self._buffer) < self._wanted:
                return []
            data = bytes(self._buffer)

        frames: list[memoryview] = []
        view = memoryview(data)
        start, available = 0, len(data)
        while True:
            if available - start < _LENGTH.size:
                self._wanted = _LENGTH.size
                break
            content = start + _LENGTH.size
            end = content + _length_at(data, start)
            if available < end:
                self._wanted = end - start
                break
            frames.append(view[content:end])
            start = end
        self._buffer = bytearray(view[start:])
        return frames


def _length_at(data: bytes, start: int) -> int:
    (length,) = _LENGTH.unpack_from(data, start)
    if length > MAX_FRAME:
        raise TransportError(f"a frame of {length} bytes: whoever is at the other end does not speak our protocol")
    return length


def describe_error(error: Exception) -> Failure:
    """Return an error as it crosses the socket."""
    return type(error).__name__, str(error)


def make_error(failure: Failure) -> Exception:
    """Return the error that `describe_error` described; one of a newer release is a `TransportError`."""
    name, text = failure
    if name == Timeout.__name__:
        return Timeout(text)
    kind = getattr(errors, name, TransportError)
    return kind(text) if isinstance(kind, type) and issubclass(kind, TransportError) else TransportError(text)


def agree(hello: Hello) -> int:
    """Return the version to speak with a client; raises `TransportError` where there is none."""
    version = min(NEWEST, hello.newest)
    if version < max(OLDEST, hello.oldest):
        raise TransportError(
            f"the writer of the embedded broker speaks versions {OLDEST} to {NEWEST} of its protocol, this process "
            f"{hello.oldest} to {hello.newest}: their releases are too far apart, restart the older one"
        )
    return version
