"""Makes what is stored about a task."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, cast

import msgspec

from ...transports import codecs
from ...transports.message import Result
from ...transports.payloads import compressed, keeps_any_bytes
from ..exceptions import ImproperlyConfigured
from ..settings.result import takes_replies
from ..states import EXCEPTION_STATES, FAILURE, READY_STATES
from ..task.request import Request
from ..times import Stamps, seconds
from .meta import Meta, decode_value, dump_exception, encodable, encode_meta
from .result import AsyncResult

if TYPE_CHECKING:
    from ..app.app import App


class _Plain(msgspec.Struct, omit_defaults=True):
    """The meta of most tasks, which msgspec writes as it is."""

    status: str
    result: Any
    traceback: str | None
    children: list[Any]
    date_done: str | None
    task_id: str
    group_id: str | None = None
    parent_id: str | None = None


_encode = msgspec.json.Encoder().encode
logger: logging.Logger = logging.getLogger("understudy")


class ResultWriter:
    """Encodes an app's results, by the settings as they were when it was made."""

    def __init__(self, app: App, accept: Collection[str]) -> None:
        conf = app.conf
        self._accept = accept
        self._serializer = conf.result_serializer
        self._extended = conf.result_extended
        self._compression = _compression(app)
        self._plain = conf.result_serializer == "json" and not conf.result_extended
        self._ttl = seconds(conf.result_expires)
        failure_ttl = seconds(conf.result_failure_expires)
        self._failure_ttl = self._ttl if failure_ttl is None else failure_ttl
        self._stamps = Stamps()
        self._replies = takes_replies(conf)

    def result(self, request: Request, state: str, value: Any, traceback: str | None = None) -> Result:
        """Return a task's state for the store; raises `EncodeError` where `value` has no form in its serializer."""
        stored = self.stored(state, value) if state in EXCEPTION_STATES else value
        headers = request.message_headers
        meta = _Plain(
            state,
            stored,
            traceback,
            [child.as_tuple() for child in request.children] if request.children else [],
            self._stamps.now() if state in READY_STATES else None,
            headers["id"],
            headers.get("group"),
            headers.get("parent_id"),
        )
        plain = self._plain and not headers.get("stamps") and codecs.is_plain(stored)
        payload = self._encode_plain(meta) if plain else self._encode_whole(meta, request)
        if self._compression is not None:
            payload = compressed(payload, self._compression)
        ttl = self._failure_ttl if state == FAILURE else self._ttl
        return Result(meta.task_id, state, payload, ttl, request.reply_to if self._replies else None)

    def started(self, request: Request) -> Result:
        """Return the state of a task that has begun."""
        return self.result(request, "STARTED", {"pid": os.getpid(), "hostname": request.hostname})

    def stored(self, state: str, value: Any) -> Any:
        """Return a value as it is stored: exceptions become dicts."""
        if isinstance(value, BaseException) and state in EXCEPTION_STATES:
            return dump_exception(value, self._serializer)
        return value

    def part(self, state: str, value: Any) -> bytes:
        """Return a value as it is kept for a chord's body."""
        return encode_meta(self._named(self.stored(state, value)), self._serializer)

    def entry(self, task_id: str, state: str, value: Any) -> bytes | None:
        """Return a whole part as Celery's stores keep it, None where that follows from `part`, as it does for JSON."""
        if self._serializer == "json" and self._compression is None:
            return None
        whole = encode_meta([1, task_id, state, self._named(self.stored(state, value))], self._serializer)
        return whole if self._compression is None else compressed(whole, self._compression)

    def read(self, payload: bytes) -> Any:
        """Return the value of a chord's part."""
        return decode_value(payload, self._serializer, self._accept)

    def opened(self, part: tuple[int, str, str, bytes]) -> tuple[int, str, str, bytes]:
        """Return a chord's part whose state is known: in other serializers than JSON only we can read it."""
        index, _, state, payload = part
        if state:
            return part
        _, task_id, state, value = self.read(payload)
        return index, task_id, state, encode_meta(value, self._serializer)

    def _named(self, value: Any) -> Any:
        """Return what `result_from_tuple` reads where a task returns the result of another one."""
        if isinstance(value, AsyncResult) and self._serializer != "pickle":
            return cast("AsyncResult[Any]", value).as_tuple()
        return cast("Any", value)

    def _encode_plain(self, meta: _Plain) -> bytes:
        try:
            return _encode(meta)
        except (ValueError, RecursionError):  # a lone surrogate, or too deep: see codecs
            return encode_meta(_fields(meta), self._serializer)

    def _encode_whole(self, meta: _Plain, request: Request) -> bytes:
        whole = _fields(meta)
        whole["result"] = self._named(meta.result)
        if self._extended:
            whole.update(_extension(request, self._serializer))
        if request.message_headers.get("stamped_headers"):
            whole.update(_stamps(request.message_headers))
        return encode_meta(whole, self._serializer)


_OPTIONAL = ("group_id", "parent_id")


def _fields(meta: _Plain) -> Meta:
    return {name: value for name, value in msgspec.structs.asdict(meta).items() if name not in _OPTIONAL or value}


def _compression(app: App) -> str | None:
    """Return the method that results are compressed with; raises `ImproperlyConfigured` for one that there is not."""
    method = app.conf.result_compression
    if not method or not app.connections.keeps_results(app.conf):
        return None
    try:
        codecs.compress(b"", method)
    except codecs.EncodeError as error:
        raise ImproperlyConfigured(f"result_compression: {error}") from None
    if keeps_any_bytes(app.results):
        return method
    logger.warning("result_compression is ignored: this result store keeps text alone")
    return None


def _extension(request: Request, serializer: str) -> Meta:
    return {
        "name": request.task,
        "args": encodable(request.args, serializer),
        "kwargs": encodable(request.kwargs, serializer),
        "worker": request.hostname,
        "retries": request.retries,
        "queue": request.delivery_info["routing_key"],
    }


def _stamps(headers: Mapping[str, Any]) -> Meta:
    return {"stamped_headers": headers["stamped_headers"], **(headers.get("stamps") or {})}
