"""`Connection`: the broker's side of the conversation, as far as it goes without a socket.

Feed it what arrives, send what it says. It logs in, agrees on limits, answers what has to be answered at once, and puts
messages together. Everything else comes out as events, in the order in which it came.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, NamedTuple

from . import methods as amqp
from .errors import ConnectionClosed, MalformedFrame
from .frames import HEADER, HEARTBEAT, METHOD, PROTOCOL_HEADER, SMALLEST_MAX, Cutter, content_header, method_frame
from .tables import encode_table

FRAME_MAX = 131_072
CHANNEL_MAX = 64
LARGEST_BODY = 1 << 30
"""Bytes: RabbitMQ itself takes no message that is larger than half of this."""

_tag = Struct(">QB")
_DELIVER = b"\0\x3c\0\x3c"
_CONTENT = (amqp.Return, amqp.GetOk)


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are, and what we would like. `mechanism` None: PLAIN, else whatever the broker has of what we know."""

    user: str = "guest"
    password: str = field(default="guest", repr=False)
    virtual_host: str = "/"
    mechanism: str | None = None
    heartbeat: int = 10
    name: str = ""

    def response(self, mechanism: str) -> bytes:
        """Return what proves who we are."""
        if mechanism == "PLAIN":
            return f"\0{self.user}\0{self.password}".encode()
        if mechanism == "AMQPLAIN":
            return encode_table({"LOGIN": self.user, "PASSWORD": self.password})[4:]
        return b""  # EXTERNAL: the certificate says it


class Delivered(NamedTuple):
    """A message that a consumer gets. `properties` are as they stand in the content header."""

    channel: int
    consumer: str
    tag: int
    redelivered: bool
    exchange: str
    routing_key: str
    properties: bytes
    body: bytes


class Said(NamedTuple):
    """Any other method, with its content if it has one."""

    channel: int
    method: amqp.Method
    properties: bytes = b""
    body: bytes = b""


Event = Delivered | Said


