"""`RedisDeadLetters`: what ended in `{queue}.dead`, a queue like any other."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Sequence
from typing import Any

from ...actors.completion import Completion
from ..lane import unix_time
from ..letters.burial import dead_letter, dead_queue, entry_id, raised
from ..letters.letter import Taken
from ..message import DeadLetter
from ..redis_results.shelf import result_key
from ..settlement import bind
from . import scripts
from .envelope import sealed, taken_of
from .keys import Keys
from .line import Line

_PAGE = 100

Find = Callable[[str, str, bytes, Taken], Completion[Any] | None]
"""Is shown queue, list, envelope and message; returns the completion of what it does with them, None for nothing."""


class RedisDeadLetters:
    """Looks through dead letter queues page by page; each entry is moved, or deleted, in one step."""

    def __init__(self, line: Line, keys: Keys) -> None:
        self._line = line
        self._keys = keys

    def list(self, queue: str | None = None, limit: int = 100) -> Completion[builtins.list[DeadLetter]]:
        """Return entries, oldest first; see `DeadLetters.list`."""
        found: builtins.list[DeadLetter] = []

        def look(_queue: str, _key: str, _item: bytes, taken: Taken) -> None:
            found.append(dead_letter(taken))

        def oldest(_: Any) -> builtins.list[DeadLetter]:
            return sorted(found, key=lambda entry: entry.since)[:limit]

        return self._look_through(queue, look, limit).then(oldest)

    def retry(self, ids: Sequence[str] | None = None, queue: str | None = None) -> Completion[builtins.list[str]]:
        """Put entries back into their queues, and forget the results of their tasks; see `DeadLetters.retry`."""

        def again(taken: Taken) -> tuple[str, bytes]:
            publication = raised(taken)
            key = self._keys.list_of(publication.routing_key, publication.priority)
            return key, sealed(publication, unix_time())

        return self._remove(ids, queue, again)

    def discard(self, ids: Sequence[str] | None = None, queue: str | None = None) -> Completion[builtins.list[str]]:
        """Delete entries for good; see `DeadLetters.discard`."""
        return self._remove(ids, queue, lambda _: ("", b""))

    def _remove(
        self, ids: Sequence[str] | None, queue: str | None, again: Callable[[Taken], tuple[str, bytes]]
    ) -> Completion[builtins.list[str]]:
        wanted = None if ids is None else set(ids)
        removed: builtins.list[str] = []

        def remove(_queue: str, key: str, item: bytes, taken: Taken) -> Completion[Any] | None:
            name = entry_id(taken)
            if wanted is not None and name not in wanted:
                return None
            target, envelope = again(taken)
            keys = (key, target, result_key(taken.task_id))
            unburied = self._line.call(*scripts.run(scripts.UNBURY, keys, item, envelope))
            return unburied.then(lambda there: removed.append(name) if there else None)

        return self._look_through(queue, remove, None).then(lambda _: removed)

    # Looking

    def _look_through(self, queue: str | None, look: Find, limit: int | None) -> Completion[Any]:
        """Show `look` the entries of a queue, or of all, the oldest of each list first, so many of each."""
        if queue is not None:
            return self._look_at([(dead_queue(queue), key) for key in self._keys.lists(dead_queue(queue))], look, limit)
        return bind(self._queues(b"0", set()), lambda lists: self._look_at(lists, look, limit))

    def _look_at(self, lists: Sequence[tuple[str, str]], look: Find, limit: int | None) -> Completion[Any]:
        if not lists:
            return Completion.of(None)
        (queue, key), *others = lists

        def begin(there: int) -> Completion[Any]:
            return self._page(queue, key, 0, look, there if limit is None else min(limit, there))

        return bind(bind(self._line.call("LLEN", key), begin), lambda _: self._look_at(others, look, limit))

    def _page(self, queue: str, key: str, seen: int, look: Find, left: int) -> Completion[Any]:
        """Go on with a list of which the `seen` oldest stay where they are.

        left: how many more are looked at; what has come since the first may be one of those that were put back.
        """
        count = min(_PAGE, left)
        if count <= 0:
            return Completion.of(None)

        def show(items: builtins.list[bytes]) -> Completion[Any]:
            doing = [look(queue, key, item, taken_of(queue, item)) for item in reversed(items)]
            removing = [one for one in doing if one is not None]
            stay = seen + len(items) - len(removing)
            rest = left - len(items)
            done = _all(removing)
            return done if len(items) < count else bind(done, lambda _: self._page(queue, key, stay, look, rest))

        return bind(self._line.call("LRANGE", key, -seen - count, -seen - 1), show)

    def _queues(self, cursor: bytes, found: set[str]) -> Completion[builtins.list[tuple[str, str]]]:
        """Return every list of dead letters there is."""

        def judge(reply: tuple[bytes, builtins.list[bytes]]) -> Completion[builtins.list[tuple[str, str]]]:
            following, keys = reply
            found.update(key.decode().removeprefix(self._keys.prefix) for key in keys)
            if following != b"0":
                return self._queues(following, found)
            return Completion.of([(queue, key) for queue in sorted(found) for key in self._keys.lists(queue)])

        pattern = f"{self._keys.prefix}*.dead"
        return bind(self._line.call("SCAN", cursor, "MATCH", pattern, "COUNT", 1000, "TYPE", "list"), judge)


def _all(completions: Sequence[Completion[Any]]) -> Completion[Any]:
    done = Completion.of(None)
    for one in completions:
        done = bind(done, lambda _, one=one: one)
    return done
