"""Two-lane mailbox: signals before messages, a soft bound with a policy on messages only.

Any thread puts; only the owner's turn takes. Each step on a lane is atomic. Death is decided here: `close` empties both
lanes through `bounce`, and a put that races with it empties them once more, so that each item is handled or bounced
exactly once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .completion import Completion
from .errors import MailboxFull
from .messages import KERNEL_EVENTS


class Overflow(StrEnum):
    """What happens to a message that finds a bounded mailbox full. What the kernel tells an actor is never refused."""

    BLOCK = "block"
    """The sender waits for room; only where it may block, else it gets `WouldBlock`."""
    REJECT = "reject"
    """The sender gets `MailboxFull`."""
    DROP_NEW = "drop_new"
    """The message is dropped, and counted."""
    DROP_OLD = "drop_old"
    """The oldest message is dropped in its favour, and counted."""
    DEAD_LETTER = "dead_letter"
    """The message becomes a `DeadLetter` event."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A soft bound on waiting messages: concurrent senders may overshoot it by one each."""

    capacity: int
    overflow: Overflow | str = Overflow.REJECT

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise ValueError(f"a mailbox holds at least one message: capacity={self.capacity}")
        try:
            object.__setattr__(self, "overflow", Overflow(self.overflow))
        except ValueError:
            raise ValueError(f"overflow is one of {', '.join(Overflow)}, not {self.overflow!r}") from None


class Mailbox:
    """The two lanes of one cell.

    bounce(item, why) gets what will not be handled; overflowed(policy) is told of each message that finds no room.
    """

    __slots__ = ("_bounce", "_overflowed", "_room", "bound", "closed", "dropped", "signals", "user")

    def __init__(
        self,
        bound: Bound | None,
        bounce: Callable[[Any, str], None],
        overflowed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.signals: deque[Any] = deque()
        self.user: deque[Any] = deque()
        self.bound: Bound | None = bound
        self.closed: bool = False
        self.dropped: int = 0
        self._bounce = bounce
        self._overflowed = overflowed
        self._room: list[Completion[None]] = []

    def __len__(self) -> int:
        return len(self.user)

    def make_room(self, item: Any) -> bool:
        """See to it that `item` may be put, as the bound's policy has it; return False where it is dropped instead.

        Raises `MailboxFull` under `reject`, and `WouldBlock` under `block` where this thread must not wait.
        """
        bound = self.bound
        if bound is None or len(self.user) < bound.capacity or self.closed:
            return True
        self._overflowed(str(bound.overflow))
        match bound.overflow:
            case Overflow.REJECT:
                raise MailboxFull(f"the mailbox holds {bound.capacity} messages already")
            case Overflow.BLOCK:
                self._wait_for_room(bound.capacity)
                return True
            case Overflow.DROP_OLD:
                self._drop_oldest()
                return True
            case _:
                self.dropped += 1
                self._bounce(item, "dropped" if bound.overflow is Overflow.DROP_NEW else "full")
                return False

    def close(self) -> None:
        """Refuse all further items, and bounce those that are in; idempotent."""
        self.closed = True
        self._release_senders()
        self._bounce_signals()
        while self.user:
            try:
                item = self.user.popleft()
            except IndexError:  # whoever was faster sees to it
                break
            self._bounce(item, "dead")

    def _bounce_signals(self) -> None:
        """Bounce each before it is taken off: who waits for the end, and closes too, must not find it gone and untold.

        To bounce a signal twice does no harm.
        """
        signals = self.signals
        while signals:
            try:
                signal = signals[0]
                self._bounce(signal, "dead")
                taken = signals.popleft()
            except IndexError:  # whoever was faster has seen to it
                break
            if taken is not signal:
                self._bounce(taken, "dead")

    @property
    def lost(self) -> bool:
        """Whether it has vanished."""
        return self._bounce is _lose

    def vanish(self) -> None:
        """Lose what is in, and all that comes; nobody is told."""
        self._bounce = _lose
        self.close()

    def took(self) -> None:
        """Note that the owner took messages: lets senders go on that wait for room."""
        if self._room and self.bound is not None and len(self.user) < self.bound.capacity:
            self._release_senders()

    def _drop_oldest(self) -> None:
        """Drop the oldest message; what the kernel told stays, in its place."""
        kept: list[Any] = []
        try:
            while isinstance(item := self.user.popleft(), KERNEL_EVENTS):
                kept.append(item)
        except IndexError:
            return  # the owner was faster
        finally:
            self.user.extendleft(reversed(kept))
        self.dropped += 1
        self._bounce(item, "dropped")

    def _wait_for_room(self, capacity: int) -> None:
        while len(self.user) >= capacity and not self.closed:
            room: Completion[None] = Completion()
            self._room.append(room)
            if len(self.user) < capacity or self.closed:
                return
            room.get()

    def _release_senders(self) -> None:
        while self._room:
            try:
                room = self._room.pop()
            except IndexError:
                return
            room.resolve(None)


def _lose(_item: Any, _why: str) -> None:
    """Bounce nothing to nobody."""
