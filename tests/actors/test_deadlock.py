"""Actors that would wait for each other for ever are told so."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from understudy.actors import Completion, Deadlock, Ref

from .children import Child, Note, Run
from .stage import Journal, Stage, in_simulation, on_a_thread_each

waits = pytest.mark.parametrize("stage", ["pinned", "simulated"], indirect=True)


@waits
def test_an_actor_that_asks_itself_is_told(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal, name="narcissus")
    with pytest.raises(Deadlock, match="/narcissus -> /narcissus: each waits for the next one's answer"):
        stage.ask(actor, Run(lambda this: this.ref.ask(Note("mirror"))))
    assert not actor.is_alive()


@waits
@pytest.mark.parametrize("length", [2, 3, 5])
def test_actors_that_ask_each_other_in_a_circle_are_told(stage: Stage, journal: Journal, length: int) -> None:
    actors = [stage.spawn(Child, journal, name=str(number)) for number in range(length)]

    def ask_next(place: int) -> Any:
        def act(this: Any) -> Any:
            return actors[(place + 1) % length].ask(Run(ask_next(place + 1)), timeout=30)

        return act

    circle = " -> ".join(f"/{number}" for number in (length - 1, *range(length)))
    with pytest.raises(Deadlock, match=f"{circle}: each waits for the next one's answer"):
        stage.ask(actors[0], Run(ask_next(0)))


@on_a_thread_each
def test_an_answer_that_comes_from_elsewhere_closes_no_circle(stage: Stage, journal: Journal) -> None:
    """B owes A an answer that a third party will give, so B may ask A something in the meantime."""
    a, b = stage.spawn(Child, journal, name="a"), stage.spawn(Child, journal, name="b")
    promise: Completion[str] = Completion()
    asked = threading.Event()

    def ask_b(_: Any) -> str:
        answer = b.ask(Run(lambda _: promise), block=False)
        stage.ask(b, Run(lambda _: None))  # it has promised
        asked.set()
        return answer.get(timeout=10)

    first = a.ask(Run(ask_b), block=False)
    assert asked.wait(10)
    second = b.ask(Run(lambda _: a.ask(Run(lambda this: this.path), timeout=10)), block=False)
    promise.resolve("from elsewhere")
    assert first.get(timeout=10) == "from elsewhere"
    assert second.get(timeout=10) == "/a"


@on_a_thread_each
def test_a_wait_that_ended_is_part_of_no_circle(stage: Stage, journal: Journal) -> None:
    a, b = stage.spawn(Child, journal, name="a"), stage.spawn(Child, journal, name="b")
    for asker, asked in ((a, b), (b, a)) * 3:
        name = stage.ask(asker, Run(lambda _, asked=asked: asked.ask(Run(lambda this: this.path), timeout=10)))
        assert name == asked.path


@in_simulation
def test_a_simulation_in_which_nothing_is_left_to_happen_says_so(stage: Stage, journal: Journal) -> None:
    actor: Ref[Any] = stage.spawn(Child, journal)
    never: Completion[int] = Completion()
    with pytest.raises(Deadlock, match="nothing is left that could resolve it"):
        actor.ask(Run(lambda _: never))
    with pytest.raises(Deadlock, match="nothing is left to happen"):
        stage.simulated.run(until=never.done)
