"""What a strategy of one's own knows and decides: pauses, and what becomes of a poison message."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from understudy.actors import (
    BadSpec,
    ChildEnd,
    ChildRestarted,
    ChildSpec,
    DeadLetter,
    Decision,
    Error,
    Poison,
    Ref,
    Replace,
)
from understudy.actors.supervision.decisions import REMEMBERED

from .children import Child, Crash, Oops, Run, Troupe, spec, troupe
from .stage import Journal, Stage, in_simulation

ALONE = ("a",)


class Decides(Troupe):
    """Decides by a function, and notes what it was asked."""

    strategy_of: Callable[[ChildEnd], Decision]
    asked: list[ChildEnd]

    def decide(self, end: ChildEnd) -> Decision:
        self.asked.append(end)
        return type(self).strategy_of(end)


def play(stage: Stage, strategy: Callable[[ChildEnd], Decision], **options: Any) -> tuple[Ref[Any], list[ChildEnd]]:
    """Return a child whose supervisor decides by `strategy`, and the ends that it has seen."""
    asked: list[ChildEnd] = []
    kind = troupe(Decides, strategy_of=strategy, asked=asked, intensity=1_000)
    stage.spawn(kind, [spec(stage.journal, "a", **options)], name="troupe")
    return stage.find("/troupe/a"), asked


def crash(stage: Stage, times: int) -> None:
    for _ in range(times):
        starts = stage.journal.notes.count(("start", "a"))
        stage.find("/troupe/a").tell(Crash())
        stage.journal.counts(("start", "a"), starts + 1)


@in_simulation
def test_a_decision_can_put_a_restart_off(stage: Stage, journal: Journal) -> None:
    moments: list[float] = []
    stage.system.events.subscribe(ChildRestarted, lambda _: moments.append(stage.system.clock.now()))
    child, _ = play(stage, lambda _: Replace(ALONE, delay=7.0))
    began = stage.system.clock.now()
    child.tell(Crash())
    stage.simulated.run(seconds=20.0)
    assert moments == [began + 7.0]


@in_simulation
def test_a_delay_takes_the_place_of_the_specs_backoff(stage: Stage, journal: Journal) -> None:
    from understudy.actors import Backoff

    child, _ = play(stage, lambda _: Replace(ALONE, delay=0.0), backoff=Backoff(first=60.0, maximum=60.0))
    child.tell(Crash())
    stage.simulated.run(seconds=1.0)
    assert journal.notes.count(("start", "a")) == 2


@in_simulation
def test_a_strategy_sees_when_the_child_was_restarted_before(stage: Stage, journal: Journal) -> None:
    _, asked = play(stage, lambda _: Replace(ALONE))
    for _ in range(3):
        crash(stage, 1)
        stage.simulated.run(seconds=10.0)
    crash(stage, 1)
    assert [len(end.restarts) for end in asked] == [0, 1, 2, 3]
    last = asked[-1]
    assert [last.restarted_within(seconds) for seconds in (9.0, 11.0, 25.0, 60.0)] == [0, 1, 2, 3]


def test_a_strategy_sees_so_many_restarts_and_no_more(stage: Stage, journal: Journal) -> None:
    _, asked = play(stage, lambda _: Replace(ALONE))
    crash(stage, REMEMBERED + 3)
    assert len(asked[-1].restarts) == REMEMBERED


@pytest.mark.parametrize("in_place", [True, False])
def test_a_strategy_sees_the_message_on_which_it_crashed(stage: Stage, journal: Journal, in_place: bool) -> None:
    child, asked = play(stage, lambda _: Replace(ALONE), in_place=in_place)
    poison = Crash()
    child.tell(poison)
    journal.counts(("start", "a"), 2)

    def fail(_: Any) -> None:
        raise Oops("asked")

    question = Run(fail)
    with pytest.raises(Oops, match="asked"):
        stage.ask(stage.find("/troupe/a"), question)
    journal.counts(("start", "a"), 3)
    stage.ask(stage.find("/troupe/a"), Run(lambda _: None))  # it has started
    stage.find("/troupe/a").kill()
    journal.counts(("start", "a"), 4)
    assert [end.culprit for end in asked] == [poison, question, None]
    assert [end.attempts for end in asked] == [1, 1, 0]


def test_a_message_can_be_given_another_chance_before_all_others(stage: Stage, journal: Journal) -> None:
    def twice(end: ChildEnd) -> Decision:
        return Replace(ALONE, poison=Poison.RETRY if end.attempts < 3 else Poison.DROP)

    child, asked = play(stage, twice, in_place=True)
    letters = stage.record(DeadLetter)
    tried: list[str] = []

    def poison(_: Any) -> None:
        tried.append("poison")
        raise Oops("as told")

    stage.ask(child, Run(lambda this: [this.ref.tell(Run(poison)), this.ref.tell(Run(lambda _: tried.append("next")))]))
    journal.counts(("start", "a"), 4)
    stage.ask(child, Run(lambda _: None))
    assert tried == ["poison", "poison", "poison", "next"]
    assert [end.attempts for end in asked] == [1, 2, 3]
    assert letters.notes == []


def test_a_message_can_become_a_dead_letter(stage: Stage, journal: Journal) -> None:
    for in_place in (True, False):
        letters = stage.record(DeadLetter)
        child, _ = play(stage, lambda _: Replace(ALONE, poison="dead_letter"), in_place=in_place)
        poison = Crash()
        child.tell(poison)
        journal.counts(("start", "a"), 2)
        assert letters.notes == [DeadLetter(child, poison, "poison")]
        stage.find("/troupe").stop()
        journal.clear()


def test_whoever_asked_the_poison_has_the_error_and_it_is_not_tried_again(stage: Stage, journal: Journal) -> None:
    child, _ = play(stage, lambda _: Replace(ALONE, poison="retry"), in_place=True)
    tried: list[int] = []

    def poison(_: Any) -> None:
        tried.append(1)
        raise Oops("once")

    with pytest.raises(Oops, match="once"):
        stage.ask(child, Run(poison))
    stage.ask(child, Run(lambda _: None))
    assert tried == [1]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: Replace(ALONE, delay=-1.0), "a delay is seconds, 0 or more, not -1.0"),
        (lambda: Replace(ALONE, poison="eat"), "poison is one of drop, dead_letter, retry, not 'eat'"),
    ],
)
def test_a_decision_that_makes_no_sense_is_refused_where_it_is_made(make: Callable[[], object], why: str) -> None:
    with pytest.raises(BadSpec, match=why):
        make()


def test_a_reason_leaves_the_message_behind_when_it_crosses_processes() -> None:
    import pickle

    reason = Error.of(Oops("as told"), culprit=Crash())
    assert pickle.loads(pickle.dumps(reason)).culprit is None
    assert ChildEnd(ChildSpec("a", Child), reason, ()).culprit == Crash()


def test_a_decision_to_replace_strangers_is_the_supervisors_crash(stage: Stage) -> None:
    play(stage, lambda _: Replace(("nobody",)))
    supervisor = stage.find("/troupe")
    stage.find("/troupe/a").tell(Crash())
    assert "replaces ('nobody',), none of them a child of /troupe: there are 'a'" in str(stage.ended(supervisor))


@pytest.mark.parametrize("wrong", [{"poison": "burn"}, {"delay": -1.0}])
def test_a_decision_that_makes_no_sense_is_the_supervisors_crash(stage: Stage, wrong: Any) -> None:
    play(stage, lambda _: Replace(ALONE, **wrong))
    supervisor = stage.find("/troupe")
    stage.find("/troupe/a").tell(Crash())
    assert "decide() raised BadSpec: " in str(stage.ended(supervisor))
