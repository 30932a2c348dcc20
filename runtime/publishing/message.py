"""Messages of Celery's protocol 2: composed from a call, then sealed into a publication."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any

from ...transports import codecs
from ...transports.codecs import EncodeError
from ...transports.message import Head, Publication, encode_head
from ..shapes import is_list, is_map
from ..task.request import NO_EMBED, Request, calling_request
from ..times import moment, utc_now
from .gathering import current_gathering
from .saferepr import saferepr
from .stamps import stamps_of, without_stamps

if TYPE_CHECKING:
    from .origin import Origin
    from .plan import Plan


@dataclass(slots=True)
class Draft:
    """A message before it is encoded; receivers of `before_task_publish` may still change its dicts."""

    id: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    embed: Mapping[str, Any]
    headers: dict[str, Any]
    properties: dict[str, Any]
    exchange: str
    routing_key: str
    serializer: str
    compression: str | None
    eta: float | None
    expires: float | None


def compose(
    plan: Plan, origin: Origin, task_id: str, args: Any, kwargs: Any, options: Mapping[str, Any], local: tzinfo | None
) -> Draft:
    """Make the message of one call.

    plan: what holds for the task. options: `CallOptions`. local: the zone in which a naive eta is read.
    Raises `TypeError` where the arguments are no sequence and no map: `args=("x")` is text.
    """
    stamps = stamps_of(options)
    _check_arguments(plan.name, args, kwargs)
    said = plan.options(args, kwargs, without_stamps(options) if stamps else options)
    get = said.get
    parent = calling_request()
    eta, expires = _eta(said, local), _expires(said, local)
    exchange, routing_key = plan.address(said)
    headers: dict[str, Any] = {
        "lang": "py",
        "task": plan.name,
        "id": task_id,
        "shadow": get("shadow"),
        "eta": eta.isoformat() if eta else None,
        "expires": expires.isoformat() if expires else None,
        "group": get("group_id"),
        "group_index": get("group_index"),
        "retries": get("retries", 0),
        "timelimit": [get("time_limit"), get("soft_time_limit")],
        "root_id": get("root_id") or (parent and (parent.root_id or parent.id)) or task_id,
        "parent_id": get("parent_id") or (parent and parent.id) or None,
        "argsrepr": get("argsrepr") or (saferepr(tuple(args), plan.repr_limit, plan.repr_levels) if args else "()"),
        "kwargsrepr": get("kwargsrepr") or (saferepr(kwargs, plan.repr_limit, plan.repr_levels) if kwargs else "{}"),
        "origin": origin.name,
        "ignore_result": get("ignore_result", plan.ignore_result),
        "replaced_task_nesting": get("replaced_task_nesting", 0),
        "stamped_headers": get("stamped_headers"),
        "stamps": stamps,
    }
    if "headers" in said:
        headers.update(said["headers"])
    return Draft(
        task_id,
        args,
        kwargs,
        embed_of(said),
        headers,
        _properties(plan, origin, task_id, said, parent, expires),
        exchange,
        routing_key,
        get("serializer") or plan.serializer,
        get("compression") or plan.compression,
        eta.timestamp() if eta else None,
        expires.timestamp() if expires else None,
    )


def seal(draft: Draft) -> Publication:
    """Encode a message; raises `EncodeError` where the arguments have no form in its serializer."""
    body = codecs.encode((draft.args, draft.kwargs, draft.embed), draft.serializer)
    data = body.data
    if draft.compression:
        data, draft.headers["compression"] = codecs.compress(data, draft.compression)
    gathered = current_gathering()
    return Publication(
        id=draft.id,
        routing_key=draft.routing_key,
        head=_encoded_head(Head(draft.headers, draft.properties, body.content_type, body.content_encoding)),
        body=data,
        exchange=draft.exchange,
        priority=draft.properties["priority"],
        eta=draft.eta,
        expires=draft.expires,
        dedupe=f"{gathered.seed}>{draft.id}" if gathered is not None and gathered.seed is not None else None,
    )


def _encoded_head(head: Head) -> bytes:
    try:
        return encode_head(head)
    except (TypeError, ValueError) as error:
        raise EncodeError(f"the headers of task {head.headers['task']} have no form in JSON: {error}") from error


def _check_arguments(name: str, args: object, kwargs: object) -> None:
    if not (is_list(args) and is_map(kwargs)):
        given = f"{type(args).__name__} and {type(kwargs).__name__}"
        raise TypeError(f"{name}: args have to be a list or a tuple, and kwargs a dict, not {given}")


def embed_of(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the third part of a body: what is called after the task."""
    if not ("link" in options or "link_error" in options or "chain" in options or "chord" in options):
        return NO_EMBED
    return {
        "callbacks": _signatures(options.get("link")),
        "errbacks": _signatures(options.get("link_error")),
        "chain": _signatures(options.get("chain")),
        "chord": options.get("chord"),
    }


def _signatures(value: Any) -> list[Any] | None:
    if not value:
        return None
    return [value] if isinstance(value, Mapping) else list(value)


def _properties(
    plan: Plan,
    origin: Origin,
    task_id: str,
    options: Mapping[str, Any],
    parent: Request | None,
    expires: datetime | None,
) -> dict[str, Any]:
    priority = options.get("priority")
    if priority is None:
        priority = parent.properties.get("priority") if parent and plan.inherit_priority else plan.priority
    properties: dict[str, Any] = {
        "correlation_id": task_id,
        "reply_to": options.get("reply_to") or origin.reply_to,
        "delivery_mode": _delivery_mode(options.get("delivery_mode") or plan.delivery_mode),
        "priority": priority or 0,
    }
    if expires is not None:
        left = (expires - utc_now()).total_seconds()
        properties["expiration"] = str(max(0, int(left * 1000)))
    return properties


def _delivery_mode(said: Any) -> int:
    """Return 1 for messages that need not survive the broker's restart, 2 for others; both have names, too."""
    mode = {"transient": 1, "persistent": 2}.get(said, said)
    if mode not in (1, 2):
        raise ValueError(f"delivery_mode is 1 ('transient') or 2 ('persistent'), not {said!r}")
    return mode


def _eta(options: Mapping[str, Any], local: tzinfo | None) -> datetime | None:
    countdown = options.get("countdown")
    if countdown is not None:
        return utc_now() + timedelta(seconds=countdown)
    eta = options.get("eta")
    return None if eta is None else moment(eta, local)


def _expires(options: Mapping[str, Any], local: tzinfo | None) -> datetime | None:
    """Read an expiry; seconds count from the call, whatever its countdown."""
    expires = options.get("expires")
    if expires is None:
        return None
    if isinstance(expires, (int, float, timedelta)):
        start = utc_now()
        return start + (expires if isinstance(expires, timedelta) else timedelta(seconds=expires))
    return moment(expires, local).astimezone(UTC)