class Connection:
    """A connection's state, from the protocol header on.

    opened: whether the virtual host is open. blocked: why the broker takes no messages at present, or None. closed:
    why the broker has closed the connection. heartbeat: seconds, 0 for none. frame_max: bytes.
    """

    def __init__(self, login: Login) -> None:
        self.opened: bool = False
        self.blocked: str | None = None
        self.closed: ConnectionClosed | None = None
        self.heartbeat: int = 0
        self.frame_max: int = SMALLEST_MAX
        self.channel_max: int = CHANNEL_MAX
        self.server: Mapping[str, Any] = {}
        self._login = login
        self._cutter = Cutter()
        self._outgoing = bytearray(PROTOCOL_HEADER)
        self._contents: dict[int, _Content] = {}
        self._places: dict[bytes, tuple[str, str]] = {}

    def outgoing(self) -> bytes:
        """Return what is to be sent now; it is returned once."""
        if not self._outgoing:
            return b""
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def receive(self, data: bytes) -> list[Event]:
        """Take what has arrived; raises `MalformedFrame` where it is no AMQP, and is of no more use then."""
        events: list[Event] = []
        contents = self._contents
        for kind, channel, payload in self._cutter.feed(data):
            if kind == METHOD:
                if channel in contents:
                    raise MalformedFrame(f"channel {channel}: a method came where a message's content was due")
                if payload.startswith(_DELIVER):
                    contents[channel] = self._delivery(channel, payload)
                elif channel:
                    self._method(channel, payload, events)
                else:
                    self._own(amqp.decode_method(payload))
            elif kind == HEARTBEAT:
                continue
            else:
                content = contents.get(channel)
                if content is None:
                    raise MalformedFrame(f"channel {channel}: content came that no method has announced")
                complete = content.header(payload) if kind == HEADER else content.more(payload)
                if complete:
                    del contents[channel]
                    events.append(content.event())
        return events

    def _method(self, channel: int, payload: bytes, events: list[Event]) -> None:
        method = amqp.decode_method(payload)
        if isinstance(method, _CONTENT):
            self._contents[channel] = _Content(channel, method)
            return
        if isinstance(method, amqp.ChannelClose):
            self._say(channel, amqp.ChannelCloseOk())
        events.append(Said(channel, method))

    def _delivery(self, channel: int, payload: bytes) -> _Content:
        """Read `Deliver`: by hand, since it comes with each message."""
        try:
            end = 5 + payload[4]
            consumer = payload[5:end].decode()
            tag, redelivered = _tag.unpack_from(payload, end)
            rest = payload[end + 9 :]
            place = self._places.get(rest)
            if place is None:
                place = self._remember(rest)
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            raise MalformedFrame(f"Deliver cannot be read: {error}") from None
        return _Content(channel, None, (consumer, tag, bool(redelivered & 1), *place))

    def _remember(self, rest: bytes) -> tuple[str, str]:
        """Read exchange and routing key, which few bytes stand for many messages' of."""
        if len(self._places) > 1000:
            self._places.clear()
        end = 1 + rest[0]
        last = end + 1 + rest[end]
        if last > len(rest):
            raise IndexError("it ends too early")
        place = self._places[rest] = rest[1:end].decode(), rest[end + 1 : last].decode()
        return place

    # The connection's own methods

    def _own(self, method: amqp.Method) -> None:
        match method:
            case amqp.Start():
                self._start(method)
            case amqp.Secure():
                raise MalformedFrame("the broker asks for more than a name and a password, which we cannot answer")
            case amqp.Tune():
                self._tune(method)
            case amqp.OpenOk():
                self.opened = True
            case amqp.Close():
                self.closed = ConnectionClosed(method.code, method.text, (method.class_id, method.method_id))
                self._say(0, amqp.CloseOk())
            case amqp.Blocked():
                self.blocked = method.reason
            case amqp.Unblocked():
                self.blocked = None
            case amqp.CloseOk():
                self.closed = ConnectionClosed(200, "closed as we asked")
            case _:
                raise MalformedFrame(f"{type(method).__name__} is nothing that a broker says on channel 0")

    def _start(self, start: amqp.Start) -> None:
        self.server = start.server_properties
        offered = start.mechanisms.decode("ascii", "replace").split()
        wanted = [self._login.mechanism] if self._login.mechanism else ["PLAIN", "AMQPLAIN"]
        mechanism = next((one for one in wanted if one in offered), None)
        if mechanism is None:
            text = f"no way to log in: the broker has {', '.join(offered)}, and we have {', '.join(wanted)}"
            self.closed = ConnectionClosed(403, text)
            return
        self._say(0, amqp.StartOk(self._properties(), mechanism, self._login.response(mechanism)))

    def _properties(self) -> dict[str, Any]:
        able = ("publisher_confirms", "consumer_cancel_notify", "basic.nack", "connection.blocked")
        capabilities = dict.fromkeys((*able, "authentication_failure_close", "exchange_exchange_bindings"), True)
        named = {"connection_name": self._login.name} if self._login.name else {}
        return {"product": "understudy", "platform": "Python", "capabilities": capabilities, **named}

    def _tune(self, tune: amqp.Tune) -> None:
        self.frame_max = self._cutter.frame_max = min(tune.frame_max or FRAME_MAX, FRAME_MAX)
        self.channel_max = min(tune.channel_max or CHANNEL_MAX, CHANNEL_MAX)
        self.heartbeat = self._login.heartbeat
        self._say(0, amqp.TuneOk(self.channel_max, self.frame_max, self.heartbeat))
        self._say(0, amqp.Open(self._login.virtual_host))

    def _say(self, channel: int, method: amqp.Method) -> None:
        self._outgoing += method_frame(channel, method)


class _Content:
    """A message of which the method has arrived, and its header and body are to come."""

    __slots__ = ("_left", "_parts", "channel", "delivery", "method", "properties")

    def __init__(
        self,
        channel: int,
        method: amqp.Method | None,
        delivery: tuple[str, int, bool, str, str] | None = None,
    ) -> None:
        self.channel = channel
        self.method = method
        self.delivery = delivery
        self.properties: bytes | None = None
        self._parts: list[bytes] = []
        self._left = 0

    def header(self, payload: bytes) -> bool:
        """Take the header; tell whether that was all."""
        if self.properties is not None:
            raise MalformedFrame(f"channel {self.channel}: a message has two headers")
        self._left, self.properties = content_header(payload)
        if self._left > LARGEST_BODY:
            raise MalformedFrame(f"channel {self.channel}: a message of {self._left} bytes is announced")
        return not self._left

    def more(self, payload: bytes) -> bool:
        """Take a part of the body; tell whether that was all."""
        self._left -= len(payload)
        if self.properties is None or self._left < 0:
            raise MalformedFrame(f"channel {self.channel}: a body is longer than its header says, or comes before it")
        self._parts.append(payload)
        return not self._left

    def event(self) -> Event:
        """Return the message, now that it is complete."""
        parts = self._parts
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        properties = self.properties or b""
        if self.delivery is not None:
            return Delivered(self.channel, *self.delivery, properties, body)
        assert self.method is not None
        return Said(self.channel, self.method, properties, body)
