"""`Calls`: what was asked of a server over one line, and is not answered yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import hiredis

from ...actors.completion import Completion
from ..redis_errors import PASSING, code_of


@dataclass(slots=True, eq=False)
class Call:
    """Commands that go together, and the replies so far.

    until: when it is given up where there is no connection (monotonic). repeat: whether it is sent again over the next
    connection where this one ends first. sent: when it was sent, None where it waits for a connection. within: seconds
    until all of its replies have to be there.
    """

    packed: bytes
    replies: int
    completion: Completion[list[Any]]
    until: float
    repeat: bool
    within: float
    sent: float | None = None
    received: list[Any] = field(default_factory=list[Any])


class Calls:
    """The calls of a line in their order; the first of them is the one whose replies come next. Not thread-safe."""

    def __init__(self) -> None:
        self._calls: deque[Call] = deque()

    def __len__(self) -> int:
        return len(self._calls)

    def add(self, call: Call) -> None:
        """Take a call in, after all others."""
        self._calls.append(call)

    def first(self) -> Call | None:
        """Return the call that waits longest."""
        return self._calls[0] if self._calls else None

    def read(self, replies: Sequence[Any]) -> tuple[list[Call], str]:
        """Give replies to their calls; returns the calls that have all of theirs, and why the connection is of no use.

        What was read after an error of `PASSING` is not looked at: its call waits for another connection.
        """
        complete: list[Call] = []
        for reply in replies:
            if isinstance(reply, hiredis.ReplyError) and code_of(str(reply)) in PASSING:
                return complete, str(reply)
            if not self._calls:
                return complete, "it says more than it was asked"
            call = self._calls[0]
            call.received.append(reply)
            if len(call.received) == call.replies:
                complete.append(self._calls.popleft())
        return complete, ""

    def begin_again(self) -> list[Call]:
        """Note that the connection is gone; returns, and forgets, the calls that are not to be repeated."""
        given_up = [call for call in self._calls if call.sent is not None and not call.repeat]
        self._calls = deque(call for call in self._calls if call.sent is None or call.repeat)
        for call in self._calls:
            call.sent = None
            call.received = []
        return given_up

    def waiting(self) -> list[Call]:
        """Return the calls that were not sent yet."""
        return [call for call in self._calls if call.sent is None]

    def take(self, which: Callable[[Call], bool]) -> list[Call]:
        """Remove and return some calls."""
        taken = [call for call in self._calls if which(call)]
        self._calls = deque(call for call in self._calls if not which(call))
        return taken
