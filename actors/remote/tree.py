"""The actors that make a system a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ..supervision.spec import ChildSpec, Strategy
from ..supervision.supervisor import DynamicSupervisor, Supervisor
from .envelope import Lane
from .herald import Herald
from .inbox import Inbox
from .lookout import Lookout
from .publisher import Publisher
from .switchboard import Switchboard

if TYPE_CHECKING:
    from .remoting import Remoting


class RemotingSupervisor(Supervisor):
    """Each part leans on those before it; the herald comes last, so that its goodbye is the first step of the end."""

    strategy: ClassVar[Strategy | str] = "rest_for_one"
    intensity: ClassVar[int] = 10
    period: ClassVar[float] = 10.0

    def __init__(self, remoting: Remoting) -> None:
        remoting.started(self.path)
        self._remoting = remoting

    def children(self) -> Sequence[ChildSpec]:
        """Return what the bus needs, the guests, and the parts."""
        remoting = self._remoting
        return [
            *remoting.transport_children,
            ChildSpec("guests", Guests),
            ChildSpec("publisher", Publisher, (remoting,), shutdown=2.0),
            ChildSpec("switchboard", Switchboard, (remoting,)),
            ChildSpec("lookout", Lookout, (remoting,)),
            ChildSpec("inbox-s", Inbox, (remoting, Lane.SYSTEM)),
            ChildSpec("inbox-u", Inbox, (remoting, Lane.USER)),
            ChildSpec("herald", Herald, (remoting,)),
        ]


class Guests(DynamicSupervisor):
    """Actors that other nodes have spawned here."""
