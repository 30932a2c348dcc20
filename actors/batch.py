"""`Batch`: what `on_batch` is handed, and what becomes of the rest where it raises."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ._pykka import PROXY_MESSAGES
from .messages import KERNEL_EVENTS, Ask

if TYPE_CHECKING:
    from .actor import Actor
    from .cell import Cell

logger: logging.Logger = logging.getLogger("understudy.actors")

ONE_BY_ONE: frozenset[type] = frozenset({Ask, *KERNEL_EVENTS, *PROXY_MESSAGES})
"""What is never part of a batch."""


class Batch(Sequence[Any]):
    """Messages that were told in a row; iterating notes how far it came, so that a crash bounces the rest exactly.

    The message at which an iteration stopped counts as handled. An `on_batch` that takes the messages in another way,
    by index or by a slice, has handled none of them until it sets `position`.
    """

    __slots__ = ("_messages", "position")

    def __init__(self, messages: list[Any]) -> None:
        self._messages = messages
        self.position: int = 0

    @classmethod
    def take(cls, first: Any, waiting: deque[Any]) -> Batch:
        """Return the batch of `first` and of what was told behind it and waits now."""
        messages = [first]
        for _ in range(len(waiting)):
            try:
                item = waiting.popleft()
            except IndexError:  # a killer, or a sender that dropped the oldest, was faster
                break
            if type(item) in ONE_BY_ONE:
                waiting.appendleft(item)
                break
            messages.append(item)
        return cls(messages)

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, index: Any) -> Any:
        return self._messages[index]

    def __iter__(self) -> Iterator[Any]:
        for message in self._messages:
            self.position += 1
            yield message

    @property
    def latest(self) -> Any:
        """The message at which the iteration stands; None before the first."""
        return self._messages[self.position - 1] if self.position else None

    def rest(self) -> list[Any]:
        """Return what the iteration has not reached."""
        return self._messages[self.position :]


def handle_batch(cell: Cell, actor: Actor, first: Any) -> None:
    """Have an actor handle `first` and what was told behind it and waits now."""
    batch = Batch.take(first, cell.mailbox.user)
    try:
        cell.take_batch(actor, batch)
    except actor.expected:
        logger.debug("%s refused message %d of %d in a batch", cell.path, batch.position, len(batch), exc_info=True)
        if batch.position:
            _put_back(cell, batch)
    except BaseException as error:  # noqa: BLE001 - whatever user code raises is this actor's crash, nobody else's
        error.add_note(f"at message {batch.position} of {len(batch)} in a batch")
        if cell.life.survives and batch.position:
            _put_back(cell, batch)
        else:  # what it crashed on may be among them
            for message in batch.rest():
                cell.bounce(message, "dead")
        cell.crash(error, batch.latest, told=batch.position > 0)


def _put_back(cell: Cell, batch: Batch) -> None:
    cell.mailbox.user.extendleft(reversed(batch.rest()))
