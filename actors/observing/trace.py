"""`Trace`: how an error came about, by names and line numbers alone, and as text when somebody looks.

The frames themselves must not be kept: with them would live whatever the actor held. The standard library's summary
keeps none either, but takes as long to make as all the rest of a restart.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

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
        links: list[Link] = []
        seen: set[int] = set()
        current: BaseException | None = error
        while current is not None:
            seen.add(id(current))
            before, lead = _before(current)
            if before is not None and id(before) in seen:
                before, lead = None, ""
            links.append(Link(lead, _places(current.__traceback__), _said(current)))
            current = before
        links.reverse()
        return cls(tuple(links))

    def __str__(self) -> str:
        return "".join(line for link in self.links for line in _lines(link))


def _before(error: BaseException) -> tuple[BaseException | None, str]:
    """Return what led to an error, as `traceback` finds it, and what is said between the two."""
    if error.__cause__ is not None:
        return error.__cause__, _CAUSE
    if error.__context__ is None or error.__suppress_context__:
        return None, ""
    return error.__context__, _CONTEXT


def _places(step: TracebackType | None) -> tuple[Place, ...]:
    places: list[Place] = []
    while step is not None:
        code = step.tb_frame.f_code
        places.append((code.co_filename, step.tb_lineno, code.co_name))
        step = step.tb_next
    return tuple(places)


def _said(error: BaseException) -> str:
    kind = type(error)
    home = "" if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}."
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - an error that cannot say what it is is an error all the same
        text = "<it cannot be printed>"
    notes = "".join([f"\n{note}" for note in getattr(error, "__notes__", ())])
    return f"{home}{kind.__qualname__}{': ' if text else ''}{text}{notes}\n"


def _lines(link: Link) -> Iterator[str]:
    yield link.lead
    if link.places:
        yield "Traceback (most recent call last):\n"
        yield from traceback.StackSummary.from_list([(*place, None) for place in link.places]).format()
    yield link.text
