"""Queues as settings have them: `kombu.Queue`s, dicts in Celery's old form, or names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...transports.queues import KINDS, Binding, Queue
from ..exceptions import ImproperlyConfigured
from ..shapes import is_map

if TYPE_CHECKING:
    from ..settings import Settings

_LIMITS = {"expires": ("x-expires", 1000), "message_ttl": ("x-message-ttl", 1000)}
_COUNTS = {"max_length": "x-max-length", "max_length_bytes": "x-max-length-bytes", "max_priority": "x-max-priority"}


def default_queue(conf: Settings) -> Queue:
    """Return the queue of whatever is routed nowhere else."""
    name = conf.task_default_queue
    binding = Binding(
        conf.task_default_exchange or name,
        _kind(conf.task_default_exchange_type, name),
        conf.task_default_routing_key or name,
    )
    quorum = {"x-queue-type": "quorum"} if conf.task_default_queue_type == "quorum" else {}
    return Queue(name, (binding,), _with_priority(quorum, conf))


def missing_queue(name: str, conf: Settings) -> Queue:
    """Return a queue that is made because it was named."""
    kind = _kind(conf.task_create_missing_queue_exchange_type or "direct", name)
    quorum = {"x-queue-type": "quorum"} if conf.task_create_missing_queue_type == "quorum" else {}
    return Queue(name, (Binding(name, kind, name),), _with_priority(quorum, conf))


def named_queues(conf: Settings) -> dict[str, Queue]:
    """Return the queues of `task_queues` by the names that routes have for them: a broadcast's is its alias."""
    return dict(_named(conf))


def _named(conf: Settings) -> Iterator[tuple[str, Queue]]:
    for entry in _entries(conf.task_queues):
        queue = queue_of(entry, conf)
        yield getattr(entry, "alias", None) or queue.name, queue


def queue_of(entry: Any, conf: Settings) -> Queue:
    """Read a queue from its name, a dict of options, or a kombu queue; raises `ImproperlyConfigured`."""
    if isinstance(entry, str):
        return missing_queue(entry, conf)
    if is_map(entry):
        return _of_dict(entry, conf)
    if not hasattr(entry, "name") or not hasattr(entry, "exchange"):
        raise ImproperlyConfigured(f"task_queues has {entry!r}: expected a kombu.Queue, a name or a dict of options")
    return _of_kombu(entry, conf)


def _entries(configured: Any) -> Iterator[Any]:
    if is_map(configured):
        for name, options in configured.items():
            yield {"name": name, **options} if is_map(options) else options if hasattr(options, "exchange") else name
    else:
        yield from configured or ()


def _of_dict(entry: Mapping[str, Any], conf: Settings) -> Queue:
    name = entry.get("name")
    if not isinstance(name, str):
        raise ImproperlyConfigured(f"task_queues has {dict(entry)!r}: a queue needs a name")
    key = entry.get("routing_key") or entry.get("binding_key") or name
    exchange = entry.get("exchange")
    durable, auto_delete = entry.get("durable"), entry.get("auto_delete")
    if exchange is not None and not isinstance(exchange, str):
        binding = _binding(exchange, key, entry.get("binding_arguments"))
    else:
        default = default_queue(conf).bindings[0]
        binding = Binding(
            exchange or default.exchange,
            _kind(entry.get("exchange_type") or ("direct" if exchange else default.kind), name),
            key,
            entry.get("binding_arguments") or {},
            _flag(entry.get("exchange_durable"), _flag(durable, True)),
            _flag(entry.get("exchange_auto_delete"), _flag(auto_delete, False)),
            entry.get("exchange_arguments") or {},
        )
    return Queue(
        name,
        (binding,),
        _with_priority({**(entry.get("queue_arguments") or {}), **_limits(entry.get)}, conf),
        _flag(entry.get("queue_durable"), _flag(durable, True)),
        bool(entry.get("exclusive")),
        _flag(entry.get("queue_auto_delete"), _flag(auto_delete, False)),
    )


def _of_kombu(entry: Any, conf: Settings) -> Queue:
    bindings = tuple(_binding(one.exchange, one.routing_key, one.arguments) for one in entry.bindings or ())
    if entry.exchange and entry.exchange.name:
        key = entry.routing_key or conf.task_default_routing_key or conf.task_default_queue
        bindings = (_binding(entry.exchange, key, entry.binding_arguments), *bindings)
    elif not bindings:
        bindings = (default_queue(conf).bindings[0],)
    return Queue(
        entry.name,
        bindings,
        _with_priority({**(entry.queue_arguments or {}), **_limits(entry.__dict__.get)}, conf),
        entry.durable,
        entry.exclusive,
        entry.auto_delete,
        broadcast=bool(entry.auto_delete and entry.alias),
    )


def _binding(exchange: Any, key: str | None, arguments: Any) -> Binding:
    return Binding(
        exchange.name,
        _kind(exchange.type, exchange.name),
        key or "",
        dict(arguments or {}),
        _flag(exchange.durable, True),
        bool(exchange.auto_delete),
        dict(exchange.arguments or {}),
    )


def _kind(kind: str, name: str) -> str:
    if kind not in KINDS and not kind.startswith("x-"):
        raise ImproperlyConfigured(f"the exchange of the queue {name!r} has the type {kind!r}: known are {KINDS}")
    return kind


def _limits(said: Callable[[str], Any]) -> dict[str, Any]:
    """Return what a queue says of its messages, as arguments; kombu has seconds where the broker has milliseconds."""
    seconds = {argument: int(said(name) * unit) for name, (argument, unit) in _LIMITS.items() if said(name) is not None}
    counts = {argument: int(said(name)) for name, argument in _COUNTS.items() if said(name) is not None}
    return seconds | counts


def _with_priority(arguments: Mapping[str, Any], conf: Settings) -> dict[str, Any]:
    highest = conf.task_queue_max_priority
    return {**({"x-max-priority": highest} if highest else {}), **arguments}


def _flag(said: Any, default: bool) -> bool:
    return default if said is None else bool(said)
