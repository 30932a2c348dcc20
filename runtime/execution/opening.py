"""Opens a message: from its bytes to a request, or to the reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...actors.errors import UnderstudyError
from ...transports import codecs
from ...transports.errors import MalformedMessage
from ...transports.message import UNREADABLE, decode_head
from ..shapes import is_list, is_map
from ..task.request import NO_EMBED, Request

if TYPE_CHECKING:
    from .workshop import Workshop


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
        request.headers, request.properties = headers, opened.properties
        if "compression" in headers:
            body = codecs.decompress(body, headers["compression"])
        value = codecs.decode(body, opened.content_type, opened.content_encoding, shop.accepted)
        if "task" in headers:
            _read_protocol_2(request, headers, value)
        else:
            _read_protocol_1(request, value)
        request.owner = shop.tasks[request.headers["task"]]
    except UNREADABLE as error:
        return Refused(request, MalformedMessage(f"the head of the message cannot be read: {error}"))
    except UnderstudyError as error:
        return Refused(request, error)
    except Exception as error:  # noqa: BLE001 - a serializer's own error, for which it has no class
        return Refused(request, MalformedMessage(f"the message cannot be read: {error!r}"))
    return request


def _read_protocol_2(request: Request, headers: dict[str, Any], value: Any) -> None:
    if not is_list(value) or len(value) != 3:
        raise MalformedMessage("the body is not [args, kwargs, embed], as protocol 2 has it")
    args, kwargs, embed = value
    if not (is_list(args) and isinstance(kwargs, dict) and isinstance(embed, dict)):
        raise MalformedMessage("the body is not [list, map, map], as protocol 2 has it")
    if not (isinstance(headers.get("id"), str) and isinstance(headers["task"], str)):
        raise MalformedMessage("the headers have no `id` and `task` that are text, as protocol 2 has them")
    request.args, request.kwargs, request.embed = args, kwargs, embed


def _read_protocol_1(request: Request, value: Any) -> None:
    """Bring a message of Celery 3 and before into the form of protocol 2, which has its chain elsewhere."""
    if not is_map(value) or not (isinstance(value.get("id"), str) and isinstance(value.get("task"), str)):
        raise MalformedMessage(
            "neither a message of protocol 2 (a header `task`) nor of protocol 1 (a body with `task`)"
        )
    kept = ("task", "id", "eta", "expires", "retries", "timelimit", "group_index")
    request.headers = {
        **request.headers,
        **{key: value.get(key) for key in kept},
        "group": value.get("group") or value.get("taskset"),
    }
    request.args, request.kwargs = value.get("args") or (), value.get("kwargs") or {}
    request.embed = {key: value.get(key) for key in NO_EMBED}
