"""What the parts of a node's remoting say to each other, and what it tells the system's event bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ..messages import Message
from .bus import Receipt
from .codec import MSGPACK
from .envelope import Kind, Lane

if TYPE_CHECKING:
    from ..completion import Completion
    from ..reasons import ExitReason
    from ..ref import Ref
    from .envelope import Envelope
    from .frames import AnyFrame
    from .herald import Herald
    from .inbox import Inbox
    from .lookout import Lookout
    from .publisher import Publisher
    from .switchboard import Switchboard


@dataclass(frozen=True, slots=True)
class Letter(Message["Publisher | Switchboard", None]):
    """Something on its way out. node: to which one, by its full name or one to be looked up; "" for a topic.

    to: an address, or the node. id, deadline (unix seconds): of what wants an answer; corr: of what is one. monitor:
    for whose sake it is sent. ref, message: what a tell was, for the dead letter that it may become.
    """

    node: str
    to: str
    kind: Kind
    lane: Lane
    body: bytes
    type: str = ""
    ctype: str = MSGPACK
    id: str = ""
    corr: str = ""
    deadline: float | None = None
    monitor: int = 0
    ref: Ref[Any] | None = None
    message: Any = None


@dataclass(frozen=True, slots=True)
class Enquire(Message["Switchboard", "Reply"]):
    """Send a letter that wants an answer, within `timeout` seconds; `reply` is the type of it."""

    letter: Letter
    reply: Any
    timeout: float


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of an enquiry: a value, or the error that the asker gets."""

    value: Any = None
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Overdue(Message["Switchboard", None]):
    """The time of an enquiry has passed."""

    id: str


@dataclass(frozen=True, slots=True)
class Answered(Message["Switchboard", None]):
    """An answer came."""

    envelope: Envelope


@dataclass(frozen=True, slots=True)
class Refused(Message["Switchboard", None]):
    """A letter was not delivered: the broker said so, or could not be reached (`error`)."""

    letter: Letter
    receipt: Receipt
    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class Monitor(Message["Switchboard", None]):
    """A local actor wants to be told of the end of a remote one."""

    monitor: int
    watcher: Ref[Any]
    target: Ref[Any]


@dataclass(frozen=True, slots=True)
class Demonitor(Message["Switchboard", None]):
    """... and does not any more."""

    monitor: int


@dataclass(frozen=True, slots=True)
class GiveUp(Message["Switchboard", None]):
    """Nobody of that name has been heard of."""

    name: str


@dataclass(frozen=True, slots=True)
class CompareDigests(Message["Switchboard", None]):
    """Time to tell others what is watched on them."""


@dataclass(frozen=True, slots=True)
class Said(Message["Switchboard | Lookout | Herald", None]):
    """A node said something to this one."""

    node: str
    frame: AnyFrame


@dataclass(frozen=True, slots=True)
class NodeJoined(Message["Switchboard | Lookout", None]):
    """A node can be heard; also an event."""

    telemetry: ClassVar[str] = "node.join"

    node: str


@dataclass(frozen=True, slots=True)
class NodeLeft(Message["Switchboard | Lookout", None]):
    """A node has left, was replaced, or cannot be heard any more; also an event."""

    telemetry: ClassVar[str] = "node.leave"

    node: str
    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Posted(Message["Publisher", None]):
    """The broker has taken the letters that were under way."""

    receipts: list[Receipt]


@dataclass(frozen=True, slots=True)
class PostFailed(Message["Publisher", None]):
    """The broker could not be reached."""

    error: BaseException


@dataclass(frozen=True, slots=True)
class Collected(Message["Inbox", None]):
    """Mail came. round: of which collection."""

    round: int
    mail: list[bytes]


@dataclass(frozen=True, slots=True)
class CollectFailed(Message["Inbox", None]):
    """No mail could be had."""

    round: int
    error: BaseException


@dataclass(frozen=True, slots=True)
class CollectAgain(Message["Inbox", None]):
    """The pause after a failure is over."""


@dataclass(frozen=True, slots=True)
class Lapsed(Message["Inbox", None]):
    """Nobody waits any more for the answer to an ask from elsewhere."""

    completion: Completion[Any]


@dataclass(frozen=True, slots=True)
class Subscribe(Message["Inbox", None]):
    """An actor wants to hear a topic."""

    topic: str
    ref: Ref[Any]


@dataclass(frozen=True, slots=True)
class Unsubscribe(Message["Inbox", None]):
    """... and does not any more."""

    topic: str
    ref: Ref[Any]


@dataclass(frozen=True, slots=True)
class DoBeat(Message["Herald", None]):
    """Time to be heard, and to judge who has not been."""


@dataclass(frozen=True, slots=True)
class BeatSent(Message["Herald", None]):
    """The broker has taken a beat, or failed to."""


@dataclass(frozen=True, slots=True)
class GoodbyeSent(Message["Herald", None]):
    """The last word is out, or its time is up."""
