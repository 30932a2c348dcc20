"""Dead letters: messages that nobody is to run again unless somebody says so."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence

import msgspec

from ...message import UNREADABLE, DeadLetter, decode_head, encode_head, revived
from .place import priority_of
from .policy import Policy
from .queues import Queues
from .records import Buried, Message
from .storage import Storage

_AT_ONCE = 200


class Morgue:
    """The dead letters of all queues. What may concern many of them is done in steps, of a round each."""

    def __init__(self, storage: Storage, queues: Queues, policy: Policy) -> None:
        self._stored = storage.dead
        self._messages = storage.messages
        self._results = storage.results
        self._queues = queues
        self._retention = policy.dead_retention

    def bury(self, message: Message, reason: str, now: float) -> None:
        """Take a message out of its queue for good."""
        queue = self._queues.of(message).name
        self._messages.delete(message.place)
        self._stored.put(Buried(message, queue, _task_name(message.head), reason, now, now + self._retention))

    def list(self, queue: str | None, limit: int) -> list[DeadLetter]:
        """Return entries, oldest first."""
        return [_shown(buried) for buried in self._stored.select(None, queue, limit)]

    def retry(self, ids: Sequence[str] | None, queue: str | None, now: float) -> Generator[None, None, list[str]]:
        """Put entries back at the end of their queues, as if they were new; their tasks are PENDING again."""
        retried: list[str] = []
        for chosen in self._take(ids, queue, now):
            for buried in chosen:
                again = buried.message
                place = self._queues.next_place(self._queues.declare(buried.queue), priority_of(again.place))
                self._queues.put(Message(place, again.id, _revived(again.head), again.body, returned=True))
            self._results.delete([buried.message.id for buried in chosen])
            retried += [buried.message.id for buried in chosen]
            yield
        return retried

    def discard(self, ids: Sequence[str] | None, queue: str | None, now: float) -> Generator[None, None, list[str]]:
        """Delete entries."""
        discarded: list[str] = []
        for chosen in self._take(ids, queue, now):
            discarded += [buried.message.id for buried in chosen]
            yield
        return discarded

    def _take(self, ids: Sequence[str] | None, queue: str | None, now: float) -> Iterator[list[Buried]]:
        """Take out the entries that were there at `now`, some at a time."""
        if ids is None:
            while chosen := [one for one in self._stored.select(None, queue, _AT_ONCE) if one.since <= now]:
                self._stored.delete([buried.message.place for buried in chosen])
                yield chosen
            return
        for start in range(0, len(ids), _AT_ONCE):
            chosen = self._stored.select(ids[start : start + _AT_ONCE], queue, None)
            self._stored.delete([buried.message.place for buried in chosen])
            yield chosen


def _task_name(head: bytes) -> str:
    try:
        return str(decode_head(head).headers.get("task", ""))
    except UNREADABLE:
        return ""


def _revived(head: bytes) -> bytes:
    try:
        opened = decode_head(head)
    except UNREADABLE:
        return head
    return encode_head(msgspec.structs.replace(opened, headers=revived(opened.headers)))


def _shown(buried: Buried) -> DeadLetter:
    message = buried.message
    return DeadLetter(
        message.id,
        buried.task,
        buried.queue,
        buried.reason,
        buried.since,
        message.losses,
        message.head,
        message.body,
    )
