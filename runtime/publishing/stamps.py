"""Stamps: values that a call carries by name, and that are kept with its result.

In a call's options, as in Celery's signatures, `stamped_headers` names them and each is an option of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STAMPED = "stamped_headers"
"""The option that names the stamps among a call's options."""


def stamps_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stamps among a call's options."""
    return {name: options[name] for name in options.get(STAMPED) or () if name in options}


def without_stamps(options: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a call's options say beside its stamps."""
    stamped = options.get(STAMPED)
    return {name: value for name, value in options.items() if name not in stamped} if stamped else options


def as_options(stamped: list[str] | None, stamps: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that give another call these stamps."""
    return {**{name: stamps[name] for name in stamped if name in stamps}, STAMPED: stamped} if stamped else {}
