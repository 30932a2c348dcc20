"""Events as names and plain values, for logs, metrics and traces (docs/reference/events-and-errors.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from .events import (
    ActorCrashed,
    ActorStarted,
    ActorStopped,
    ChildRestarted,
    ChildStopFailed,
    DeadLetter,
    MailboxOverflowed,
    SlowTurn,
    SupervisorGaveUp,
)
from .reasons import ExitReason
from .ref import Ref

EVENTS: Mapping[str, type] = {
    event.telemetry: event
    for event in (
        ActorStarted,
        ActorStopped,
        ActorCrashed,
        SlowTurn,
        ChildRestarted,
        ChildStopFailed,
        SupervisorGaveUp,
        MailboxOverflowed,
        DeadLetter,
    )
}
"""The events of one system by their names; those of nodes are in `remote`."""


def telemetry(event: Any) -> tuple[str, dict[str, Any]]:
    """Return an event's name, and its fields as plain values: actors by their paths, reasons and messages as text."""
    return event.telemetry, {field.name: _plain(getattr(event, field.name)) for field in fields(event)}


def _plain(value: object) -> Any:
    match value:
        case Ref():
            return value.path
        case ExitReason():
            return str(value)
        case None | bool() | int() | float() | str():
            return value
        case _:
            return repr(value)
