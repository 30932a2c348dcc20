"""What type checkers say about supervisors and about actors that override hooks; nothing here runs.

A wrong line says so to both checkers: an expected error that does not come is an error itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from understudy.actors import (
    Actor,
    Backoff,
    Batch,
    Bound,
    ChildEnd,
    ChildSpec,
    Decision,
    Deferred,
    DynamicSupervisor,
    GiveUp,
    Leave,
    Replace,
    Supervisor,
)


class Worker(Actor):
    mailbox = Bound(100, "drop_old")
    pinned = True
    expected = (LookupError,)

    def on_start(self) -> None:
        self.io.add_reader(0, self.wake)

    def wake(self) -> None:
        """Take what is there."""

    def on_stop(self) -> Deferred:
        return Deferred.LATER

    def on_batch(self, messages: Batch) -> None:
        for message in messages:
            self.receive(message)


class Patient(Supervisor):
    strategy = "rest_for_one"
    intensity = 10

    def children(self) -> Sequence[ChildSpec]:
        return [
            ChildSpec("worker", Worker, restart="transient", shutdown="infinity", backoff=Backoff(first=0.1)),
            ChildSpec(("any", "hashable"), Crowd, shutdown=1.5, after=("worker",)),
            ChildSpec("bad", Worker, shutdown="soon"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            ChildSpec([], Worker),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        ]

    def decide(self, end: ChildEnd) -> Decision:
        if end.reason.abnormal and end.spec.id == end.siblings[0].id:
            return GiveUp()
        return Replace((end.spec.id,)) if end.spec.restart == "permanent" else Leave(forget=True)


class Crowd(DynamicSupervisor):
    max_children = 10


class Impatient(Supervisor):
    intensity = "often"  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]

    def children(self) -> list[str]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        return ["worker"]
