"""Results: what tasks left behind, and who waits for it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence

from ...message import Result
from .owners import Token
from .storage import Storage

READY_STATES = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
"""The states after which nothing more happens to a task."""


class ResultDesk:
    """Stores results, and keeps who waits for one until it is ready."""

    def __init__(self, storage: Storage) -> None:
        self._stored = storage.results
        self._waiting: dict[str, dict[Token, None]] = {}
        self._deadlines: list[tuple[float, int, str, Token]] = []
        self._asked = 0
        self._news: set[str] = set()

    def store(self, results: Sequence[Result], now: float) -> None:
        """Write results, in order."""
        self._stored.put(results, now)
        if self._waiting:
            self._news.update(result.task_id for result in results if result.task_id in self._waiting)

    def wait(self, task_id: str, token: Token, deadline: float | None) -> None:
        """Answer `token` with the payload once the task is ready; `deadline` is monotonic."""
        self._waiting.setdefault(task_id, {})[token] = None
        self._news.add(task_id)
        if deadline is not None:
            self._asked += 1
            heapq.heappush(self._deadlines, (deadline, self._asked, task_id, token))

    def abandon(self, gone: Callable[[Token], bool]) -> None:
        """Forget those who wait no longer."""
        for task_id, waiting in list(self._waiting.items()):
            for token in [token for token in waiting if gone(token)]:
                self._drop(task_id, token)

    def arrived(self, now: float) -> list[tuple[Token, bytes]]:
        """Return the payloads that became ready since the last call, with those who waited for them."""
        if not self._news:
            return []
        task_ids = [task_id for task_id in self._news if task_id in self._waiting]
        self._news.clear()
        answers: list[tuple[Token, bytes]] = []
        for task_id, found in zip(task_ids, self._stored.get(task_ids, now), strict=True):
            if found is not None and found[0] in READY_STATES:
                answers += [(token, found[1]) for token in self._waiting.pop(task_id)]
        return answers

    def timed_out(self, mono: float) -> list[Token]:
        """Return and forget those whose deadline has passed."""
        late: list[Token] = []
        while self._deadlines and self._deadlines[0][0] <= mono:
            _, _, task_id, token = heapq.heappop(self._deadlines)
            if self._drop(task_id, token):
                late.append(token)
        return late

    def next_deadline(self) -> float | None:
        """Return when the next wait ends unheard."""
        return self._deadlines[0][0] if self._deadlines else None

    def _drop(self, task_id: str, token: Token) -> bool:
        waiting = self._waiting.get(task_id, {})
        if token not in waiting:
            return False
        del waiting[token]
        if not waiting:
            del self._waiting[task_id]
        return True
