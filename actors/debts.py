"""`Debts`: the answers that one cell has promised and not given yet."""

from __future__ import annotations

from typing import Any

from .completion import Completion


class Debts:
    """Asks whose handler returned a completion; any thread may resolve that."""

    __slots__ = ("_owed",)

    def __init__(self) -> None:
        self._owed: dict[Completion[Any], None] = {}

    def __len__(self) -> int:
        return len(self._owed)

    def promise(self, completion: Completion[Any]) -> None:
        """Note that `completion` is to be answered later."""
        self._owed[completion] = None
        completion.add_done_callback(self.forget)

    def forget(self, completion: Completion[Any]) -> None:
        """Note that somebody sees to `completion`; idempotent."""
        self._owed.pop(completion, None)

    def owe(self, completion: Completion[Any], reply: Completion[Any]) -> None:
        """Answer `completion` as soon as `reply` is there."""
        completion.answerer = None
        self.promise(completion)
        reply.forward(completion)

    def fail(self, error: BaseException) -> None:
        """Answer everybody that nothing will come."""
        for completion in list(self._owed):
            completion.fail(error)
