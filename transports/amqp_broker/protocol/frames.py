"""Frames: how bytes are cut into them, and those that are sent often enough to be made by hand."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from .errors import MalformedFrame
from .methods import Ack, Method, Nack, Publish

PROTOCOL_HEADER = b"AMQP\0\0\x09\1"
METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
END = 0xCE
OVERHEAD = 8
SMALLEST_MAX = 4096
"""Bytes of the largest frame before anything was agreed upon."""

_head = Struct(">BHI")
_content = Struct(">HHQ")
_settle = Struct(">BHIHHQBB")
_BASIC = 60
_HEARTBEAT_FRAME = _head.pack(HEARTBEAT, 0, 0) + bytes((END,))

Frame = tuple[int, int, bytes]
"""Type, channel, payload."""


def frame(kind: int, channel: int, payload: bytes) -> bytes:
    """Return a frame."""
    return _head.pack(kind, channel, len(payload)) + payload + b"\xce"


def method_frame(channel: int, method: Method) -> bytes:
    """Return the frame of a method."""
    return frame(METHOD, channel, method.encode())


def heartbeat_frame() -> bytes:
    """Return the frame that says nothing but that we live."""
    return _HEARTBEAT_FRAME


def ack_frame(channel: int, tag: int, *, multiple: bool) -> bytes:
    """Return `Ack` as a frame."""
    return _settle.pack(METHOD, channel, 13, *Ack.id, tag, multiple, END)


def requeue_frame(channel: int, tag: int) -> bytes:
    """Return `Nack` as a frame by which one message goes back."""
    return _settle.pack(METHOD, channel, 13, *Nack.id, tag, 2, END)


def publish_head(channel: int, exchange: str, routing_key: str, *, mandatory: bool) -> bytes:
    """Return the first frame of a message, which is the same for all that go to one place."""
    return method_frame(channel, Publish(0, exchange, routing_key, mandatory, False))


def content_frames(channel: int, properties: bytes, body: bytes, frame_max: int) -> bytes:
    """Return the other frames of a message: its header, and the body in as many as it takes."""
    size = len(body)
    header = frame(HEADER, channel, _content.pack(_BASIC, 0, size) + properties)
    room = frame_max - OVERHEAD
    if size <= room:
        return header + frame(BODY, channel, body) if size else header
    return header + b"".join(frame(BODY, channel, body[start : start + room]) for start in range(0, size, room))


def content_header(payload: bytes) -> tuple[int, bytes]:
    """Return the size of the body that a header announces, and the properties; raises `MalformedFrame`."""
    if len(payload) < _content.size + 2:
        raise MalformedFrame(f"a content header has {len(payload)} bytes, too few")
    class_id, _, size = _content.unpack_from(payload)
    if class_id != _BASIC:
        raise MalformedFrame(f"a content header is about class {class_id}: only messages have content")
    return size, payload[_content.size :]


class Cutter:
    """Cuts what arrives, in pieces of any size, into frames."""

    def __init__(self) -> None:
        self.frame_max: int = SMALLEST_MAX
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that are complete; raises `MalformedFrame` at what is none."""
        if self._rest:
            data = self._rest + data
            self._rest = b""
        place, size = 0, len(data)
        unpack = _head.unpack_from
        while size - place >= OVERHEAD:
            kind, channel, length = unpack(data, place)
            end = place + 7 + length
            if length + OVERHEAD > self.frame_max or kind not in _KINDS:
                self._refuse(kind, length, data[place : place + 8])
            if end >= size:
                break
            if data[end] != END:
                raise MalformedFrame(f"a frame of {length} bytes ends with {data[end]:#04x}, where 0xce has to stand")
            yield kind, channel, data[place + 7 : end]
            place = end + 1
        self._rest = data[place:]

    def _refuse(self, kind: int, length: int, start: bytes) -> None:
        if start.startswith(b"AMQP"):
            version = ".".join(map(str, start[5:8]))
            raise MalformedFrame(f"the other end speaks AMQP {version}, and not 0.9.1")
        if kind not in _KINDS:
            raise MalformedFrame(f"there is no frame of type {kind}: {start!r} is no AMQP")
        raise MalformedFrame(f"a frame of {length} bytes is larger than what was agreed upon: {self.frame_max}")


_KINDS = frozenset({METHOD, HEADER, BODY, HEARTBEAT})
