"""Signals: functions that the runtime calls at certain moments, by Celery's names.

A receiver takes `sender`, `signal` and the values of the signal as keyword arguments, so it needs a `**kwargs`. What a
receiver raises is logged and goes no further. As in Celery a process has one set of them, for all of its apps: what
listens to tasks (tracing, a web framework's clean-up) is connected before there is an app to ask.
"""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable, Hashable
from typing import Any, TypeVar, overload

logger: logging.Logger = logging.getLogger(__name__)

Receiver = Callable[..., Any]
R = TypeVar("R", bound=Receiver)


class Signal:
    """A moment that functions can be connected to.

    Thread-safe: connecting replaces the tuple of receivers. Receivers are called in the order of connection, in the
    thread in which the signal is sent.
    """

    __slots__ = ("_entries", "name", "provides")

    def __init__(self, name: str, *provides: str) -> None:
        self.name: str = name
        self.provides: tuple[str, ...] = provides
        self._entries: tuple[_Entry, ...] = ()

    def __repr__(self) -> str:
        return f"<Signal {self.name}{{{', '.join(self.provides)}}}>"

    def __bool__(self) -> bool:
        """Tell whether anyone listens; asking is cheaper than sending."""
        return bool(self._entries)

    @overload
    def connect(self, receiver: R, /, sender: Any = None, *, weak: bool = True, dispatch_uid: Any = None) -> R: ...

    @overload
    def connect(
        self, receiver: None = None, /, sender: Any = None, *, weak: bool = True, dispatch_uid: Any = None
    ) -> Callable[[R], R]: ...

    def connect(
        self, receiver: Any = None, /, sender: Any = None, *, weak: bool = True, dispatch_uid: Hashable = None
    ) -> Any:
        """Call `receiver` from now on whenever the signal is sent; also a decorator.

        sender: only when it comes from this one (a task, or a task's name). weak: forget the receiver when nobody else
        refers to it. dispatch_uid: a second receiver with the same one replaces the first.
        """
        if receiver is None:

            def decorate(function: R) -> R:
                return self.connect(function, sender, weak=weak, dispatch_uid=dispatch_uid)

            return decorate
        entry = _Entry(receiver, sender, weak=weak, uid=dispatch_uid)
        self._entries = (*(known for known in self._entries if known.key != entry.key), entry)
        return receiver

    def disconnect(self, receiver: Receiver | None = None, sender: Any = None, dispatch_uid: Hashable = None) -> bool:
        """Call it no more; returns whether it was connected."""
        key = _key(receiver, sender, dispatch_uid)
        before = self._entries
        self._entries = tuple(entry for entry in before if entry.key != key)
        return len(self._entries) < len(before)

    def send(self, sender: Any, **values: Any) -> list[tuple[Receiver, Any]]:
        """Call every receiver; returns each with what it returned, or with the error that it raised."""
        answers: list[tuple[Receiver, Any]] = []
        for entry in self._entries:
            receiver = entry.receiver()
            if receiver is None:
                self._entries = tuple(known for known in self._entries if known is not entry)
            elif entry.wants(sender):
                answers.append((receiver, self._call(receiver, sender, values)))
        return answers

    send_robust = send

    def _call(self, receiver: Receiver, sender: Any, values: dict[str, Any]) -> Any:
        try:
            return receiver(signal=self, sender=sender, **values)
        except Exception as error:
            logger.exception("a receiver of %s failed: %r", self.name, receiver)
            return error


class _Entry:
    """One connected receiver."""

    __slots__ = ("key", "receiver", "sender")

    def __init__(self, receiver: Receiver, sender: Any, *, weak: bool, uid: Hashable) -> None:
        self.key = _key(receiver, sender, uid)
        self.sender = sender
        self.receiver: Callable[[], Receiver | None] = _weak(receiver) if weak else lambda: receiver

    def wants(self, sender: Any) -> bool:
        return self.sender is None or self.sender is sender or self.sender == sender or _named(sender) == self.sender


def _key(receiver: Receiver | None, sender: Any, uid: Hashable) -> tuple[Any, ...]:
    if uid is not None:
        return ("uid", uid, id(sender))
    owner = getattr(receiver, "__self__", None)
    return (id(owner), id(getattr(receiver, "__func__", receiver)), id(sender))


def _weak(receiver: Receiver) -> Callable[[], Receiver | None]:
    return weakref.WeakMethod(receiver) if hasattr(receiver, "__self__") else weakref.ref(receiver)


def _named(sender: Any) -> Any:
    return getattr(sender, "name", None)


before_task_publish: Signal = Signal(
    "before_task_publish", "body", "exchange", "routing_key", "headers", "properties", "declare", "retry_policy"
)
after_task_publish: Signal = Signal("after_task_publish", "body", "exchange", "routing_key", "headers")
task_received: Signal = Signal("task_received", "request")
task_prerun: Signal = Signal("task_prerun", "task_id", "task", "args", "kwargs")
task_postrun: Signal = Signal("task_postrun", "task_id", "task", "args", "kwargs", "retval", "state")
task_success: Signal = Signal("task_success", "result")
task_retry: Signal = Signal("task_retry", "request", "reason", "einfo")
task_failure: Signal = Signal("task_failure", "task_id", "exception", "args", "kwargs", "traceback", "einfo")
task_internal_error: Signal = Signal("task_internal_error", "task_id", "args", "kwargs", "request", "exception")
task_revoked: Signal = Signal("task_revoked", "request", "terminated", "signum", "expired")
task_rejected: Signal = Signal("task_rejected", "message", "exc")
task_unknown: Signal = Signal("task_unknown", "message", "exc", "name", "id")
celeryd_init: Signal = Signal("celeryd_init", "instance", "conf", "options")
celeryd_after_setup: Signal = Signal("celeryd_after_setup", "instance", "conf")
import_modules: Signal = Signal("import_modules")
worker_init: Signal = Signal("worker_init")
worker_before_create_process: Signal = Signal("worker_before_create_process")
worker_process_init: Signal = Signal("worker_process_init")
worker_process_shutdown: Signal = Signal("worker_process_shutdown", "pid", "exitcode")
worker_ready: Signal = Signal("worker_ready")
worker_shutdown: Signal = Signal("worker_shutdown")
worker_shutting_down: Signal = Signal("worker_shutting_down", "sig", "how", "exitcode")
heartbeat_sent: Signal = Signal("heartbeat_sent")
setup_logging: Signal = Signal("setup_logging", "loglevel", "logfile", "format", "colorize")
after_setup_logger: Signal = Signal("after_setup_logger", "logger", "loglevel", "logfile", "format", "colorize")
after_setup_task_logger: Signal = Signal(
    "after_setup_task_logger", "logger", "loglevel", "logfile", "format", "colorize"
)
beat_init: Signal = Signal("beat_init")
beat_embedded_init: Signal = Signal("beat_embedded_init")
user_preload_options: Signal = Signal("user_preload_options", "app", "options")
