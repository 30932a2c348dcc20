"""The methods of AMQP 0-9-1 that RabbitMQ and we use, as values, and their bytes.

A class says its class and method number, and after each field how it is written: an octet, a number of 16, 32 or 64
bits, a bit (several in a row share an octet), a short or a long string, a table.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, fields
from struct import Struct
from typing import Annotated, Any, ClassVar, TypeVar, get_args, get_type_hints

from .errors import MalformedFrame
from .properties import short_string
from .tables import decode_table, encode_table

Octet = Annotated[int, "octet"]
Short = Annotated[int, "short"]
Long = Annotated[int, "long"]
LongLong = Annotated[int, "longlong"]
Bit = Annotated[bool, "bit"]
ShortStr = Annotated[str, "shortstr"]
LongStr = Annotated[bytes, "longstr"]
Table = Annotated[dict[str, Any], "table"]

_id = Struct(">HH")
_long = Struct(">I")
_NUMBERS = {"octet": Struct(">B"), "short": Struct(">H"), "long": Struct(">I"), "longlong": Struct(">Q")}


class Method:
    """A method's arguments. Subclasses are frozen dataclasses."""

    __slots__ = ()
    id: ClassVar[tuple[int, int]]
    kinds: ClassVar[tuple[str, ...]]

    def encode(self) -> bytes:
        """Return the payload of a method frame."""
        parts = [_id.pack(*self.id)]
        bits, width = 0, 0
        for name, kind in zip(self.__slots__, self.kinds, strict=True):
            value = getattr(self, name)
            if kind == "bit":
                bits |= bool(value) << width
                width += 1
                continue
            if width:
                parts.append(bytes((bits,)))
                bits, width = 0, 0
            parts.append(_encode(kind, value))
        if width:
            parts.append(bytes((bits,)))
        return b"".join(parts)


def _encode(kind: str, value: Any) -> bytes:
    number = _NUMBERS.get(kind)
    if number is not None:
        return number.pack(value)
    if kind == "shortstr":
        return short_string(value)
    if kind == "table":
        return encode_table(value)
    return _long.pack(len(value)) + bytes(value)


M = TypeVar("M", bound=type[Method])
_METHODS: dict[tuple[int, int], type[Method]] = {}
"""Complete once this module is imported."""


def _method(class_id: int, method_id: int) -> Callable[[M], M]:
    """Make a class a method of these numbers."""

    def register(cls: M) -> M:
        hints = get_type_hints(cls, include_extras=True)
        cls.id = (class_id, method_id)
        cls.kinds = tuple(get_args(hints[field.name])[1] for field in fields(cls))  # pyright: ignore[reportArgumentType]
        _METHODS[cls.id] = cls
        return cls

    return register


def name_of(method: tuple[int, int]) -> str:
    """Return what a method is called."""
    known = _METHODS.get(method)
    return f"{method[0]}.{method[1]}" if known is None else known.__name__


def decode_method(payload: bytes) -> Method:
    """Read the payload of a method frame; raises `MalformedFrame`."""
    try:
        number = _id.unpack_from(payload)
    except struct.error:
        raise MalformedFrame(f"a method frame has {len(payload)} bytes, too few for a method") from None
    cls = _METHODS.get(number)
    if cls is None:
        raise MalformedFrame(f"there is no method {number[0]}.{number[1]}, or it is none that a broker sends us")
    try:
        return cls(*_arguments(cls.kinds, payload))
    except (IndexError, struct.error, UnicodeDecodeError) as error:
        raise MalformedFrame(f"{cls.__name__} cannot be read: {error}") from None


def _arguments(kinds: tuple[str, ...], payload: bytes) -> list[Any]:
    """Read arguments; those that a newer protocol might append are left alone."""
    values: list[Any] = []
    place, width = 4, 0
    for kind in kinds:
        if kind == "bit":
            values.append(bool(payload[place] >> width & 1))
            width += 1
            continue
        if width:
            place, width = place + 1, 0
        value, place = _decode(kind, payload, place)
        values.append(value)
    if place > len(payload):
        raise IndexError("it ends too early")
    return values


