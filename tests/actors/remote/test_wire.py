"""What travels: names instead of import paths, typed bodies, versions; and what is refused, where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from understudy.actors import Actor, ActorDead, MailboxFull, Message, Ref, System, Timeout, on
from understudy.actors.reasons import Error, Kill, Killed, NoConnection, NoProc, Normal, Shutdown
from understudy.actors.remote import (
    Address,
    EnvelopeTooNew,
    MalformedEnvelope,
    MessageTooLarge,
    NotDecodable,
    NotEncodable,
    NotJoined,
    RemoteError,
    RemoteRef,
    wire,
)
from understudy.actors.remote.codec import Codec
from understudy.actors.remote.envelope import VERSION, Envelope, Kind, decode, encode
from understudy.actors.remote.frames import read_failure, read_reason, write_failure, write_reason

ADDRESS = Address.parse("name://shop/till/x")


@dataclass(frozen=True, slots=True)
class Line:
    what: str
    cents: int


@wire("till.pay")
@dataclass(frozen=True, slots=True)
class Pay(Message["Till", "Line | None"]):
    lines: tuple[Line, ...]
    customer: Ref[Any] | None = None


@dataclass(frozen=True, slots=True)
class Private(Message["Till", None]):
    pass


@wire
@dataclass(frozen=True, slots=True)
class Anything(Message[Any, Any]):
    value: Any


@wire
@dataclass(frozen=True, slots=True)
class Lost(Message["Till", "NobodyKnows"]):  # noqa: F821 - that is the point
    pass


class Till(Actor):
    @on(Pay)
    def pay(self, message: Pay) -> Line | None:
        return message.lines[0]

    @on(Private)
    def private(self, _: Private) -> None:
        pass

    @on(Anything)
    def anything(self, message: Anything) -> Any:
        return message.value


def codec(**options: Any) -> Codec:
    return Codec(lambda text: RemoteRef(Address.parse(text), None), **{"pickles": False, "largest": 1000, **options})


def across(message: Any, **options: Any) -> Any:
    there = codec(**options)
    return there.decode_message(Till, *there.encode_message(message))


def test_a_message_arrives_as_it_was_sent_with_its_types() -> None:
    pay = Pay((Line("apple", 35), Line("bag", 10)), RemoteRef(ADDRESS, None))
    assert across(pay) == pay
    assert across(Anything({"a": [1, b"x", None, 2.5]})) == Anything({"a": [1, b"x", None, 2.5]})
    assert across(Anything([RemoteRef(ADDRESS, None)])).value == [RemoteRef(ADDRESS, None)]


def test_no_import_path_travels() -> None:
    name, ctype, body = codec().encode_message(Pay((Line("apple", 35),)))
    assert (name, ctype) == ("till.pay", "msgpack")
    assert b"Line" not in body
    assert __name__.encode() not in body


def test_what_is_not_marked_travels_neither_out_nor_in() -> None:
    with pytest.raises(NotEncodable, match="mark the class with @wire"):
        codec().encode_message(Private())
    with pytest.raises(NotDecodable, match=r"takes no 'Private' .* it takes till.pay, Anything"):
        codec().decode_message(Till, "Private", "msgpack", b"\x80")


@pytest.mark.parametrize("value", [object(), 2**70, {1, object()}, lambda: 1])
def test_a_value_that_cannot_be_sent_is_refused_where_it_is_sent(value: object) -> None:
    with pytest.raises(NotEncodable):
        codec().encode_message(Anything(value))


def test_a_local_ref_of_a_system_that_is_no_node_is_refused_where_it_is_sent() -> None:
    with System("alone") as system:
        ref = system.spawn(Till)
        with pytest.raises(NotJoined, match="'alone' has joined no broker"):
            codec().encode_message(Pay((), ref))


def test_a_message_that_is_too_large_is_refused_where_it_is_sent() -> None:
    with pytest.raises(MessageTooLarge, match="1000 may be sent"):
        codec().encode_message(Anything("x" * 1001))


def test_a_body_of_other_types_is_refused_where_it_arrives() -> None:
    body = msgspec.msgpack.encode({"lines": [{"what": 3, "cents": 1}]})
    with pytest.raises(NotDecodable, match=r"lines\[0\].what"):
        codec().decode_message(Till, "till.pay", "msgpack", body)
    with pytest.raises(NotDecodable, match="does not read 'yaml'"):
        codec().decode_message(Till, "till.pay", "yaml", b"")


def test_a_reply_is_read_as_its_message_says() -> None:
    there = codec()
    kind = there.check_reply_of(Pay)
    assert there.decode(kind, *there.encode(Line("apple", 35))) == Line("apple", 35)
    assert there.decode(kind, *there.encode(None)) is None
    with pytest.raises(NotDecodable):
        there.decode(kind, *there.encode("an apple"))
    with pytest.raises(NotEncodable, match="'NobodyKnows', which has no value at run time"):
        there.check_reply_of(Lost)


def test_two_messages_of_one_name_are_refused() -> None:
    @wire("till.pay")
    @dataclass(frozen=True, slots=True)
    class Other(Message["Till", None]):
        pass

    class Confused(Till):
        @on(Other)
        def other(self, _: Other) -> None:
            pass

    with pytest.raises(NotDecodable, match=r"two messages that travel as 'till\.pay'"):
        codec().decode_message(Confused, "till.pay", "msgpack", b"\x80")


def test_pickles_are_sent_and_read_only_where_both_sides_allow_them() -> None:
    code = Anything(lambda: 42)
    assert across(code, pickles=True).value() == 42
    pickled = codec(pickles=True).encode_message(code)
    with pytest.raises(NotDecodable, match="pickles=True on both sides"):
        codec().decode_message(Till, *pickled)


def test_refs_in_a_pickle_are_bound_to_the_node_that_reads_it() -> None:
    bound = RemoteRef(ADDRESS, None)
    there = Codec(lambda _: bound, pickles=True, largest=1000)
    name, ctype, body = there.encode_message(Anything((lambda: 1, RemoteRef(ADDRESS, None))))
    assert there.decode_message(Till, name, ctype, body).value[1] is bound


def envelope(**fields: Any) -> Envelope:
    given = {"v": VERSION, "id": "a-1", "to": "x", "sender": "n", "kind": Kind.TELL, "seq": 1, **fields}
    return Envelope(**given)


def test_an_envelope_is_a_map_to_which_later_releases_can_add() -> None:
    sent = envelope(kind=Kind.ASK, corr="c", rto="r", dl=5, type="t", hdr={"trace": "1"}, body=b"b")
    assert decode(encode(sent)) == sent
    fields = msgspec.msgpack.decode(encode(sent))
    assert {"v", "id", "to", "from", "kind", "corr", "rto", "seq", "dl", "type", "hdr", "body"} == set(fields)
    assert decode(msgspec.msgpack.encode({**fields, "ttl_hop": 3})) == sent


def test_an_envelope_of_a_newer_version_is_an_error_of_its_own() -> None:
    with pytest.raises(EnvelopeTooNew, match=f"version {VERSION + 1} came"):
        decode(encode(envelope(v=VERSION + 1)))
    with pytest.raises(EnvelopeTooNew):
        decode(msgspec.msgpack.encode({"v": 99, "kind": ["all", "new"]}))


@pytest.mark.parametrize(
    "data", [b"", b"\xc1", b"garbage", msgspec.msgpack.encode([1]), msgspec.msgpack.encode({"v": 1})]
)
def test_what_is_no_envelope_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedEnvelope):
        decode(data)


@pytest.mark.parametrize(
    "reason",
    [Normal(), Shutdown(), Shutdown("why"), Kill(), Killed(), NoProc(), NoConnection(), Error("E: x", "trace")],
)
def test_reasons_travel(reason: Any) -> None:
    assert read_reason(write_reason(reason)) == reason


def test_errors_travel_as_what_the_asker_is_to_get() -> None:
    assert isinstance(read_failure(write_failure(MailboxFull("full"))), MailboxFull)
    assert isinstance(read_failure(write_failure(Timeout("late"))), Timeout)
    dead = read_failure(write_failure(ActorDead("gone", Killed())))
    assert isinstance(dead, ActorDead)
    assert dead.reason == Killed()
    try:
        {}["key"]
    except KeyError as error:
        raised = read_failure(write_failure(error))
    assert isinstance(raised, RemoteError)
    assert (raised.type, raised.text) == ("KeyError", "'key'")
    assert "in test_errors_travel" in raised.remote_traceback


def test_a_body_that_is_nested_without_end_is_refused() -> None:
    body = b"\x81\xa5value" + b"\x91" * 100_000 + b"\xc0"
    with pytest.raises(NotDecodable):
        codec().decode_message(Till, "Anything", "msgpack", body)
