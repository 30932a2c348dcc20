"""From "after" and "before" to an order of start: a pure function over names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from ...actors import DuplicateId
from .errors import ComponentsWait, UnknownPart

LAST = "services"
"""The floor in which components live that nothing of the node's own has to wait for."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a component wants to be: started after these, and before those."""

    name: str
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """The order of start: of the node's floors with the components among them, and of those within `services`."""

    floors: tuple[str, ...]
    services: tuple[str, ...]


def plan(floors: Sequence[str], added: Sequence[Placement]) -> Plan:
    """Return the order in which a node with these components starts; ties go by the order in which they were added.

    A component that something of the node's own is to wait for becomes a floor of the node, and so does one that waits
    for `services`; the others live within that. Raises `DuplicateId`, `UnknownPart` and `ComponentsWait`.
    """
    _check_names(floors, added)
    needs: dict[str, list[str]] = {name: list(floors[max(0, place - 1) : place]) for place, name in enumerate(floors)}
    needs |= {each.name: list(each.after) for each in added}
    for each in added:
        for later in each.before:
            needs[later].append(each.name)
    order = _ordered(needs)
    among = set(floors) | _needed(floors, needs) | {name for name in needs if LAST in _needed([name], needs)}
    return Plan(
        tuple(name for name in order if name in among),
        tuple(name for name in order if name not in among),
    )


def _check_names(floors: Sequence[str], added: Sequence[Placement]) -> None:
    known = set(floors)
    for each in added:
        if each.name in known:
            raise DuplicateId(f"there is a part or a component {each.name!r} already: give this one another name")
        known.add(each.name)
    for each in added:
        for word, names in (("after", each.after), ("before", each.before)):
            for name in names:
                if name not in known:
                    raise UnknownPart(f"component {each.name!r} is to start {word} {name!r}{hint(name, known)}")


def _ordered(needs: Mapping[str, Sequence[str]]) -> list[str]:
    """Return all names so that each comes after those it needs, else as they are given."""
    ordered: dict[str, None] = {}

    def place(name: str, behind: tuple[str, ...]) -> None:
        if name in behind:
            circle = (*behind[behind.index(name) :], name)
            raise ComponentsWait(f"components wait for each other: {' -> '.join(circle)}")
        if name not in ordered:
            for needed in needs[name]:
                place(needed, (*behind, name))
            ordered[name] = None

    for name in needs:
        place(name, ())
    return list(ordered)


def _needed(names: Iterable[str], needs: Mapping[str, Sequence[str]]) -> set[str]:
    """Return all that `names` wait for, directly or not."""
    found: set[str] = set()
    pending = [needed for name in names for needed in needs[name]]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending.extend(needs[name])
    return found


def hint(name: str, known: Iterable[str]) -> str:
    """Say that there is nothing of that name, and what there is."""
    near = get_close_matches(name, list(known), n=1)
    return f", which does not exist: did you mean {near[0]!r}?" if near else f": there are {', '.join(sorted(known))}"
