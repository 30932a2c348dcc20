"""Bad input: each mistake is an error of its own, raised where it was made, that says what was wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    AsyncioHost,
    BadSpec,
    Bound,
    ChildSpec,
    DuplicateId,
    Replace,
    StartFailed,
    Supervisor,
    System,
    on,
)
from understudy.actors.errors import ActorDead
from understudy.actors.remote import BadAddress, MessageTooLarge, NotEncodable, Undeliverable, UnsupportedAddress, wire
from understudy.actors.remote.envelope import decode
from understudy.actors.remote.errors import EnvelopeTooNew, MalformedEnvelope, NotJoined
from understudy.actors.supervision.errors import BadIntensity, UnknownStrategy
from understudy.testing import Simulation, Uniform, simulate

from .children import Child, Run
from .remote.world import Add, Node, World
from .stage import Journal, Stage
from .test_process_actors import on_shared_threads
from .workers import Do, Worker


def supervisor(**flags: Any) -> type[Supervisor]:
    return type("Wrong", (Supervisor,), flags)


def idle(_: Simulation) -> None:
    pass


MISTAKES: list[tuple[type[Exception], str, Callable[[], object]]] = [
    (BadSpec, "child 'a': actor must be an Actor class, not 'clerk'", lambda: ChildSpec("a", "clerk")),  # type: ignore[arg-type]
    (BadSpec, "child 'a': restart is one of", lambda: ChildSpec("a", Actor, restart="sometimes")),
    (BadSpec, "child 'a': shutdown", lambda: ChildSpec("a", Actor, shutdown=-1.0)),
    (UnknownStrategy, "strategy is one of .* not 'one_for_two'", lambda: supervisor(strategy="one_for_two")),
    (BadIntensity, "intensity is a number of restarts, 0 or more, not -1", lambda: supervisor(intensity=-1)),
    (BadIntensity, "period is seconds, more than 0, not 0", lambda: supervisor(period=0)),
    (BadSpec, "max_children is a number", lambda: supervisor(max_children=-1)),
    (BadSpec, r"a Replace has a tuple of ids, not 'a'", lambda: Replace("a")),  # type: ignore[arg-type]
    (TypeError, r"on\(\) marks a method for one class of messages, not for 'x'", lambda: on("x")),  # type: ignore[arg-type]
    (ValueError, "a message travels by a name .* not 5", lambda: wire(5)),  # type: ignore[call-overload]
    (RuntimeError, "make an AsyncioHost within `async def`", AsyncioHost),
    (
        TypeError,
        r"a fault is an instance of a Fault.*, not 'x'",
        lambda: simulate(idle, faults=["x"]),
    ),  # type: ignore[list-item]
    (TypeError, r"a scheduling is an object with begin\(\)", lambda: simulate(idle, schedulings=[Uniform])),  # type: ignore[list-item]
    (ValueError, "a mailbox holds at least one message", lambda: Bound(0)),
    (ValueError, "overflow is one of .* not 'explode'", lambda: Bound(1, "explode")),
    (MalformedEnvelope, "no envelope|not an envelope|envelope", lambda: decode(b"\xc1")),
]


def test_two_methods_for_the_same_messages_are_refused_and_an_override_is_none() -> None:
    with pytest.raises(TypeError, match="Torn: both first and second take Do"):

        class Torn(Actor):
            @on(Do)
            def first(self, _: Any) -> None: ...

            @on(Do)
            def second(self, _: Any) -> None: ...

    class Other(Worker):
        @on(Do)
        def elsewhere(self, _: Any) -> None: ...

    assert Other.takes() == Worker.takes()


@pytest.mark.parametrize(("error", "why", "make"), MISTAKES, ids=[f"{why[:30]}" for _, why, _ in MISTAKES])
def test_a_mistake_is_its_own_error_where_it_is_made(
    error: type[Exception], why: str, make: Callable[[], object]
) -> None:
    with pytest.raises(error, match=why):
        make()


def test_each_mistake_has_a_class_of_its_own() -> None:
    classes = (
        BadSpec,
        DuplicateId,
        UnknownStrategy,
        BadIntensity,
        BadAddress,
        EnvelopeTooNew,
        MessageTooLarge,
        NotEncodable,
        Undeliverable,
        ActorDead,
    )
    assert len(set(classes)) == len(classes)
    assert all(not issubclass(one, other) or other in (one, BadSpec) for one in classes for other in classes), (
        "who catches one mistake catches no other, but for all that a spec may have"
    )


@on_shared_threads
def test_a_duplicate_id_is_the_cause_of_the_failed_start(stage: Stage, journal: Journal) -> None:
    class Twins(Supervisor):
        def children(self) -> list[ChildSpec]:
            return [ChildSpec("a", Child, (journal,)), ChildSpec("a", Child, (journal,))]

    with pytest.raises(StartFailed, match="two children have the id 'a'") as failed:
        stage.spawn(Twins)
    assert type(failed.value.__cause__) is DuplicateId
    assert journal.notes == []


@pytest.mark.parametrize("children", [None, 3])
@on_shared_threads
def test_what_is_no_list_of_children_is_named(stage: Stage, children: Any) -> None:
    with pytest.raises(StartFailed, match=rf"children\(\) returns a list of ChildSpecs, not {children}") as failed:
        stage.spawn(supervisor(children=lambda _: children))
    assert type(failed.value.__cause__) is BadSpec


@pytest.mark.parametrize("name", ["", "a/b", "a#b", 3])
@on_shared_threads
def test_what_cannot_be_a_name_is_refused(stage: Stage, name: Any) -> None:
    with pytest.raises(ValueError, match=f"an actor's name is a text of at least one character.* not {name!r}"):
        stage.spawn(Actor, name=name)


@on_shared_threads
def test_what_is_no_actor_class_is_refused_by_whoever_was_to_spawn_it(stage: Stage, journal: Journal) -> None:
    child = stage.spawn(Child, journal)
    wrong: Any
    for wrong in (int, "Child", Child.__new__(Child)):
        with pytest.raises(TypeError, match="what is spawned is a class of actors and its arguments, not"):
            stage.spawn(wrong)

    def spawn_wrongly(this: Any) -> str:
        with pytest.raises(TypeError, match="what is spawned is a class of actors"):
            this.spawn(int)
        return "refused"

    assert stage.ask(child, Run(spawn_wrongly)) == "refused"


@on_shared_threads
def test_an_argument_that_cannot_be_pickled_is_named_where_it_was_given(stage: Stage) -> None:
    with pytest.raises(StartFailed, match="cannot pickle") as failed:
        stage.spawn(Worker, threading.Lock())
    assert isinstance(failed.value.__cause__, TypeError)
    lock = threading.Lock()
    with pytest.raises(TypeError, match="cannot pickle"):
        stage.ask(stage.spawn(Worker), Do(lambda _: lock))


def test_addresses_that_do_not_parse_or_lead_nowhere_say_so() -> None:
    with System("alone") as system, pytest.raises(NotJoined, match="has joined no broker"):
        system.resolve("name://alone/one/x")
    with System("alone") as system, pytest.raises(BadAddress, match="'one' is no address"):
        system.resolve("one")

    def body(simulation: Simulation) -> None:
        world = World(simulation)
        one: Node = world.join("one")
        world.join("two")
        world.run(5.0)
        wrong: Any
        for wrong in ("actor//x", "", None, 3):
            with pytest.raises(BadAddress):
                one.system.resolve(wrong)
        with pytest.raises(UnsupportedAddress):
            one.system.resolve("queue://celery")
        with pytest.raises(Undeliverable, match="a node that nobody has heard of"):
            one.system.resolve(f"name://{one.system.name}/nobody/x").ask(Add())
        with pytest.raises(ActorDead, match="/nobody"):
            one.system.resolve(f"name://{one.system.name}/two/nobody").ask(Add())
        with pytest.raises(ActorDead, match="nobody holds /nobody"):
            one.system.get("/nobody")

    simulate(body, settle=None)
