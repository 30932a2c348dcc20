"""`QueuedDeadLetters`: what ended in `{queue}.dead`, a queue like any other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from ...actors.completion import Completion
from ..api import ResultStore
from ..lane import unix_time
from ..message import DeadLetter
from .burial import dead_letter, dead_queue, entry_id, raised
from .letter import Letter, Taken, letter_of

T = TypeVar("T")

_FORGET_TIMEOUT = 10.0


class Sifter(Protocol):
    """A connection on which queues can be looked through; see `Link`."""

    def sift(self, queue: str, remove: Callable[[Taken], bool], limit: int | None = None) -> None: ...

    def publish(self, letters: Sequence[Letter], timeout: float) -> None: ...

    def dead_queues(self, known: Sequence[str]) -> Sequence[str]: ...


class Runs(Protocol):
    """A session; see `Session.run`."""

    def run(self, work: Callable[[Sifter], T]) -> Completion[T]: ...


class QueuedDeadLetters:
    """Looks through dead letter queues; an entry leaves its queue only after it was published again.

    `known` names the queues whose entries are meant where none is named: most brokers cannot list theirs.
    """

    def __init__(
        self,
        session: Runs,
        results: ResultStore | None,
        known: Callable[[], Sequence[str]],
        confirm_timeout: float,
    ) -> None:
        self._session = session
        self._results = results
        self._known = known
        self._confirm_timeout = confirm_timeout

    def list(self, queue: str | None = None, limit: int = 100) -> Completion[list[DeadLetter]]:
        """Return entries, oldest first; see `DeadLetters.list`."""

        def look(link: Sifter) -> list[DeadLetter]:
            found: list[DeadLetter] = []
            for name in self._queues(link, queue):
                link.sift(name, lambda taken: found.append(dead_letter(taken)) is not None, limit)
            return sorted(found, key=lambda entry: entry.since)[:limit]

        return self._session.run(look)

    def retry(self, ids: Sequence[str] | None = None, queue: str | None = None) -> Completion[list[str]]:
        """Put entries back into their queues, and forget the results of their tasks; see `DeadLetters.retry`."""

        def send(link: Sifter, taken: Taken) -> None:
            if self._results is not None and taken.task_id:
                self._results.forget([taken.task_id]).get(timeout=_FORGET_TIMEOUT)  # before its new run can store one
            link.publish([letter_of(raised(taken), unix_time())], self._confirm_timeout)

        return self._remove(ids, queue, send)

    def discard(self, ids: Sequence[str] | None = None, queue: str | None = None) -> Completion[list[str]]:
        """Delete entries for good; see `DeadLetters.discard`."""
        return self._remove(ids, queue, lambda _link, _taken: None)

    def _remove(
        self, ids: Sequence[str] | None, queue: str | None, before: Callable[[Sifter, Taken], None]
    ) -> Completion[list[str]]:
        wanted = None if ids is None else set(ids)

        def look(link: Sifter) -> list[str]:
            removed: list[str] = []

            def remove(taken: Taken) -> bool:
                name = entry_id(taken)
                if wanted is not None and name not in wanted:
                    return False
                before(link, taken)
                removed.append(name)
                return True

            for name in self._queues(link, queue):
                link.sift(name, remove)
            return removed

        return self._session.run(look)

    def _queues(self, link: Sifter, queue: str | None) -> Sequence[str]:
        if queue is not None:
            return [dead_queue(queue)]
        return link.dead_queues([dead_queue(name) for name in self._known()])
