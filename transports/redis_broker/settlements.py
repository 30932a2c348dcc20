"""`Settlements`: has the server carry out an owner's outcomes, so many at a time, and each of them once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...actors.completion import Completion
from ..errors import BrokerUnavailable
from ..message import Outcome
from ..settlement import bind
from . import scripts
from .holding import Held
from .publisher import DEDUPE_SECONDS
from .settling import Clerk, Known

if TYPE_CHECKING:
    from .line import Line
    from .packing import Command

AT_ONCE = 500
"""Outcomes that one script carries out at most."""

Work = Sequence[tuple[Outcome, Held | None]]
Told = Callable[[Work, str], list[bool]]


class Settlements:
    """Settles for one owner. Thread-safe.

    keys: of what is held, its index and the node. fields: what the fields of the owner's messages begin with. state_of:
    returns the state that a stored payload says, None where nobody can read it.
    """

    def __init__(
        self, line: Line, clerk: Clerk, keys: Sequence[str], owner: tuple[str, str],
        state_of: Callable[[bytes], str | None],
    ) -> None:  # fmt: skip
        self._line = line
        self._clerk = clerk
        self._keys = tuple(keys)
        self._epoch, self._fields = owner
        self._state_of = state_of
        self._lock = threading.Lock()
        self._count = 0
        self._unanswered: tuple[tuple[int, ...], int] | None = None

    def carry_out(self, work: Work, told: Told) -> Completion[list[bool]]:
        """Carry out outcomes; returns what `told` makes of them and of the digits that the script has for them."""
        return self._go_on(work, told, [])

    def commands(self, work: Work) -> list[Command]:
        """Return what settles outcomes that store no results."""
        return [self._command(some, self._number(some), {}) for some in _pieces(work)]

    def _go_on(self, work: Work, told: Told, done: list[bool]) -> Completion[list[bool]]:
        if not work:
            return Completion.of(done)
        some, later = work[:AT_ONCE], work[AT_ONCE:]
        settled = self._settle(some, self._number(some), {}).then(lambda digits: [*done, *told(some, digits)])
        return settled if not later else bind(settled, lambda so_far: self._go_on(later, told, so_far))

    def _settle(self, work: Work, number: int, known: Known) -> Completion[str]:
        """Have the server settle, if need be again with what it found and could not read."""
        asked = self._line.call(*self._command(work, number, known))
        asked.add_done_callback(lambda reply: self._note_failure(reply, work, number))
        if not _stores_what_may_not_stay(work):
            return asked.then(bytes.decode)
        return bind(asked, lambda reply: self._judged(reply, work, number, known))

    def _judged(self, reply: bytes | list[bytes], work: Work, number: int, known: Known) -> Completion[str]:
        if isinstance(reply, bytes):
            return Completion.of(reply.decode())
        found = dict(zip(map(bytes.decode, reply[::2]), reply[1::2], strict=True))
        read = {key: (payload, self._state_of(payload) == "SUCCESS") for key, payload in found.items()}
        return self._settle(work, number, {**known, **read})

    def _number(self, work: Work) -> int:
        """Return by which number the server knows a settlement: an old one where it may have been carried out."""
        with self._lock:
            before, self._unanswered = self._unanswered, None
            if before is not None and before[0] == _tags(work):
                return before[1]
            self._count += 1
            return self._count

    def _command(self, work: Work, number: int, known: Known) -> Command:
        batch = self._clerk.written(work, known)
        return scripts.run(scripts.SETTLE, self._keys, self._epoch, number, self._fields, batch, DEDUPE_SECONDS)

    def _note_failure(self, reply: Completion[Any], work: Work, number: int) -> None:
        if isinstance(reply.error(), BrokerUnavailable):
            with self._lock:
                self._unanswered = _tags(work), number


def _tags(work: Work) -> tuple[int, ...]:
    return tuple(outcome.tag for outcome, _ in work)


def _pieces(work: Work) -> list[Work]:
    return [work[at : at + AT_ONCE] for at in range(0, len(work), AT_ONCE)]


def _stores_what_may_not_stay(work: Work) -> bool:
    """Tell whether a result is among them that must not replace a success."""
    return any(
        (outcome.result is not None and outcome.result.state != "SUCCESS")
        or (outcome.more_results and any(one.state != "SUCCESS" for one in outcome.more_results))
        for outcome, _ in work
    )
