"""`wire`: which messages may travel to other nodes, and by which name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from .errors import NotEncodable

if TYPE_CHECKING:
    from ..actor import Actor

C = TypeVar("C", bound=type)
_NAME = "__wire_name__"


@overload
def wire(name: str) -> Callable[[C], C]: ...
@overload
def wire(name: C) -> C: ...
def wire(name: str | C) -> Callable[[C], C] | C:
    """Let a message, or an actor class that others may spawn, travel: `@wire` by its class's name, or `@wire("name")`.

    The name is all of the class that is sent; each node looks it up among the messages that the receiving actor marks
    with `on`. So it has to be the same on both sides, where the classes need not be.
    """
    if isinstance(name, type):
        return _marked(name, name.__name__)
    if not isinstance(name, str) or not name or name.startswith("$"):  # pyright: ignore[reportUnnecessaryIsInstance]
        raise ValueError(f"a message travels by a name that does not begin with $, not {name!r}")
    return lambda marked: _marked(marked, name)


def _marked(marked: C, name: str) -> C:
    setattr(marked, _NAME, name)
    return marked


def wire_name(marked: type) -> str:
    """Return the name by which a class travels; raises `NotEncodable` where it may not."""
    name = vars(marked).get(_NAME)
    if name is None:
        raise NotEncodable(
            f"{marked.__qualname__} does not travel to other nodes: mark the class with @wire, above @dataclass"
        )
    return name


def taken_by(actor_class: type[Actor]) -> dict[str, type[Any]]:
    """Return the messages that may be sent to an actor class from other nodes, by name.

    Raises `TypeError` where two of them have the same name.
    """
    taken: dict[str, type[Any]] = {}
    for kind in actor_class.takes():
        name = vars(kind).get(_NAME)
        if name is not None and taken.setdefault(name, kind) is not kind:
            raise TypeError(
                f"{actor_class.__qualname__} takes two messages that travel as {name!r}, "
                f"{taken[name].__qualname__} and {kind.__qualname__}: name one of them otherwise"
            )
    return taken
