"""What a router is told beside the messages that it hands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..messages import Message

if TYPE_CHECKING:
    from ..ref import Ref
    from .demand import DemandRouter
    from .handing_on import HandsOn


@dataclass(frozen=True, slots=True)
class AskAll(Message["HandsOn", "list[Any]"]):
    """Ask all of them; answered with their answers in order, or with the first error that there is."""

    message: Any


@dataclass(frozen=True, slots=True)
class Demand(Message["DemandRouter", None]):
    """`routee` takes so many more messages; what it demanded before and did not get still counts."""

    routee: Ref[Any]
    count: int = 1


@dataclass(frozen=True, slots=True)
class Weighed(Message["HandsOn", None]):
    """How many messages wait in the mailbox of a routee of another node; None where that is not to be had."""

    routee: Ref[Any]
    waiting: int | None


@dataclass(frozen=True, slots=True)
class Weigh(Message["HandsOn", None]):
    """Time to find that out again."""

    routee: Ref[Any]
