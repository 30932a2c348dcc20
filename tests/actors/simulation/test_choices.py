"""Where choices come from: the same source makes the same ones, and zero is always the dullest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from understudy.actors.simulation.choices import Recorder
from understudy.testing import (
    Choice,
    Crash,
    DrawnChoice,
    RandomChoice,
    ReplayChoice,
    Simulation,
    SimulationFailed,
    simulate,
)

from .troupe import open_shop


def drawn(choice: Choice) -> list[int]:
    return [choice.choose(n, "test") for n in range(1, 50)]


def test_a_seed_makes_the_same_choices_each_time_and_another_seed_others() -> None:
    assert drawn(RandomChoice(1)) == drawn(RandomChoice(1)) != drawn(RandomChoice(2))


def test_a_record_is_replayed_and_then_goes_on_with_the_first() -> None:
    recorder = Recorder(RandomChoice(1))
    made = drawn(recorder)
    replay = ReplayChoice(recorder.record)
    assert drawn(replay) == made
    assert drawn(replay) == [0] * 49


def test_a_recorded_choice_that_does_not_fit_any_more_is_cut_down() -> None:
    assert ReplayChoice([7]).choose(3, "test") == 2


def test_each_source_says_what_it_is() -> None:
    assert Recorder(RandomChoice(17)).origin == "seed 17"
    assert ReplayChoice([]).origin == "recorded choices"
    assert DrawnChoice(lambda *_, **__: 0).origin == "Hypothesis's choices"


def test_a_run_that_is_written_down_can_be_replayed(tmp_path: Path) -> None:
    run = simulate(open_shop, 5, faults=[Crash(0.05, at_most=3)])
    run.write(tmp_path / "trace")
    again = simulate(open_shop, choice=ReplayChoice.read(tmp_path / "trace"), faults=[Crash(0.05, at_most=3)])
    assert (again.trace, again.record, again.steps) == (run.trace, run.record, run.steps)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_hypothesis_can_choose(data: st.DataObject) -> None:
    simulate(open_shop, choice=DrawnChoice(data.draw), faults=[Crash(0.05, at_most=3)])


def test_what_hypothesis_finds_is_shrunk_to_the_plainest() -> None:
    def breaks_at_the_second_crash(data: st.DataObject) -> None:
        def body(simulation: Simulation) -> None:
            crashes = [simulation.choose(10, "a") for _ in range(4)]
            assert sum(crash >= 4 for crash in crashes) < 2

        simulate(body, choice=DrawnChoice(data.draw))

    @settings(max_examples=50, database=None, deadline=None, phases=[Phase.generate, Phase.shrink])
    @given(st.data())
    def search(data: st.DataObject) -> None:
        breaks_at_the_second_crash(data)

    with pytest.raises(SimulationFailed) as failed:
        search()
    chosen = sorted(drawn.value for drawn in failed.value.run.record if drawn.label == "a")
    assert chosen == [0, 0, 4, 4]


def test_hypothesis_is_asked_for_no_more_than_it_can_shrink() -> None:
    asked: list[Any] = []

    def draw(strategy: Any, label: str) -> int:
        asked.append(label)
        return find(strategy, lambda _: True)

    choice = DrawnChoice(draw, limit=3)
    assert drawn(choice) == [0] * 49
    assert len(asked) == 3


def test_an_error_of_the_source_is_not_taken_for_a_crash_of_the_actor_that_asked() -> None:
    class Enough(BaseException):
        pass

    class Exhausted:
        origin = "nowhere"

        def choose(self, n: int, label: str) -> int:
            if label == "in a turn":
                raise Enough
            return 0

    from understudy.actors import Actor, Message, on

    class Ask(Message[Any, None]):
        __slots__ = ()

    class Drawing(Actor):
        @on(Ask)
        def ask(self, _: Ask) -> None:
            simulation = simulations[0]
            simulation.choose(2, "in a turn")

    simulations: list[Simulation] = []

    def body(simulation: Simulation) -> None:
        simulations.append(simulation)
        simulation.spawn(Drawing).tell(Ask())
        simulation.run()

    with pytest.raises(Enough):
        simulate(body, choice=Exhausted())
