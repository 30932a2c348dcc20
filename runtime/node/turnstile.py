"""The turnstile: lets messages of tasks with a rate limit begin one after the other, whichever queue they came from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ...actors import Actor, Down, on
from .bucket import Bucket
from .messages import Admitted, Depart, Enter, Turn

if TYPE_CHECKING:
    from ...actors import Ref
    from .dispatch import Dispatch


class Gate:
    """Where the messages of one task wait: how many of each dispatch. turning: the next one's moment is awaited."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket: Bucket = bucket
        self.waiting: dict[Ref[Dispatch], int] = {}
        self.turning: bool = False

    def admit(self, now: float, *, waited: bool) -> Counter[Ref[Dispatch]]:
        """Return how many of each dispatch may begin by `now`: the dispatches take turns."""
        count, self.bucket = self.bucket.take(sum(self.waiting.values()), now, waited=waited)
        admitted: Counter[Ref[Dispatch]] = Counter()
        for _ in range(count):
            dispatch, left = next(iter(self.waiting.items()))
            del self.waiting[dispatch]
            if left > 1:
                self.waiting[dispatch] = left - 1
            admitted[dispatch] += 1
        return admitted


class Turnstile(Actor):
    """Admits messages at the rate of their task. The messages themselves stay with their dispatches.

    rates: tasks for each second, by name.
    """

    def __init__(self, rates: Mapping[str, float]) -> None:
        self._gates = {task: Gate(Bucket(1 / rate)) for task, rate in rates.items()}
        self._watched: set[Ref[Any]] = set()

    @on(Enter)
    def enter(self, message: Enter) -> None:
        """Note that more messages wait, and let in what the rate allows."""
        if message.dispatch not in self._watched:
            self._watched.add(message.dispatch)
            self.monitor(message.dispatch)
        gate = self._gates[message.task]
        waited = bool(gate.waiting)
        gate.waiting[message.dispatch] = gate.waiting.get(message.dispatch, 0) + message.count
        self._let_in(message.task, gate, waited=waited)

    @on(Turn)
    def turn(self, message: Turn) -> None:
        """Let in those whose time has come."""
        gate = self._gates[message.task]
        gate.turning = False
        self._let_in(message.task, gate, waited=True)

    @on(Depart)
    def depart(self, message: Depart) -> None:
        """Forget what a dispatch had waiting."""
        self._forget(message.dispatch)

    @on(Down)
    def down(self, event: Down) -> None:
        """Forget a dispatch that has ended."""
        self._watched.discard(event.target)
        self._forget(event.target)

    def _forget(self, dispatch: Ref[Any]) -> None:
        for gate in self._gates.values():
            gate.waiting.pop(dispatch, None)

    def _let_in(self, task: str, gate: Gate, *, waited: bool) -> None:
        now = self.clock.now()
        for dispatch, count in gate.admit(now, waited=waited).items():
            dispatch.tell(Admitted(task, count))
        if gate.waiting and not gate.turning:
            gate.turning = True
            self.after(gate.bucket.next_at - now, Turn(task))
