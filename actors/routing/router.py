"""`Router`: one address in front of a pool of actors, which it also supervises."""

from __future__ import annotations

from typing import ClassVar

from ..errors import MailboxFull, WouldBlock
from ..supervision.errors import SupervisorError
from ..supervision.spec import ChildSpec
from .errors import BadChoice, ManyAnswers, NoRoutee
from .handing_on import HandsOn
from .pool import Pool
from .strategies import Routing


class Router(Pool, HandsOn):
    """Hands each message that is not a supervisor's on to one of its children, or to several, as `routing` chooses.

    Whoever is chosen answers an ask. Where nobody is at work, or the mailbox of whoever is chosen takes no more, an ask
    fails with `NoRoutee` or `MailboxFull`, and a tell becomes a dead letter; so does a message of which the routing
    does not know whose it is (`BadChoice`). `StartChild` and `TerminateChild` add children and take them away. Raises
    `BadSpec`.
    """

    expected: ClassVar[tuple[type[BaseException], ...]] = (
        SupervisorError,
        NoRoutee,
        BadChoice,
        ManyAnswers,
        MailboxFull,
        WouldBlock,
    )

    def __init__(self, child: ChildSpec, size: int, routing: Routing | None = None) -> None:
        super().__init__(child, size)
        self.route_by(routing)
