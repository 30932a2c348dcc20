"""Opens a message: from its bytes to a request, or to the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from ...actors.errors import UnderstudyError
from ...transports import codecs
from ...transports.errors import MalformedMessage
from ...transports.message import UNREADABLE, decode_head
from ..shapes import Seconds, is_dict, is_list, is_map
from ..task.request import NO_EMBED, Request
from ..times import moment

if TYPE_CHECKING:
    from .workshop import Workshop


_Count = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
_Index = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]  # what is added to a chord has one of 49 bits

_convert = msgspec.convert


class _Headers(msgspec.Struct):
    """The headers by which something is decided, as protocol 2 has them; all others pass as they are."""

    id: str
    task: str
    retries: _Count | None = None
    expires: str | None = None
    timelimit: tuple[Seconds | None, Seconds | None] | None = None
    group: str | None = None
    group_index: _Index | None = None
    replaced_task_nesting: _Count | None = None
    stamped_headers: list[str] | None = None
    stamps: dict[str, Any] | None = None


class _Properties(msgspec.Struct):
    reply_to: str | None = None
    correlation_id: str | None = None
    priority: int | None = None
    delivery_info: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A message that cannot be run. request: as much of it as could be read; its id may be ""."""

    request: Request
    error: UnderstudyError


def open_message(shop: Workshop, head: bytes, body: bytes) -> Request | Refused:
    """Return the request of a message in Celery's protocol 1 or 2; never raises."""
    request = Request(None)
    try:
        opened = decode_head(head)
        headers = opened.headers
        _take_head(request, headers, opened.properties)
        if "compression" in headers:
            body = codecs.decompress(body, headers["compression"])
        value = codecs.decode(body, opened.content_type, opened.content_encoding, shop.accepted)
        if "task" in headers:
            _read_protocol_2(request, value)
        else:
            _read_protocol_1(request, value)
        request.owner = shop.tasks[request.message_headers["task"]]
    except UNREADABLE as error:
        return Refused(request, MalformedMessage(f"the head of the message cannot be read: {error}"))
    except UnderstudyError as error:
        return Refused(request, error)
    except Exception as error:  # noqa: BLE001 - a serializer's own error, for which it has no class
        return Refused(request, MalformedMessage(f"the message cannot be read: {error!r}"))
    return request


def _take_head(request: Request, headers: dict[str, Any], properties: dict[str, Any]) -> None:
    """Let the request have a head; raises `MalformedMessage` where that is not as protocol 2 has it."""
    what = "headers"
    try:
        if "task" in headers and _convert(headers, _Headers).expires is not None:
            moment(headers["expires"])
        what = "properties"
        _convert(properties, _Properties)
    except (msgspec.ValidationError, ValueError, OverflowError) as error:
        readable = {name: headers[name] for name in ("id", "task") if isinstance(headers.get(name), str)}
        request.message_headers = readable  # for whoever says what has become of it
        raise MalformedMessage(f"{what} of the message are not as protocol 2 has them: {error}") from None
    request.message_headers, request.properties = headers, properties


def _read_protocol_2(request: Request, value: Any) -> None:
    if not is_list(value) or len(value) != 3:
        raise MalformedMessage("the body is not [args, kwargs, embed], as protocol 2 has it")
    args, kwargs, embed = value
    if not (is_list(args) and is_dict(kwargs) and is_dict(embed)):
        raise MalformedMessage("the body is not [list, map, map], as protocol 2 has it")
    _take_body(request, args, kwargs, embed)


def _read_protocol_1(request: Request, value: Any) -> None:
    """Bring a message of Celery 3 and before into the form of protocol 2, which has its chain elsewhere."""
    if not is_map(value) or not (isinstance(value.get("id"), str) and isinstance(value.get("task"), str)):
        raise MalformedMessage(
            "neither a message of protocol 2 (a header `task`) nor of protocol 1 (a body with `task`)"
        )
    kept = ("task", "id", "eta", "expires", "retries", "timelimit", "group_index")
    headers = {
        **request.message_headers,
        **{key: value.get(key) for key in kept},
        "group": value.get("group") or value.get("taskset"),
    }
    _take_head(request, headers, dict(request.properties))
    args: Any = value.get("args") or ()
    kwargs: Any = value.get("kwargs") or {}
    if not (is_list(args) and is_dict(kwargs)):
        raise MalformedMessage("`args` and `kwargs` of the body are no list and no map, as protocol 1 has them")
    _take_body(request, args, kwargs, {key: value.get(key) for key in NO_EMBED})


def _take_body(request: Request, args: Any, kwargs: Any, embed: Any) -> None:
    """Let the request have a body; raises `MalformedMessage` where what is to be called after it are no signatures."""
    for name in ("callbacks", "errbacks", "chain"):
        signatures = embed.get(name)
        if signatures and not (is_list(signatures) and all(map(is_map, signatures))):
            raise MalformedMessage(f"`{name}` of the body is no list of signatures")
    chord = embed.get("chord")
    if chord and not (is_map(chord) and isinstance(chord.get("chord_size"), (int, NoneType))):
        raise MalformedMessage("`chord` of the body is no signature")
    request.args, request.kwargs, request.embed = args, kwargs, embed
