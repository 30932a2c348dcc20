"""The order in which an outcome is carried out where nothing commits it at once."""

from __future__ import annotations

import pytest

from understudy.actors.completion import Completion
from understudy.transports.settlement import all_of, bind, in_turn


def test_a_step_starts_when_the_one_before_is_done() -> None:
    first: Completion[None] = Completion()
    started: list[int] = []

    def step(number: int, completion: Completion[None]) -> Completion[None]:
        started.append(number)
        return completion

    done = in_turn([lambda: step(1, first), lambda: step(2, Completion.of(None))])
    assert started == [1]
    first.resolve(None)

    assert started == [1, 2]
    assert done.done()


def test_a_step_that_fails_is_the_last() -> None:
    started: list[int] = []
    steps = [lambda: Completion.failed(ValueError("no")), lambda: Completion.of(started.append(2))]

    with pytest.raises(ValueError, match="no"):
        in_turn(steps).get(timeout=0)

    assert started == []


def test_any_number_of_steps_may_be_done_at_once() -> None:
    all_of([Completion.of(number) for number in range(100_000)]).get(timeout=0)


def test_what_follows_gets_the_value_and_errors_pass_through() -> None:
    assert bind(Completion.of(2), lambda two: Completion.of(two + 1)).get(timeout=0) == 3
    for failed in (
        bind(Completion.failed(ValueError("first")), Completion.of),
        bind(Completion.of(2), lambda _: Completion.failed(ValueError("second"))),
    ):
        with pytest.raises(ValueError, match=r"first|second"):
            failed.get(timeout=0)