def _decode(kind: str, payload: bytes, place: int) -> tuple[Any, int]:
    number = _NUMBERS.get(kind)
    if number is not None:
        return number.unpack_from(payload, place)[0], place + number.size
    if kind == "shortstr":
        end = place + 1 + payload[place]
        return payload[place + 1 : end].decode(), end
    (size,) = _long.unpack_from(payload, place)
    start = place + 4
    if kind == "table":
        return decode_table(payload, start, start + size), start + size
    return payload[start : start + size], start + size


@_method(10, 10)
@dataclass(frozen=True, slots=True)
class Start(Method):
    major: Octet
    minor: Octet
    server_properties: Table
    mechanisms: LongStr
    locales: LongStr


@_method(10, 11)
@dataclass(frozen=True, slots=True)
class StartOk(Method):
    client_properties: Table
    mechanism: ShortStr
    response: LongStr
    locale: ShortStr = "en_US"


@_method(10, 20)
@dataclass(frozen=True, slots=True)
class Secure(Method):
    challenge: LongStr


@_method(10, 30)
@dataclass(frozen=True, slots=True)
class Tune(Method):
    channel_max: Short
    frame_max: Long
    heartbeat: Short


@_method(10, 31)
@dataclass(frozen=True, slots=True)
class TuneOk(Method):
    channel_max: Short
    frame_max: Long
    heartbeat: Short


@_method(10, 40)
@dataclass(frozen=True, slots=True)
class Open(Method):
    virtual_host: ShortStr
    reserved_1: ShortStr = ""
    reserved_2: Bit = False


@_method(10, 41)
@dataclass(frozen=True, slots=True)
class OpenOk(Method):
    reserved: ShortStr = ""


@_method(10, 50)
@dataclass(frozen=True, slots=True)
class Close(Method):
    code: Short
    text: ShortStr
    class_id: Short = 0
    method_id: Short = 0


@_method(10, 51)
@dataclass(frozen=True, slots=True)
class CloseOk(Method):
    pass


@_method(10, 60)
@dataclass(frozen=True, slots=True)
class Blocked(Method):
    reason: ShortStr


@_method(10, 61)
@dataclass(frozen=True, slots=True)
class Unblocked(Method):
    pass


@_method(20, 10)
@dataclass(frozen=True, slots=True)
class ChannelOpen(Method):
    reserved: ShortStr = ""


@_method(20, 11)
@dataclass(frozen=True, slots=True)
class ChannelOpenOk(Method):
    reserved: LongStr = b""


@_method(20, 40)
@dataclass(frozen=True, slots=True)
class ChannelClose(Method):
    code: Short
    text: ShortStr
    class_id: Short = 0
    method_id: Short = 0


@_method(20, 41)
@dataclass(frozen=True, slots=True)
class ChannelCloseOk(Method):
    pass


@_method(40, 10)
@dataclass(frozen=True, slots=True)
class ExchangeDeclare(Method):
    reserved: Short
    exchange: ShortStr
    type: ShortStr
    passive: Bit
    durable: Bit
    auto_delete: Bit
    internal: Bit
    no_wait: Bit
    arguments: Table


@_method(40, 11)
@dataclass(frozen=True, slots=True)
class ExchangeDeclareOk(Method):
    pass


@_method(40, 30)
@dataclass(frozen=True, slots=True)
class ExchangeBind(Method):
    reserved: Short
    destination: ShortStr
    source: ShortStr
    routing_key: ShortStr
    no_wait: Bit
    arguments: Table


@_method(40, 31)
@dataclass(frozen=True, slots=True)
class ExchangeBindOk(Method):
    pass


@_method(50, 10)
@dataclass(frozen=True, slots=True)
class QueueDeclare(Method):
    reserved: Short
    queue: ShortStr
    passive: Bit
    durable: Bit
    exclusive: Bit
    auto_delete: Bit
    no_wait: Bit
    arguments: Table


