"""`Trace`: how an error came about, by names and line numbers alone, and as text when somebody looks.

The frames themselves must not be kept: with them would live whatever the actor held. The standard library's summary
keeps none either, but takes as long to make as all the rest of a restart.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"

Place = tuple[str, int, str]
"""File, line and function."""


@dataclass(frozen=True, slots=True)
class Link:
    """One error of a chain: `lead` is what is said between it and the one before."""

    lead: str
    places: tuple[Place, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Trace:
    """An error and those that led to it, the oldest first."""

    links: tuple[Link, ...]

    @classmethod
    def of(cls, error: BaseException) -> Trace:
        """Return the trace of an error that was raised."""
        return cls(tuple(_chain(error))[::-1])

    def __str__(self) -> str:
        return "".join(line for link in self.links for line in _lines(link))


def _chain(error: BaseException) -> Iterator[Link]:
    """Yield an error and what led to it, as `traceback` finds it."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        cause, context = current.__cause__, None if current.__suppress_context__ else current.__context__
        before = cause if cause is not None else context
        lead = "" if before is None or id(before) in seen else _CAUSE if cause is not None else _CONTEXT
        yield Link(lead, tuple(_places(current)), _said(current))
        current = before


def _places(error: BaseException) -> Iterator[Place]:
    step = error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        yield code.co_filename, step.tb_lineno, code.co_name
        step = step.tb_next


def _said(error: BaseException) -> str:
    kind = type(error)
    home = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an error that cannot say what it is is an error all the same
        text = "<it cannot be printed>"
    notes = "".join(f"\n{note}" for note in getattr(error, "__notes__", ()))
    return f"{home}{kind.__qualname__}{': ' if text else ''}{text}{notes}\n"


def _lines(link: Link) -> Iterator[str]:
    yield link.lead
    if link.places:
        yield "Traceback (most recent call last):\n"
        yield from traceback.StackSummary.from_list([(*place, None) for place in link.places]).format()
    yield link.text
