"""Codecs: how values become the bytes of a body, and back.

JSON goes through msgspec wherever msgspec and Celery would write the same; a value that needs Celery's extended types
(datetime, Decimal, UUID, bytes, `__json__`, ...) takes kombu's encoder. Every other serializer and all compression are
kombu's registries, imported on first use.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from importlib import import_module
from math import isfinite
from typing import Any, NamedTuple, cast

import msgspec

from .errors import MalformedMessage, TransportError
from .message import UNREADABLE

JSON = "application/json"
CLOUDPICKLE = "cloudpickle"
"""Pickle that takes functions and classes of scripts too. Kombu does not have it, but any pickle reads it."""
_PICKLE = "application/x-python-serialize"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_ATOMS = frozenset({str, int, bool, type(None)})
_STR = frozenset({str})
_kind_of = cast("Callable[[object], Any]", type)


class EncodeError(TransportError):
    """A value has no form in the serializer that was asked for."""


class DecodeError(MalformedMessage):
    """Bytes are not what their content type says."""


class ContentDisallowed(MalformedMessage):
    """The content type is not among those that this side accepts (`accept_content`)."""


class Encoded(NamedTuple):
    """Bytes and what they are."""

    data: bytes
    content_type: str
    content_encoding: str


def encode(value: Any, serializer: str = "json") -> Encoded:
    """Return `value` as bytes; raises `EncodeError` where it cannot be said in `serializer`."""
    if serializer == "json":
        return Encoded(encode_json(value), JSON, "utf-8")
    serialization = _kombu("serialization")
    if serializer not in serialization.registry.name_to_type:
        if serializer == CLOUDPICKLE:
            return _cloudpickled(value)
        raise EncodeError(f"no serializer {serializer!r}: register it with kombu, or install its package")
    try:
        content_type, content_encoding, data = serialization.dumps(value, serializer=serializer)
    except Exception as error:
        raise EncodeError(f"{type(value).__name__} cannot be written as {serializer}: {error}") from error
    return Encoded(data.encode() if isinstance(data, str) else data, content_type, content_encoding)


def decode(data: bytes, content_type: str, content_encoding: str, accept: Collection[str]) -> Any:
    """Return the value of `data`.

    Raises `ContentDisallowed` for a content type outside `accept`, `DecodeError` where the bytes are something else.
    """
    if content_type not in accept:
        raise ContentDisallowed(
            f"content type {content_type!r} is refused: only {', '.join(sorted(accept))} are accepted (accept_content)"
        )
    if content_type == JSON and content_encoding in ("utf-8", "utf8", "UTF-8"):
        return decode_json(data)
    try:
        return _kombu("serialization").loads(data, content_type, content_encoding, accept=accept)
    except Exception as error:
        raise DecodeError(f"the body is not {content_type}: {error}") from error


def encode_json(value: Any) -> bytes:
    """Return `value` as JSON with Celery's extended types; raises `EncodeError`."""
    if is_plain(value):
        try:
            return _encode(value)
        except (ValueError, RecursionError):
            pass  # a lone surrogate, or too deep: the standard library's encoder has the last word
    try:
        return _kombu("utils.json").dumps(value).encode()
    except Exception as error:
        raise EncodeError(f"{type(value).__name__} cannot be written as JSON: {error}") from error


def decode_json(data: bytes) -> Any:
    """Return the value of JSON with Celery's extended types; raises `DecodeError`."""
    if b'"__type__"' not in data:
        try:
            return _decode(data)
        except UNREADABLE:
            pass  # NaN and Infinity, which Celery writes, are not JSON to msgspec
    try:
        return _kombu("utils.json").loads(data)
    except Exception as error:
        raise DecodeError(f"the body is not JSON: {error}") from error


def is_plain(value: Any) -> bool:
    """Tell whether msgspec writes `value` just as Celery's encoder does."""
    kind = _kind_of(value)
    if kind in _ATOMS:
        return True
    if kind is float:
        return isfinite(value)
    if kind is list or kind is tuple:
        return _ATOMS.issuperset(map(type, value)) or all(map(is_plain, value))
    return isinstance(value, dict) and _is_plain_dict(value)  # signatures too are dicts


def _is_plain_dict(value: Any) -> bool:
    if not _STR.issuperset(map(type, value)):
        return False
    return _ATOMS.issuperset(map(type, value.values())) or all(map(is_plain, value.values()))


def accepted_types(names: Iterable[str]) -> frozenset[str]:
    """Return the content types for serializer names ("json", "pickle", ...); a content type stands for itself."""
    wanted = frozenset(names)
    if wanted <= {"json", JSON}:
        return frozenset({JSON} if wanted else ())
    known = _kombu("serialization").registry.name_to_type
    return frozenset(name if "/" in name else _type_of(known, name) for name in wanted)


def compress(data: bytes, method: str) -> tuple[bytes, str]:
    """Return compressed bytes and the value of the `compression` header; `method` is a kombu name ("zlib", ...)."""
    compression = _kombu("compression")
    try:
        return compression.compress(data, method)
    except KeyError as error:
        raise EncodeError(f"no compression {method!r}: kombu has {', '.join(compression.encoders())}") from error


def decompress(data: bytes, header: str) -> bytes:
    """Undo `compress`; raises `DecodeError`."""
    try:
        return _kombu("compression").decompress(data, header)
    except Exception as error:
        raise DecodeError(f"the body is not {header}: {error}") from error


def _kombu(part: str) -> Any:
    """Import a part of kombu, which has no types and takes its time, on first use."""
    return import_module(f"kombu.{part}")


def _cloudpickled(value: Any) -> Encoded:
    dumps = import_module("cloudpickle").dumps
    try:
        return Encoded(dumps(value, protocol=_kombu("serialization").pickle_protocol), _PICKLE, "binary")
    except Exception as error:
        raise EncodeError(f"{type(value).__name__} cannot be written as {CLOUDPICKLE}: {error}") from error


def _type_of(known: dict[str, str], name: str) -> str:
    if name not in known:
        if name == CLOUDPICKLE:
            return _PICKLE
        raise EncodeError(f"no serializer {name!r} is registered; kombu has {', '.join(sorted(known))}")
    return known[name]
