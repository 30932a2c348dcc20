"""`Ledger`: what was published, run and settled in a world, kept outside of all that is simulated."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from ...transports.message import Verdict
from .names import EARLY, body_of, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ...transports.message import Delivery, Outcome, Publication
    from ..pool.packets import Job

ENDS = (Verdict.ACK, Verdict.DEAD)
"""The verdicts after which nothing more happens to a task."""


class Ledger:
    """Tasks by name, which is their id, too."""

    def __init__(self) -> None:
        self.published: list[str] = []
        self.runs: Counter[str] = Counter()
        self.verdicts: dict[str, list[Verdict]] = {}
        self.states: dict[str, list[str]] = {}
        self.pending: dict[str, None] = {}
        """What the broker has taken in, and not seen the end of."""
        self.unfinished: set[str] = set()
        self.news: list[str] = []
        """What something happened to at the broker since somebody last looked."""
        self.delivered: list[str] = []
        """Tasks in the order in which the broker handed them out."""
        self.premature: list[str] = []
        """What the broker handed out too early, and why that was."""
        self.failed_chords: set[str] = set()
        self._names: dict[int, str] = {}
        self._due: dict[str, float] = {}
        self._parts: dict[str, Sequence[str]] = {}

    def note_published(self, names: Sequence[str], due: float | None = None) -> None:
        """Note that these tasks are on their way to the broker; due: unix seconds."""
        self.published += names
        self.unfinished.update(names)
        if due is not None:
            self._due.update(dict.fromkeys(names, due))

    def note_chord(self, body: str, parts: Sequence[str]) -> None:
        """Note that a task is to run when others have."""
        self.unfinished.add(body)
        self._parts[body] = parts

    def note_arrived(self, publications: Sequence[Publication]) -> None:
        """Note that the broker has taken these in."""
        self.pending.update((publication.id, None) for publication in publications)
        self.news += [publication.id for publication in publications]

    def note_delivered(self, deliveries: Sequence[Delivery], now: float) -> None:
        """Note which task is behind which tag; now: unix seconds."""
        for delivery in deliveries:
            name = self._names[delivery.tag] = name_of(delivery.head)
            self.delivered.append(name)
            if self._due.get(name, now) > now:
                self.premature.append(f"{name} was handed out {self._due[name] - now:g} s before its time")
            left = [part for part in self._parts.get(name, ()) if not self.ends(part)]
            if left:
                self.premature.append(f"{name} was handed out before {', '.join(left)} had ended")

    def note_run(self, job: Job) -> None:
        """Note that a process has begun a job."""
        if not job.post_mortem:
            self.runs[name_of(job.delivery.head)] += 1

    def note_settled(self, outcome: Outcome) -> None:
        """Note that the broker has accepted an outcome; of what is acknowledged early, its result is the end."""
        if outcome.tag:
            name, verdict = self._names[outcome.tag], Verdict(outcome.verdict)
        else:
            name, verdict = outcome.result.task_id if outcome.result is not None else "", Verdict.ACK
        if outcome.tag and name.startswith(EARLY) and verdict is Verdict.ACK:
            self.pending.pop(name, None)
            return
        if not name:
            return
        self.verdicts.setdefault(name, []).append(verdict)
        if outcome.result is not None:
            self.states.setdefault(name, []).append(outcome.result.state)
        if outcome.ended_chord is not None:
            self.failed_chords.add(outcome.ended_chord)
            self.unfinished.discard(body_of(outcome.ended_chord))
        if verdict in ENDS:
            self.unfinished.discard(name)
            self.pending.pop(name, None)
            self.news.append(name)

    def ends(self, name: str) -> list[Verdict]:
        """Return how often, and how, a task was finished for good."""
        return [verdict for verdict in self.verdicts.get(name, ()) if verdict in ENDS]
