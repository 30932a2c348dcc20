"""`Holdings`: the jobs that a slot holds, and for whom."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ..pool.packets import Job
    from .context import Claim

T = TypeVar("T")


class Holdings:
    """Remembers the claim of each job from when it is sent to a process until something has become of it.

    Jobs are told apart by identity: two claims may have messages of the same tag.
    """

    def __init__(self) -> None:
        self._claims: dict[int, Claim] = {}

    def __contains__(self, claim: Claim) -> bool:
        """Whether a job of this claim is held."""
        return claim in self._claims.values()

    def take(self, claim: Claim, job: Job) -> None:
        """Hold a job."""
        self._claims[id(job)] = claim

    def release(self, job: Job) -> Claim:
        """Hold a job no more; return its claim."""
        return self._claims.pop(id(job))

    def settle(self, done: Iterable[tuple[Job, T]]) -> dict[Claim, list[T]]:
        """Hold these jobs no more; return what has become of them, by claim."""
        by_claim: dict[Claim, list[T]] = {}
        for job, outcome in done:
            by_claim.setdefault(self._claims.pop(id(job)), []).append(outcome)
        return by_claim
