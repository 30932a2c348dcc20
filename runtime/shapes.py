"""Asks for the shape of values that come from outside, in words that type checkers understand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeGuard

import msgspec

Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
"""A time limit as a message says it; nobody means more than thirty years, and no timer goes for ever."""


def is_list(value: object) -> TypeGuard[list[Any]]:
    """Tell whether `value` is a list, or a tuple, which codecs do not tell from one."""
    return isinstance(value, (list, tuple))


def is_map(value: object) -> TypeGuard[Mapping[str, Any]]:
    """Tell whether `value` is a mapping; its keys are taken to be text."""
    return isinstance(value, Mapping)


def is_dict(value: object) -> TypeGuard[dict[str, Any]]:
    """Tell whether `value` is a dict, as decoders make them; its keys are taken to be text."""
    return isinstance(value, dict)


def listed(value: Any) -> list[Any]:
    """Return one value, several, or None for no value, as a list of its own."""
    if value is None:
        return []
    return list(value) if is_list(value) else [value]
