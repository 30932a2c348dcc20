"""A snapshot as text: a line for each actor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .snapshot import ActorView, Snapshot


FINE, ODD, BAD = range(3)


class Fact(NamedTuple):
    """A few words about an actor, and whether they are cause for a look."""

    text: str
    level: int


def lines_of(snapshot: Snapshot) -> list[str]:
    """Return the tree as lines: name, then what there is to say of each actor."""
    drawn = list(drawn_tree(snapshot.actors))
    width = max((len(branch) + len(view.name) for branch, view in drawn), default=0)
    return [
        f"{branch}{view.name}".ljust(width + 2) + ", ".join(fact.text for fact in facts(view)) for branch, view in drawn
    ]


def drawn_tree(views: Sequence[ActorView]) -> Iterator[tuple[str, ActorView]]:
    """Return each view with the lines that lead to it; the first has none."""
    if not views:
        return
    top = min(view.path.count("/") for view in views)
    last = _last_children(views)
    for view in views:
        parts = view.path.split("/")
        above = ["/".join(parts[: depth + 1]) for depth in range(top + 1, len(parts) - 1)]
        bars = "".join("   " if path in last else "│  " for path in above)
        joint = "" if len(parts) - 1 == top else "└─ " if view.path in last else "├─ "
        yield bars + joint, view


def _last_children(views: Sequence[ActorView]) -> set[str]:
    last: dict[str, str] = {}
    for view in views:
        last[view.path.rpartition("/")[0]] = view.path
    return set(last.values())


def facts(view: ActorView) -> Iterator[Fact]:
    """Return what there is to say of an actor: its state first, then what is not as it always is."""
    yield Fact(view.state + (", working" if view.working else ""), FINE if view.state == "running" else ODD)
    if view.waiting:
        bound = f" of {view.capacity}" if view.capacity is not None else ""
        age = f", the first for {view.waiting_for:.0f} s" if view.waiting_for >= 1 else ""
        yield Fact(f"{view.waiting}{bound} waiting{age}", ODD if age else FINE)
    if view.dropped:
        yield Fact(f"{view.dropped} dropped", ODD)
    if view.budget is not None:
        budget = view.budget
        used = f"{budget.used}/{budget.intensity} in {budget.period:g} s"
        yield Fact(f"{budget.strategy} {used}", ODD if budget.used else FINE)
    if view.restarts:
        yield Fact(f"restarted {view.restarts} time{'s' if view.restarts > 1 else ''}", ODD)
    if view.crash is not None:
        yield Fact(f"last crash: {view.crash.reason}", BAD)
