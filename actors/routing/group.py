"""`GroupRouter`: one address in front of actors that others supervise, here or on other nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from ..errors import MailboxFull, WouldBlock
from ..ref import Ref
from ..remote.address import Address, Scheme
from ..remote.errors import RemotingError, UnsupportedAddress
from ..supervision.errors import BadSpec
from .errors import BadChoice, ManyAnswers, NoRoutee
from .handing_on import HandsOn
from .strategies import Routing


class GroupRouter(HandsOn):
    """Hands each message on to one of `routees`, or to several, as `routing` chooses.

    routees: paths of this system ("/shop/till"), refs, or addresses on other nodes. A path or a `name://` is whoever
    holds it when a message comes. Those who are known to be gone are not chosen. Otherwise as a `Router`, but for the
    supervision. Raises `BadSpec`, `BadAddress` and `UnsupportedAddress`.
    """

    expected: ClassVar[tuple[type[BaseException], ...]] = (
        NoRoutee,
        BadChoice,
        ManyAnswers,
        MailboxFull,
        WouldBlock,
        RemotingError,
    )

    def __init__(self, routees: Iterable[str | Address | Ref[Any]], routing: Routing | None = None) -> None:
        super().__init__()
        self.route_by(routing)
        self._routees = checked_routees(routees)

    def at_work(self) -> list[tuple[Any, Ref[Any]]]:
        """Return the names and refs of those who are there, as far as that is known."""
        found = [(str(each), self._find(each)) for each in self._routees]
        return [(name, ref) for name, ref in found if ref is not None and ref.is_alive()]

    def _find(self, routee: str | Address | Ref[Any]) -> Ref[Any] | None:
        if isinstance(routee, str):
            return self.system.find(routee)
        return self.system.resolve(routee) if isinstance(routee, Address) else routee


def checked_routees(routees: Iterable[str | Address | Ref[Any]]) -> list[str | Address | Ref[Any]]:
    """Return a group's routees; raises as `checked` does, and for none at all."""
    if isinstance(routees, str | Address | Ref):
        raise BadSpec(f"a group is a list of paths, refs or addresses, not {routees!r} alone")
    group = [checked(each) for each in routees]
    if not group:
        raise BadSpec("a group has at least one routee: paths, refs or addresses")
    return group


def checked(routee: str | Address | Ref[Any]) -> str | Address | Ref[Any]:
    """Return a path, an address or a ref; raises for what is none of them, and for what nobody answers at."""
    if isinstance(routee, Ref) or (isinstance(routee, str) and routee.startswith("/")):
        return routee
    if isinstance(routee, str):
        routee = Address.parse(routee)
    if not isinstance(routee, Address):  # pyright: ignore[reportUnnecessaryIsInstance] - not everybody checks types
        raise BadSpec(f"a routee is a path, a ref or an address, not {routee!r}")
    if routee.scheme in (Scheme.QUEUE, Scheme.TOPIC):
        raise UnsupportedAddress(f"{routee} is no actor: a routee is one")
    return routee
