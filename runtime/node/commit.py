"""`Commitment`: a batch of outcomes on its way to the broker, alone or together with a foreign result store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import structs

from ...actors import Completion
from ...transports.errors import ChordClaimed
from ...transports.message import Outcome, Verdict
from ...transports.settlement import all_of, bind, in_turn, publish_follow_ups, record_chord_part, store_results
from ..states import FAILURE

if TYPE_CHECKING:
    from ...transports.api import Intake, ResultStore
    from .context import CommitPorts


@dataclass(frozen=True, slots=True)
class Carried:
    """What became of a batch.

    held: for each outcome whether its message was still held; if not, nothing of it was carried out. waiting: what is
    left of outcomes whose chord part has to wait for another worker's claim; to be offered again in a while.
    """

    held: list[bool]
    waiting: tuple[Outcome, ...] = ()


class Commitment:
    """Outcomes of one claim; `run` carries them out, and goes on where it stood if it is called again after a failure.

    A broker settles with its own result store by itself. With a foreign store there is no common transaction: outcomes
    of messages that are not held any more are dropped, then what follows is published, the results are stored, chord
    parts recorded, and the messages settled last. Whatever is cut off in between is done again and nothing is left out.
    The ids of what is published derive from the parent's, so that a second time can be told from a first. A failure is
    stored before its errbacks are published, since they look it up; it may be, as only a success is not run again.
    """

    def __init__(self, intake: Intake, ports: CommitPorts, outcomes: Sequence[Outcome]) -> None:
        self.outcomes = outcomes
        self._intake = intake
        self._publisher = ports.publisher
        self._store = ports.foreign_store
        self._published = False

    def run(self) -> Completion[Carried]:
        """Resolve when all of it is durable."""
        store = self._store
        if store is None:
            return self._intake.settle([known(outcome) for outcome in self.outcomes]).then(Carried)
        held = self._intake.holds([outcome.tag for outcome in self.outcomes if outcome.tag > 0])
        return bind(held, lambda answers: self._beside(store, answers))

    def _beside(self, store: ResultStore, answers: Sequence[bool]) -> Completion[Carried]:
        left = iter(answers)
        held = [outcome.tag <= 0 or next(left) for outcome in self.outcomes]
        ours = [outcome for outcome, is_held in zip(self.outcomes, held, strict=True) if is_held]
        waiting: list[Outcome] = []
        told_first = [outcome for outcome in ours if _is_failure(outcome) and outcome.follow_ups]
        others = [outcome for outcome in ours if not (_is_failure(outcome) and outcome.follow_ups)]
        before = in_turn([
            lambda: store_results(told_first, store),
            lambda: self._publish(ours),
            lambda: store_results(others, store),
            lambda: all_of([_record_part(outcome, store, waiting) for outcome in ours]),
        ])  # fmt: skip
        return bind(before, lambda _: self._settle(ours, held, waiting))

    def _publish(self, ours: Sequence[Outcome]) -> Completion[None]:
        if self._published:
            return Completion.of(None)

        def note(_: None) -> None:
            self._published = True

        return publish_follow_ups(ours, self._publisher).then(note)

    def _settle(self, ours: Sequence[Outcome], held: list[bool], waiting: list[Outcome]) -> Completion[Carried]:
        later = {outcome.tag for outcome in waiting}
        now = [outcome for outcome in ours if outcome.tag not in later]

        def tell(answers: list[bool]) -> Carried:
            refused = {outcome.tag for outcome, settled in zip(now, answers, strict=True) if not settled}
            every = zip(self.outcomes, held, strict=True)
            return Carried([is_held and outcome.tag not in refused for outcome, is_held in every], tuple(waiting))

        return self._intake.settle([bare(known(outcome)) for outcome in now]).then(tell)


def known(outcome: Outcome) -> Outcome:
    """Return the outcome as the broker knows it: of a message that was acknowledged before it ran, it knows no tag."""
    return outcome if outcome.tag >= 0 else structs.replace(outcome, tag=0)


def _is_failure(outcome: Outcome) -> bool:
    return outcome.result is not None and outcome.result.state == FAILURE


def bare(outcome: Outcome) -> Outcome:
    """Return what is left of an outcome once what it publishes and stores is done."""
    return Outcome(outcome.tag, Verdict(outcome.verdict), reason=outcome.reason, delay=outcome.delay)


def _record_part(outcome: Outcome, store: ResultStore, waiting: list[Outcome]) -> Completion[None]:
    """Record the chord part of an outcome; where another worker has claimed the body, the outcome has to wait."""
    recorded: Completion[None] = Completion()

    def judge(done: Completion[None]) -> None:
        error = done.error()
        if isinstance(error, ChordClaimed):
            waiting.append(structs.replace(bare(outcome), chord=outcome.chord))
        if error is None or isinstance(error, ChordClaimed):
            recorded.resolve(None)
        else:
            recorded.fail(error)

    record_chord_part(outcome, store).add_done_callback(judge)
    return recorded
