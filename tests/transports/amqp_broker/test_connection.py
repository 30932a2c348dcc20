"""The connection without a socket: it logs in, puts messages together, and says what is wrong."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.transports.amqp_broker.protocol import methods as amqp
from understudy.transports.amqp_broker.protocol.connection import Connection, Delivered, Login, Said
from understudy.transports.amqp_broker.protocol.errors import MalformedFrame
from understudy.transports.amqp_broker.protocol.frames import (
    METHOD,
    Cutter,
    content_frames,
    frame,
    heartbeat_frame,
    method_frame,
)
from understudy.transports.amqp_broker.protocol.properties import encode_properties

START = amqp.Start(0, 9, {}, b"PLAIN AMQPLAIN", b"en_US")
PROPERTIES = encode_properties({"correlation_id": "one"})


def opened(login: Login | None = None, heartbeat: int = 60) -> Connection:
    """Return a connection that a broker has let in."""
    connection = Connection(login or Login())
    assert connection.outgoing() == b"AMQP\0\0\x09\1"
    for method in (START, amqp.Tune(2047, 131_072, heartbeat), amqp.OpenOk()):
        assert connection.receive(method_frame(0, method)) == []
    return connection


def said(data: bytes) -> list[amqp.Method]:
    cutter = Cutter()
    cutter.frame_max = 10**6
    return [amqp.decode_method(payload) for kind, _, payload in cutter.feed(data) if kind == METHOD]


def deliver(tag: int, body: bytes, frame_max: int = 131_072) -> bytes:
    return method_frame(1, amqp.Deliver("c", tag, False, "", "celery")) + content_frames(1, PROPERTIES, body, frame_max)


def test_it_logs_in_and_opens_the_virtual_host() -> None:
    connection = opened(Login("me", "secret", "shop", heartbeat=7))

    start, tune, host = said(connection.outgoing())

    assert isinstance(start, amqp.StartOk)
    assert (start.mechanism, start.response) == ("PLAIN", b"\0me\0secret")
    assert tune == amqp.TuneOk(64, 131_072, 7)
    assert host == amqp.Open("shop")
    assert connection.opened
    assert connection.outgoing() == b""


def test_the_mechanism_is_the_one_that_was_asked_for() -> None:
    start = said(opened(Login("me", "secret", mechanism="AMQPLAIN")).outgoing())[0]

    assert isinstance(start, amqp.StartOk)
    assert start.mechanism == "AMQPLAIN"
    assert b"secret" in start.response


def test_a_broker_that_has_no_way_to_log_in_that_we_have_is_an_error() -> None:
    connection = Connection(Login(mechanism="EXTERNAL"))
    connection.receive(method_frame(0, START))

    assert connection.closed is not None
    assert "EXTERNAL" in connection.closed.text


def test_a_password_does_not_show() -> None:
    assert "secret" not in repr(Login("me", "secret"))


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(60, 200), st.data())
def test_messages_are_put_together_whatever_pieces_they_come_in(
    bodies: list[bytes], frame_max: int, data: st.DataObject
) -> None:
    stream = b"".join(heartbeat_frame() + deliver(number, body, frame_max) for number, body in enumerate(bodies, 1))
    connection = opened()
    found: list[Any] = []
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += connection.receive(stream[:size])
        stream = stream[size:]
    assert found == [
        Delivered(1, "c", number, False, "", "celery", PROPERTIES, body) for number, body in enumerate(bodies, 1)
    ]


def test_a_returned_message_comes_with_its_content() -> None:
    returned = amqp.Return(312, "NO_ROUTE", "", "gone")

    (event,) = opened().receive(method_frame(2, returned) + content_frames(2, PROPERTIES, b"body", 4096))

    assert event == Said(2, returned, PROPERTIES, b"body")


def test_a_channel_that_is_closed_is_told_and_confirmed() -> None:
    connection = opened()
    connection.outgoing()

    (event,) = connection.receive(method_frame(3, amqp.ChannelClose(404, "NOT_FOUND", 60, 40)))

    assert event == Said(3, amqp.ChannelClose(404, "NOT_FOUND", 60, 40))
    assert connection.outgoing() == method_frame(3, amqp.ChannelCloseOk())


def test_a_connection_that_is_closed_says_why() -> None:
    connection = opened()
    connection.outgoing()
    connection.receive(method_frame(0, amqp.Close(320, "CONNECTION_FORCED")))

    assert connection.closed is not None
    assert (connection.closed.code, connection.closed.text) == (320, "CONNECTION_FORCED")
    assert connection.outgoing() == method_frame(0, amqp.CloseOk())


def test_it_knows_whether_the_broker_takes_messages() -> None:
    connection = opened()
    connection.receive(method_frame(0, amqp.Blocked("low on memory")))
    assert connection.blocked == "low on memory"

    connection.receive(method_frame(0, amqp.Unblocked()))
    assert connection.blocked is None


@pytest.mark.parametrize(
    "stream",
    [
        content_frames(1, PROPERTIES, b"body", 4096),
        method_frame(1, amqp.Deliver("c", 1, False, "", "q")) * 2,
        method_frame(1, amqp.Deliver("c", 1, False, "", "q")) + frame(3, 1, b"body"),
        method_frame(0, amqp.Deliver("c", 1, False, "", "q"))[:7] + b"\0\x3c\0\x3c\xff" + b"\0" * 14 + b"\xce",
        method_frame(0, amqp.QosOk()),
        frame(METHOD, 1, b"\0\x63\0\1"),
    ],
    ids=["content alone", "no content", "body before header", "cut short", "channel 0", "unknown"],
)
def test_what_a_broker_never_sends_is_one_clear_error(stream: bytes) -> None:
    with pytest.raises(MalformedFrame):
        opened().receive(stream)


@given(st.binary(max_size=300))
def test_noise_is_an_error_or_nothing(noise: bytes) -> None:
    connection = opened()
    with suppress(MalformedFrame):  # and nothing else
        connection.receive(noise)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_byte_that_was_turned_is_an_error_or_another_message(place: int, value: int) -> None:
    stream = bytearray(deliver(1, b"x" * 40) + deliver(2, b"y" * 40))
    stream[place % len(stream)] = value
    with suppress(MalformedFrame):  # and nothing else
        opened().receive(bytes(stream))