@_method(50, 11)
@dataclass(frozen=True, slots=True)
class QueueDeclareOk(Method):
    queue: ShortStr
    messages: Long
    consumers: Long


@_method(50, 20)
@dataclass(frozen=True, slots=True)
class QueueBind(Method):
    reserved: Short
    queue: ShortStr
    exchange: ShortStr
    routing_key: ShortStr
    no_wait: Bit
    arguments: Table


@_method(50, 21)
@dataclass(frozen=True, slots=True)
class QueueBindOk(Method):
    pass


@_method(50, 30)
@dataclass(frozen=True, slots=True)
class QueuePurge(Method):
    reserved: Short
    queue: ShortStr
    no_wait: Bit


@_method(50, 31)
@dataclass(frozen=True, slots=True)
class QueuePurgeOk(Method):
    messages: Long


@_method(50, 40)
@dataclass(frozen=True, slots=True)
class QueueDelete(Method):
    reserved: Short
    queue: ShortStr
    if_unused: Bit
    if_empty: Bit
    no_wait: Bit


@_method(50, 41)
@dataclass(frozen=True, slots=True)
class QueueDeleteOk(Method):
    messages: Long


@_method(60, 10)
@dataclass(frozen=True, slots=True)
class Qos(Method):
    size: Long
    count: Short
    for_channel: Bit


@_method(60, 11)
@dataclass(frozen=True, slots=True)
class QosOk(Method):
    pass


@_method(60, 20)
@dataclass(frozen=True, slots=True)
class Consume(Method):
    reserved: Short
    queue: ShortStr
    consumer_tag: ShortStr
    no_local: Bit
    no_ack: Bit
    exclusive: Bit
    no_wait: Bit
    arguments: Table


@_method(60, 21)
@dataclass(frozen=True, slots=True)
class ConsumeOk(Method):
    consumer_tag: ShortStr


@_method(60, 30)
@dataclass(frozen=True, slots=True)
class Cancel(Method):
    consumer_tag: ShortStr
    no_wait: Bit


@_method(60, 31)
@dataclass(frozen=True, slots=True)
class CancelOk(Method):
    consumer_tag: ShortStr


@_method(60, 40)
@dataclass(frozen=True, slots=True)
class Publish(Method):
    reserved: Short
    exchange: ShortStr
    routing_key: ShortStr
    mandatory: Bit
    immediate: Bit


@_method(60, 50)
@dataclass(frozen=True, slots=True)
class Return(Method):
    code: Short
    text: ShortStr
    exchange: ShortStr
    routing_key: ShortStr


@_method(60, 60)
@dataclass(frozen=True, slots=True)
class Deliver(Method):
    consumer_tag: ShortStr
    delivery_tag: LongLong
    redelivered: Bit
    exchange: ShortStr
    routing_key: ShortStr


@_method(60, 70)
@dataclass(frozen=True, slots=True)
class Get(Method):
    reserved: Short
    queue: ShortStr
    no_ack: Bit


@_method(60, 71)
@dataclass(frozen=True, slots=True)
class GetOk(Method):
    delivery_tag: LongLong
    redelivered: Bit
    exchange: ShortStr
    routing_key: ShortStr
    messages: Long


@_method(60, 72)
@dataclass(frozen=True, slots=True)
class GetEmpty(Method):
    reserved: ShortStr = ""


@_method(60, 80)
@dataclass(frozen=True, slots=True)
class Ack(Method):
    delivery_tag: LongLong
    multiple: Bit


@_method(60, 120)
@dataclass(frozen=True, slots=True)
class Nack(Method):
    delivery_tag: LongLong
    multiple: Bit
    requeue: Bit


@_method(85, 10)
@dataclass(frozen=True, slots=True)
class ConfirmSelect(Method):
    no_wait: Bit


@_method(85, 11)
@dataclass(frozen=True, slots=True)
class ConfirmSelectOk(Method):
    pass
