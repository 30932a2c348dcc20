"""`DemandRouter`: holds messages until one of its children demands them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from ..actor import on
from ..completion import Completion
from ..errors import MailboxFull, WouldBlock
from ..events import DeadLetter
from ..life import Deferred
from ..messages import ChildExited, ChildFailed
from ..ref import Ref
from ..supervision.errors import BadSpec, SupervisorError
from ..supervision.spec import ChildSpec
from .messages import Demand
from .pool import Pool

if TYPE_CHECKING:
    from types import TracebackType


class Held(NamedTuple):
    """A message that waits, and what its asker was promised; None where it was told."""

    message: Any
    promise: Completion[Any] | None


class DemandRouter(Pool):
    """Hands each message that is not a supervisor's on to a child that has demanded one; the others wait here.

    A child tells its `parent` `Demand(self.ref, n)` when it starts and whenever it has room again; those that want are
    served in turn. What waits here outlives a child's crash; what a child had been given does not. At most `capacity`
    messages wait (None: any number): an ask beyond it fails with `MailboxFull`, a tell becomes a dead letter.
    """

    expected: ClassVar[tuple[type[BaseException], ...]] = (SupervisorError, MailboxFull)

    def __init__(self, child: ChildSpec, size: int, capacity: int | None = None) -> None:
        super().__init__(child, size)
        if capacity is not None and capacity < 1:
            raise BadSpec(f"a router has room for at least one message, not {capacity!r}")
        self._capacity = capacity
        self._held: deque[Held] = deque()
        self._demands: dict[Ref[Any], int] = {}

    @property
    def held(self) -> int:
        """How many messages wait for somebody to demand them."""
        return len(self._held)

    def on_receive(self, message: Any) -> Completion[Any] | None:
        """Hand it on, or hold it."""
        promise: Completion[Any] | None = None if self._cell.asking is None else Completion()
        held = Held(message, promise)
        if self._capacity is not None and len(self._held) >= self._capacity and not self._demands:
            self._refuse(held, MailboxFull(f"{self.path} holds {self._capacity} messages that nobody has demanded"))
        else:
            self._held.append(held)
            self._deal()
        return promise

    @on(Demand)
    def demand(self, message: Demand) -> None:
        """Note it, and hand on what waits."""
        if message.routee.is_alive() and message.count > 0:
            self._demands[message.routee] = self._demands.get(message.routee, 0) + message.count
            self._deal()

    def child_exited(self, event: ChildExited) -> None:
        """Forget what it demanded."""
        self._demands.pop(event.child, None)
        super().child_exited(event)

    def child_failed(self, event: ChildFailed) -> None:
        """Forget what its life that is over demanded."""
        self._demands.pop(event.child, None)
        super().child_failed(event)

    def on_stop(self) -> Deferred | None:
        """Bounce what nobody has demanded."""
        self._bounce_held()
        return super().on_stop()

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Bounce what nobody has demanded."""
        self._bounce_held()

    def _deal(self) -> None:
        while self._held and self._demands:
            ref, count = next(iter(self._demands.items()))
            del self._demands[ref]
            if count > 1:
                self._demands[ref] = count - 1  # behind the others
            self._hand_on(self._held.popleft(), ref)

    def _hand_on(self, held: Held, ref: Ref[Any]) -> None:
        try:
            if held.promise is None:
                ref.tell(held.message)
            else:
                ref.ask(held.message, block=False).forward(held.promise)
        except (MailboxFull, WouldBlock) as error:
            self._refuse(held, error)

    def _refuse(self, held: Held, error: Exception) -> None:
        if held.promise is None:
            self.system.dead_letter(DeadLetter(self.ref, held.message, "full"))
        else:
            held.promise.fail(error)

    def _bounce_held(self) -> None:
        """Report what was told; asks fail with this actor's end."""
        while self._held:
            held = self._held.popleft()
            if held.promise is None:
                self.system.dead_letter(DeadLetter(self.ref, held.message, "dead"))
