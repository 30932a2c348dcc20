"""A worker without a node: takes what is in the queues and runs it here, until nothing is left."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from understudy.runtime.app.app import App
from understudy.runtime.execution.executor import Executor
from understudy.runtime.results.result import AsyncResult
from understudy.transports.message import Delivery, Outcome

EPOCHS = count()
PATIENCE = 10.0


class Pump:
    """Runs an app's tasks in the calling thread."""

    def __init__(self, app: App, queues: Sequence[str] = ("celery",)) -> None:
        self.app = app
        self.queues = queues
        self.executor = Executor(app, "celery@here")
        self.outcomes: list[Outcome] = []
        self._intake = app.transport.intake(queues, f"test.{next(EPOCHS)}")

    def run(self) -> list[Outcome]:
        """Run what is waiting, and what follows from it; returns the outcomes, in order."""
        start = len(self.outcomes)
        while any(self.app.transport.size(queue).get(timeout=PATIENCE) for queue in self.queues):
            self.step()
        return self.outcomes[start:]

    def run_until(self, result: AsyncResult[object]) -> None:
        """Run what comes, delayed messages too, until a task has finished."""
        while not result.ready():
            self.step()

    def step(self) -> list[Outcome]:
        """Run what is there, or the next that comes."""
        deliveries = self.take()
        outcomes = [self.perform(delivery) for delivery in deliveries]
        self.settle(outcomes)
        return outcomes

    def take(self) -> list[Delivery]:
        """Claim what is there, or the next that comes, without running it."""
        return self._intake.fetch(10).get(timeout=PATIENCE)

    def perform(self, delivery: Delivery) -> Outcome:
        """Run one message; its outcome is not settled."""
        return self.executor.run(
            delivery.tag, delivery.queue, delivery.head, delivery.body, delivery.losses, delivery.redelivered
        )

    def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Carry out outcomes."""
        assert all(self._intake.settle(outcomes).get(timeout=PATIENCE))
        self.outcomes.extend(outcomes)

    def close(self) -> None:
        """Give back what was taken, and close the app."""
        self._intake.close().get(timeout=PATIENCE)
        self.executor.close()
