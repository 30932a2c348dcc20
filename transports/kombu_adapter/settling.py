"""`Settling`: one batch of outcomes on its way through broker and result store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...actors.completion import Completion
from ..errors import ChordClaimed, TransportError
from ..lane import unix_time
from ..letters.burial import buried
from ..letters.letter import DUE, LOSSES, Taken, publication_again
from ..message import Outcome, Publication, Verdict
from ..settlement import all_of, bind, commit, in_turn, record_chord_part

if TYPE_CHECKING:
    from .intake import KombuIntake

_CHORD_RETRY = 1.0


class Settling:
    """Publishes, stores, records chord parts, and last settles the messages: whoever dies in between repeats it.

    A message whose chord part must wait for somebody else's claim stays unacknowledged until that is over; the answer
    does not wait for it. `taken` are the messages that were claimed for the outcomes, None where they were not held.
    """

    def __init__(self, intake: KombuIntake, outcomes: Sequence[Outcome], taken: Sequence[Taken | None]) -> None:
        self._intake = intake
        self._tags = [outcome.tag for outcome in outcomes]
        self._mask = [one is not None or outcome.tag == 0 for outcome, one in zip(outcomes, taken, strict=True)]
        self._outcomes = [outcome for outcome, ours in zip(outcomes, self._mask, strict=True) if ours]
        self._again = [
            self._sent_again(outcome, one) for outcome, one in zip(outcomes, taken, strict=True) if one is not None
        ]
        self._contested: list[Outcome] = []

    def run(self) -> Completion[list[bool]]:
        """Return the completion of `Intake.settle`'s answer."""
        ready = in_turn([self._commit, self._record_parts])
        done = bind(ready, lambda _: self._finish())
        done.add_done_callback(self._release)
        return done.then(self._answer)

    def _commit(self) -> Completion[None]:
        again = [publication for publication in self._again if publication is not None]
        return commit(self._outcomes, self._intake.publisher, self._intake.results, again)

    def _record_parts(self) -> Completion[None]:
        return all_of([self._record_part(outcome) for outcome in self._outcomes])

    def _record_part(self, outcome: Outcome) -> Completion[None]:
        recorded: Completion[None] = Completion()

        def judge(done: Completion[None]) -> None:
            error = done.error()
            if error is None:
                recorded.resolve(None)
            elif isinstance(error, ChordClaimed):
                self._contested.append(outcome)
                recorded.resolve(None)
            else:
                recorded.fail(error)

        record_chord_part(outcome, self._intake.results).add_done_callback(judge)
        return recorded

    def _finish(self) -> Completion[set[int]]:
        for outcome in self._contested:
            self._intake.lane.post(lambda outcome=outcome: self._retry_later(outcome))
        ours = [outcome for outcome in self._outcomes if outcome.tag and outcome not in self._contested]
        return self._intake.finish(ours) if ours else Completion.of(set())

    def _retry_later(self, outcome: Outcome) -> None:
        def retry() -> None:
            record_chord_part(outcome, self._intake.results).add_done_callback(judge)

        def judge(done: Completion[None]) -> None:
            if isinstance(done.error(), TransportError):
                self._intake.lane.post(lambda: self._retry_later(outcome))
            else:
                self._intake.finish([outcome])

        self._intake.lane.after(_CHORD_RETRY, retry)

    def _answer(self, settled: set[int]) -> list[bool]:
        settled |= {0, *(outcome.tag for outcome in self._contested)}
        return [ours and tag in settled for ours, tag in zip(self._mask, self._tags, strict=True)]

    def _release(self, done: Completion[set[int]]) -> None:
        if done.error() is not None:
            self._intake.release(self._outcomes)

    def _sent_again(self, outcome: Outcome, taken: Taken) -> Publication | None:
        """Return what a lost message, or one for the dead letter queue, is published as."""
        if outcome.verdict is Verdict.LOST:
            due = unix_time() + outcome.delay if outcome.delay > 0 else None
            return publication_again(taken, taken.queue, **{LOSSES: taken.losses + 1, DUE: due})
        if outcome.verdict is Verdict.DEAD:
            return buried(taken, outcome.reason, self._intake.owner, unix_time(), self._intake.dead_letter_expires)
        return None
