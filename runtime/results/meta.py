"""Result meta: a task's state in the form in which Celery's key/value stores keep it."""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any

from ...transports import codecs
from ...transports.payloads import plain
from .. import exceptions
from ..exceptions import TaskError
from ..shapes import is_map, listed
from ..states import EXCEPTION_STATES

Meta = dict[str, Any]

_BILLIARD = frozenset({"SoftTimeLimitExceeded", "TimeLimitExceeded", "WorkerLostError"})
_KOMBU = frozenset({"ContentDisallowed", "DecodeError", "EncodeError"})
_WRAPPER = ("celery.utils.serialization", "UnpickleableExceptionWrapper")
"""What Celery's workers store in place of an exception that cannot be pickled: module, name, arguments and text."""
_HOMES = ("billiard.exceptions", "celery.exceptions", "kombu.exceptions")


class RemoteError(TaskError):
    """An exception of a class that this process does not know; `exc_type` and `exc_module` name it."""

    exc_type = ""
    exc_module = ""


def encode_meta(meta: Any, serializer: str) -> bytes:
    """Return the payload to store; raises `EncodeError`."""
    return codecs.encode_json(meta) if serializer == "json" else codecs.encode(meta, serializer).data


def decode_meta(payload: bytes, serializer: str, accept: Collection[str]) -> Meta:
    """Open a stored payload; the result of a failed task becomes its exception again."""
    meta: Meta = decode_value(payload, serializer, accept)
    if meta["status"] in EXCEPTION_STATES:
        meta["result"] = load_exception(meta["result"])
    return meta


def decode_value(payload: bytes, serializer: str, accept: Collection[str]) -> Any:
    """Return what `encode_meta` encoded; raises `ContentDisallowed` for a serializer that is not accepted."""
    payload = plain(payload)
    if serializer == "json":
        return codecs.decode_json(payload)
    _, content_type, encoding = codecs.encode(None, serializer)
    return codecs.decode(payload, content_type, encoding, accept)


def dump_exception(error: BaseException, serializer: str = "json") -> dict[str, Any]:
    """Return an exception as its type, module and arguments; arguments that cannot be encoded become their reprs."""
    kind = type(error)
    return {
        "exc_type": "TimeoutError" if kind is exceptions.TimeoutError else kind.__qualname__,
        "exc_message": [encodable(argument, serializer) for argument in error.args],
        "exc_module": _home_of(kind),
    }


def load_exception(stored: Any) -> Any:
    """Return the exception that `dump_exception` described.

    Its class is looked up among the modules that are imported already, never imported: what is stored is data. Where
    it is not found, or is no exception, or refuses its arguments, a `RemoteError` of the same name stands for it.
    """
    if not is_map(stored) or "exc_type" not in stored:
        return stored
    name, module = str(stored["exc_type"]), str(stored.get("exc_module") or "")
    args = listed(stored.get("exc_message"))
    if (module, name) == _WRAPPER and len(args) == 4:
        module, name, args = str(args[0]), str(args[1]), listed(args[2])
    try:
        return _find_class(module, name)(*args)
    except Exception:  # noqa: BLE001 - the constructor is the user's
        return _stand_in(module, name)(*args)


def _find_class(module: str, name: str) -> type[BaseException]:
    if module in _HOMES and hasattr(exceptions, name):
        return getattr(exceptions, name)
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if isinstance(found, type) and issubclass(found, BaseException):
        return found
    return _stand_in(module, name)


def _stand_in(module: str, name: str) -> type[RemoteError]:
    return type(name, (RemoteError,), {"__module__": module or __name__, "exc_type": name, "exc_module": module})


def _home_of(kind: type[BaseException]) -> str:
    """Return the module under which Celery's programs know the class."""
    if issubclass(kind, RemoteError):
        return kind.exc_module
    if kind is not exceptions.TimeoutError and getattr(exceptions, kind.__name__, None) is not kind:
        return kind.__module__
    if kind.__name__ in _BILLIARD:
        return "billiard.exceptions"
    return "kombu.exceptions" if kind.__name__ in _KOMBU else "celery.exceptions"


def encodable(argument: Any, serializer: str) -> Any:
    """Return `argument`, or its repr where it has no form in the serializer."""
    try:
        codecs.encode(argument, serializer)
    except codecs.EncodeError:
        return repr(argument)
    return argument
