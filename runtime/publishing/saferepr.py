"""`saferepr`: a repr of arguments that is bounded in length and depth, for headers, events and logs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

_SHORT = frozenset({int, float, bool, type(None)})
_kind_of = cast("Callable[[object], Any]", type)


def saferepr(value: Any, limit: int = 1024, levels: int = 3) -> str:
    """Return `repr(value)`, cut after about `limit` characters and below `levels` nested containers.

    What is left out shows as `...`; brackets are always closed. An object whose repr fails shows as its type.
    """
    if _is_short(value):
        text = repr(value)
        if len(text) <= limit:
            return text
    return "".join(_Writer(limit).write(value, levels))


def _is_short(value: Any) -> bool:
    """Tell whether a call's arguments are few, and small enough to be shown as they are."""
    kind = _kind_of(value)
    items: Any = value.values() if kind is dict else value
    if (kind is not tuple and kind is not dict) or len(items) > 20:
        return False
    for item in items:  # noqa: SIM110 - a generator would cost more than the repr
        if type(item) not in _SHORT and not (type(item) is str and len(item) < 50):
            return False
    return True


class _Writer:
    """Yields pieces of text until its budget of characters is used up."""

    def __init__(self, limit: int) -> None:
        self.left = limit
        self._cut = False
        self._open: set[int] = set()

    def write(self, value: Any, levels: int) -> Iterator[str]:
        brackets = _BRACKETS.get(cast("type[Any]", type(value)))
        if brackets is None or (not value and _kind_of(value) is not dict):
            yield self._text(value)
            return
        opening, closing = brackets
        yield self._spend(opening)
        yield from self._inside(value, levels)
        yield ",)" if closing == ")" and len(value) == 1 else closing

    def _inside(self, value: Any, levels: int) -> Iterator[str]:
        if not value:
            return
        if levels <= 0 or id(value) in self._open:
            yield "..."
            return
        self._open.add(id(value))
        paired = isinstance(value, dict)
        items = cast("dict[Any, Any]", value).items() if paired else value
        for position, item in enumerate(cast("Any", items)):
            if self._cut:
                break
            if position:
                yield self._spend(", ")
            if self.left <= 0:
                self._cut = True
                yield "..."
                break
            yield from self._pair(item, levels) if paired else self.write(item, levels - 1)
        self._open.discard(id(value))

    def _pair(self, pair: tuple[Any, Any], levels: int) -> Iterator[str]:
        yield from self.write(pair[0], levels - 1)
        yield self._spend(": ")
        yield from self.write(pair[1], levels - 1)

    def _text(self, value: Any) -> str:
        left = max(self.left, 0)
        if _kind_of(value) in (str, bytes) and len(value) > left:
            cut = repr(value[:left])
            return self._spend(f"{cut[:-1]}...{cut[-1]}")
        text = _repr(value)
        return self._spend(text if len(text) <= left else f"{text[:left]}...")

    def _spend(self, text: str) -> str:
        self.left -= len(text)
        return text


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception:  # noqa: BLE001 - a user's __repr__; the message is sent all the same
        return f"<{type(value).__name__}: its repr failed>"


_BRACKETS: dict[type, tuple[str, str]] = {dict: ("{", "}"), list: ("[", "]"), tuple: ("(", ")"), set: ("{", "}")}
