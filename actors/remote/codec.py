"""`Codec`: messages, replies and arguments as bytes, and back."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast, get_args, get_origin

import msgspec

from ..messages import Message
from ..ref import Ref
from .errors import MessageTooLarge, NotDecodable, NotEncodable
from .wire import taken_by, wire_name

if TYPE_CHECKING:
    from ..actor import Actor

REF = 82
"""The code of the msgpack extension type that a ref is: its data is the text of its address."""
MSGPACK = "msgpack"
PICKLE = "cloudpickle"

Resolve = Callable[[str], Ref[Any]]
resolving: ContextVar[Resolve | None] = ContextVar("resolving", default=None)
"""What binds the refs of the pickle that is being read to a node; `Ref.__reduce__` has no other way to know."""


class Codec:
    """Encodes dataclasses, and whatever else msgspec does, as msgpack; decodes into the type that is expected.

    resolve: makes refs of addresses. pickles: whether cloudpickle is used for what msgpack cannot carry, and read.
    largest: bytes of a body. Thread-safe.
    """

    def __init__(self, resolve: Resolve, *, pickles: bool, largest: int) -> None:
        self._resolve = resolve
        self._pickles = pickles
        self._largest = largest
        self._encode = msgspec.msgpack.Encoder(enc_hook=_pack_ref).encode
        self._decoders: dict[Any, Callable[[bytes], Any]] = {}
        self._protocols: dict[type[Actor], dict[str, type[Any]]] = {}

    def encode_message(self, message: object) -> tuple[str, str, bytes]:
        """Return (name, ctype, body); raises `NotEncodable` and `MessageTooLarge`."""
        try:
            name = wire_name(type(message))
        except NotEncodable:
            if not self._pickles:
                raise
            return "", PICKLE, self._pickle(message)
        return name, *self.encode(message)

    def encode(self, value: object) -> tuple[str, bytes]:
        """Return (ctype, body) of any value; raises `NotEncodable` and `MessageTooLarge`."""
        try:
            return MSGPACK, self._checked(self._encode(value), value)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            if self._pickles:
                return PICKLE, self._pickle(value)
            raise NotEncodable(f"{type(value).__qualname__} cannot be sent to another node: {error}") from error

    def decode_message(self, actor_class: type[Actor], name: str, ctype: str, body: bytes) -> Any:
        """Return the message for an actor of that class; raises `NotDecodable`."""
        if ctype == PICKLE:
            return self.decode(object, ctype, body)
        protocol = self._protocol(actor_class)
        kind = protocol.get(name)
        if kind is None:
            known = ", ".join(protocol) or "none at all"
            raise NotDecodable(
                f"{actor_class.__qualname__} takes no {name!r} from other nodes; it takes {known}: "
                "mark the method with @on, and the message's class with @wire"
            )
        return self.decode(kind, ctype, body)

    def decode(self, kind: Any, ctype: str, body: bytes) -> Any:
        """Return a value of the type `kind`; raises `NotDecodable`."""
        if ctype == PICKLE:
            return self._unpickle(body)
        if ctype != MSGPACK:
            raise NotDecodable(f"this node does not read {ctype!r}, only {MSGPACK} and, where it is allowed, {PICKLE}")
        try:
            return self._decoder(kind)(body)
        except (msgspec.DecodeError, NotDecodable, TypeError, ValueError, RecursionError) as error:
            raise NotDecodable(f"what came is no {getattr(kind, '__qualname__', kind)}: {error}") from error

    def check_reply_of(self, message_class: type) -> Any:
        """Return the type of a message's reply; raises `NotEncodable` where no reply could ever be read."""
        kind = reply_type(message_class)
        self._decoder(kind)
        return kind

    def _protocol(self, actor_class: type[Actor]) -> dict[str, type[Any]]:
        protocol = self._protocols.get(actor_class)
        if protocol is None:
            try:
                protocol = self._protocols[actor_class] = taken_by(actor_class)
            except TypeError as error:
                raise NotDecodable(str(error)) from error
        return protocol

    def _decoder(self, kind: Any) -> Callable[[bytes], Any]:
        decode = self._decoders.get(kind)
        if decode is None:
            try:
                decoder = msgspec.msgpack.Decoder(kind, ext_hook=self._unpack_ref, dec_hook=_keep_ref)
            except (TypeError, NameError) as error:
                raise NotEncodable(
                    f"the fields of {kind} cannot be read from another node: {error}. "
                    "Their types have to be importable at run time, not under TYPE_CHECKING alone"
                ) from error
            decode = self._decoders[kind] = decoder.decode
        return decode

    def _unpack_ref(self, code: int, data: memoryview) -> Any:
        if code != REF:
            return msgspec.msgpack.Ext(code, bytes(data))
        return self._resolve(bytes(data).decode())

    def _pickle(self, value: object) -> bytes:
        from cloudpickle import dumps  # pyright: ignore[reportUnknownVariableType] # only where it was asked for

        try:
            return self._checked(dumps(value), value)
        except MessageTooLarge:
            raise
        except Exception as error:
            raise NotEncodable(f"{type(value).__qualname__} cannot be pickled: {error}") from error

    def _unpickle(self, body: bytes) -> Any:
        if not self._pickles:
            raise NotDecodable(
                "a pickle came, and this node reads none: join with pickles=True on both sides to allow it"
            )
        import pickle  # only where it was asked for

        token = resolving.set(self._resolve)
        try:
            return pickle.loads(body)  # the nodes trust each other: that is what `pickles` says
        except Exception as error:
            raise NotDecodable(f"a pickle cannot be read here: {type(error).__name__}: {error}") from error
        finally:
            resolving.reset(token)

    def _checked(self, body: bytes, value: object) -> bytes:
        if len(body) > self._largest:
            raise MessageTooLarge(
                f"{type(value).__qualname__} has {len(body)} bytes, and {self._largest} may be sent: "
                "put what is large elsewhere and send where it is, or join with a larger `largest`"
            )
        return body


def reply_type(message_class: type) -> Any:
    """Return the R of a `Message[A, R]` class, `Any` where it says none; raises `NotEncodable` where R has no value."""
    for base in message_class.__mro__:
        for written in vars(base).get("__orig_bases__", ()):
            if get_origin(written) is Message:
                return _evaluated(get_args(written)[1], base)
    return Any


def _evaluated(kind: Any, home: type) -> Any:
    if isinstance(kind, typing.ForwardRef):
        kind = kind.__forward_arg__
    if isinstance(kind, typing.TypeVar):
        return Any
    if not isinstance(kind, str):
        return kind
    try:
        return eval(kind, vars(sys.modules[home.__module__]))
    except Exception as error:
        raise NotEncodable(
            f"the reply of {home.__qualname__} is {kind!r}, which has no value at run time: "
            "import it outside of TYPE_CHECKING"
        ) from error


def _pack_ref(value: object) -> Any:
    if isinstance(value, Ref):
        return msgspec.msgpack.Ext(REF, str(value.address).encode())
    raise TypeError(f"objects of type {type(value).__qualname__} do not travel")


def _keep_ref(kind: Any, value: object) -> object:
    if (get_origin(kind) or kind) is Ref and isinstance(value, Ref):
        return cast("Ref[Any]", value)
    raise NotDecodable(f"a {type(value).__qualname__} came where {kind} was expected")
