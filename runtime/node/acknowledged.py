"""`Acknowledged`: messages that were acknowledged before they run (`acks_late=False`), until they are done."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from msgspec import structs

from ..pool.packets import Job

if TYPE_CHECKING:
    from ...actors import Ref
    from .slot import Slot


class Acknowledged:
    """Each goes by a number below 0 instead of its tag: the broker has forgotten it, so its dispatch must not.

    Such a message is run at most once. Until it is begun it can still be put back, by publishing it anew; after that
    its task has to be told to have failed, whatever becomes of its process or its slot.
    """

    def __init__(self) -> None:
        self._numbers = count(-1, -1)
        self._under_way: dict[int, tuple[Ref[Slot], Job]] = {}
        self._jobs: dict[int, Job] = {}
        self._questions: dict[int, int] = {}

    def begin(self, slot: Ref[Slot], job: Job) -> None:
        """Note that a job is being acknowledged, for which a slot keeps room."""
        self._under_way[job.delivery.tag] = (slot, job)

    def is_under_way(self, tag: int) -> bool:
        """Tell whether the message of a tag is being acknowledged."""
        return tag in self._under_way

    def reserved(self) -> list[Ref[Slot]]:
        """Return the slots that keep room, once for each job."""
        return [slot for slot, _ in self._under_way.values()]

    def finish(self, tag: int, *, held: bool) -> tuple[Ref[Slot], Job | None]:
        """Return the slot that keeps room, and the job under its number; no job where the message was not held."""
        slot, job = self._under_way.pop(tag)
        if not held:
            return slot, None
        number = next(self._numbers)
        self._jobs[number] = Job(structs.replace(job.delivery, tag=number))
        return slot, self._jobs[number]

    def settle(self, number: int) -> None:
        """Note that what became of a job is durable."""
        self._jobs.pop(number, None)

    def ask_after(self, number: int) -> int:
        """Return a number to be settled after all that a slot had finished: then `answer` knows whether this was."""
        question = next(self._numbers)
        self._questions[question] = number
        return question

    def answer(self, question: int) -> Job | None:
        """Return the job that was asked after, to be failed; None where it was finished, or nothing was asked."""
        job = self._jobs.get(self._questions.pop(question, 0))
        if job is None:
            return None
        self._jobs[job.delivery.tag] = failed = _orphan(job)
        return failed

    def in_question(self) -> list[Job]:
        """Return the jobs that were asked after, to be failed, and of which nothing is known yet."""
        return [_orphan(self._jobs[number]) for number in self._questions.values() if number in self._jobs]


def _orphan(job: Job) -> Job:
    return Job(job.delivery, job.post_mortem or "the slot that ran it has ended")


def is_owed(job: Job) -> bool:
    """Tell whether a job cannot be left to others: its message is gone, and it may have been begun."""
    return job.delivery.tag < 0 and bool(job.post_mortem)
