"""`ChildRef`: a ref in the child process of an actor; what is sent to it goes through the actor's own process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

from ..ref import Ref
from .likeness import double

if TYPE_CHECKING:
    from ..actor import Actor
    from ..completion import Completion
    from ..messages import Message, Signal
    from ..reasons import ExitReason
    from ..remote.address import Address
    from .line import Line
    from .refs import RefName

A_co = TypeVar("A_co", bound="Actor", covariant=True)
R = TypeVar("R")
OWN = 0
"""The number of the actor's own ref."""


class Forwarded:
    """A message that is handed on, with whoever asked."""

    def __init__(self, message: Any) -> None:
        self.message: Any = message


class ChildRef(Ref[A_co]):
    """Does what a `Ref` does; each call is a round trip to the actor's own process."""

    def __init__(self, line: Line, name: RefName) -> None:
        self._cell = cast("Any", None)
        self._line = line
        self.number: int = name.number
        self._text = name.text
        self._path = name.path
        self._uid = name.uid
        self._born_in = name.born_in

    def __repr__(self) -> str:
        return f"<ChildRef {self._text}>"

    def __str__(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChildRef) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    @property
    def path(self) -> str:
        """See `Ref`."""
        return self._path

    @property
    def uid(self) -> int:
        """See `Ref`."""
        return self._uid

    @property
    def born_in(self) -> int:
        """See `Ref`."""
        return self._born_in

    @property
    def address(self) -> Address:
        """See `Ref`."""
        return self._line.call("address", self)

    @property
    def reason(self) -> ExitReason | None:
        """See `Ref`."""
        return self._line.call("reason", self)

    @property
    def waiting(self) -> int:
        """See `Ref`."""
        return self._line.call("waiting", self)

    def is_alive(self) -> bool:
        """See `Ref`."""
        return self._line.call("is_alive", self)

    def tell(self, message: Message[A_co, Any]) -> None:
        """See `Ref`; raises what pickling raises, too."""
        self._line.call("tell", self, message)

    def kill(self) -> None:
        """See `Ref`."""
        self._line.call("kill", self)

    def put(self, item: Any) -> None:
        """See `Ref`."""
        if isinstance(item, Forwarded):
            self._line.call("forward", self, item.message)
        else:
            self.tell(item)

    def signal(self, signal: Signal) -> None:
        """See `Ref`."""
        self._line.call("signal", self, signal)

    def tell_past_bound(self, event: Any) -> None:
        """See `Ref`."""
        self._line.call("tell_past_bound", self, event)

    def _put_ask(self, message: Message[A_co, R], timeout: float | None) -> Completion[R]:
        return self._line.begin("ask", self, message, timeout)

    def _put_stop(self, reason: ExitReason) -> Completion[bool]:
        return self._line.begin("stop", self, reason)

    # -- what pykka's proxy looks at -------------------------------------------------------------------------------

    @property
    def actor_class(self) -> type[A_co]:
        """The class of the actor."""
        return self._line.call("actor_class", self)

    def _actor_weakref(self) -> Any:
        if self.number == OWN:
            return self._line.body
        likeness = self._line.call("likeness", self)
        return None if likeness is None else double(likeness)
