"""What an actor can do: messages, hooks, context, children, and what its errors do."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    ActorCrashed,
    ActorDead,
    ActorStarted,
    ActorStopped,
    ChildExited,
    ChildStarted,
    ChildStartFailed,
    Error,
    ExitReason,
    IgnoreStart,
    Message,
    Normal,
    Shutdown,
    StartFailed,
    Unhandled,
    on,
)

from .children import Child, Crash, FailsToStart, Ignores, NeverStops, Note, Oops, Run, StartsWhenTold
from .stage import Journal, Stage, on_threads


@dataclass(frozen=True, slots=True)
class Add(Message["Counter", int]):
    amount: int


@dataclass(frozen=True, slots=True)
class Reset(Message["Counter", None]):
    pass


class Counter(Actor):
    def __init__(self, value: int = 0) -> None:
        self.value = value

    @on(Add)
    def add(self, message: Add) -> int:
        self.value += message.amount
        return self.value

    @on(Reset)
    def reset(self, message: Reset) -> None:
        self.value = 0


def test_messages_go_to_the_methods_that_are_marked_for_them(stage: Stage) -> None:
    counter = stage.spawn(Counter, 5)
    counter.tell(Add(2))
    assert counter.ask(Add(1)) == 8
    counter.tell(Reset())
    assert counter.ask(Add(0)) == 0


def test_a_subclass_overrides_by_name_and_by_mark(stage: Stage) -> None:
    class ByName(Counter):
        def add(self, message: Add) -> int:
            return -1

    class ByMark(Counter):
        @on(Add)
        def increase(self, message: Add) -> int:
            return -2

    class Mixin(Actor):
        @on(Reset)
        def forget(self, message: Reset) -> str:
            return "mixed in"

    class Both(Mixin, ByMark):
        pass

    assert stage.spawn(ByName).ask(Add(1)) == -1
    assert stage.spawn(ByMark).ask(Add(1)) == -2
    assert stage.spawn(Both).ask(Reset()) == "mixed in"
    assert stage.spawn(Both).ask(Add(1)) == -2


def test_one_method_may_take_several_messages(stage: Stage) -> None:
    class Two(Counter):
        @on(Add)
        @on(Reset)
        def either(self, message: Add | Reset) -> str:
            return type(message).__name__

    two = stage.spawn(Two)
    assert [two.ask(Add(1)), two.ask(Reset())] == ["Add", "Reset"]


def test_what_no_method_is_marked_for_goes_to_on_receive(stage: Stage, journal: Journal) -> None:
    class Anything(Actor):
        def on_receive(self, message: Any) -> Any:
            return ("anything", message)

    assert stage.ask(stage.spawn(Anything), "plain") == ("anything", "plain")


def test_what_nobody_takes_is_the_actors_crash_and_says_what_to_do(stage: Stage) -> None:
    counter = stage.spawn(Counter, name="counter")
    with pytest.raises(Unhandled, match=r"<Counter /counter> takes no Note; mark a method with @on\(Note\)"):
        stage.ask(counter, Note("?"))
    assert not counter.is_alive()


# -- errors ------------------------------------------------------------------------------------------------------------


def crashes(stage: Stage, journal: Journal, error: BaseException, ask: bool) -> None:
    """See that `error` ends the actor that raises it, and nobody else."""
    bystander = stage.spawn(Child, journal, "bystander")
    actor = stage.spawn(Child, journal)
    if ask:
        with pytest.raises(type(error)):
            stage.ask(actor, Crash(error))
    else:
        actor.tell(Crash(error))
    reason = stage.ended(actor)
    assert isinstance(reason, Error)
    assert (reason.message.split(":")[0], reason.abnormal) == (type(error).__name__, True)
    assert stage.ask(bystander, Run(lambda this: this.name)) == "bystander"


@pytest.mark.parametrize("error", [Oops("bug"), SystemExit(3), GeneratorExit(), asyncio.CancelledError()], ids=repr)
@pytest.mark.parametrize("ask", [False, True], ids=["tell", "ask"])
def test_whatever_is_raised_is_the_crash_of_that_actor_and_of_no_other(
    stage: Stage, journal: Journal, error: BaseException, ask: bool
) -> None:
    crashes(stage, journal, error, ask)


@on_threads
@pytest.mark.parametrize("ask", [False, True], ids=["tell", "ask"])
def test_an_interrupt_that_is_not_the_users_is_a_crash_like_any_other(
    stage: Stage, journal: Journal, ask: bool
) -> None:
    crashes(stage, journal, KeyboardInterrupt(), ask)


@pytest.mark.parametrize("stage", ["simulated"], indirect=True)
def test_an_interrupt_on_the_main_thread_goes_on_to_the_user(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    with pytest.raises(KeyboardInterrupt):
        stage.ask(actor, Crash(KeyboardInterrupt()))
    assert not actor.is_alive()


def test_an_expected_error_is_an_answer(stage: Stage, journal: Journal) -> None:
    class Careful(Child):
        expected = (Oops,)

    actor = stage.spawn(Careful, journal)
    with pytest.raises(Oops):
        stage.ask(actor, Crash())
    actor.tell(Crash())
    assert stage.ask(actor, Run(lambda this: this.name)) == "child"


def test_a_crash_is_logged_and_told_once(stage: Stage, journal: Journal, caplog: pytest.LogCaptureFixture) -> None:
    crashes = stage.record(ActorCrashed)
    actor = stage.spawn(Child, journal, name="a")
    with caplog.at_level(logging.ERROR, "understudy.actors"):
        actor.tell(Crash())
        stage.ended(actor)
    assert [(event.ref, event.reason.message) for event in crashes.notes] == [(actor, "Oops: as told")]
    assert [record.getMessage() for record in caplog.records] == ["/a crashed: Oops: as told"]
    assert 'raise message.error or Oops("as told")' in crashes.notes[0].reason.traceback


def test_an_error_that_cannot_be_read_is_a_crash_all_the_same(stage: Stage, journal: Journal) -> None:
    class Unreadable(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no words")

    actor = stage.spawn(Child, journal)
    actor.tell(Crash(Unreadable()))
    assert stage.ended(actor) == Error("Unreadable")


# -- hooks -------------------------------------------------------------------------------------------------------------


class Hooked(Child):
    def on_failure(self, exception_type: Any, exception_value: Any, traceback: Any) -> None:
        self.journal("failure", exception_type, str(exception_value), traceback is not None)


def test_on_failure_runs_in_place_of_on_stop(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Hooked, journal)
    actor.tell(Crash())
    stage.ended(actor)
    assert journal.notes == [("start", "child"), ("failure", Oops, "as told", True)]


def test_an_error_in_on_failure_changes_nothing(stage: Stage, journal: Journal) -> None:
    class Worse(Child):
        def on_failure(self, *_: object) -> None:
            raise SystemExit("worse")

    actor = stage.spawn(Worse, journal)
    actor.tell(Crash())
    assert stage.ended(actor) == Error("Oops: as told")


def test_an_error_in_on_stop_is_the_reason_of_the_end(stage: Stage, journal: Journal) -> None:
    class StopsBadly(Hooked):
        def on_stop(self) -> None:
            raise Oops("stop")

    crashes = stage.record(ActorCrashed)
    actor = stage.spawn(StopsBadly, journal)
    assert actor.stop()
    assert actor.reason == Error("Oops: stop")
    assert len(crashes.notes) == 1


def test_a_stop_gives_its_reason(stage: Stage, journal: Journal) -> None:
    actor, other = stage.spawn(Child, journal), stage.spawn(Child, journal)
    actor.stop(reason=Normal())
    assert actor.reason == Normal()
    stage.ask(other, Run(lambda this: this.stop(Shutdown("finished"))))
    assert stage.ended(other) == Shutdown("finished")
    assert (actor.stop(), actor.is_alive()) == (False, False)


def test_an_actor_stops_after_the_message_in_which_it_decides_to(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)

    def decide(this: Any) -> None:
        this.ref.tell(Note("behind"))
        this.stop()
        this.journal("still here")

    stage.ask(actor, Run(decide))
    stage.ended(actor)
    assert journal.notes == [("start", "child"), "still here", ("stop", "child")]


def test_a_deferred_start_takes_messages_before_it_has_started(stage: Stage, journal: Journal) -> None:
    started = stage.system.start(StartsWhenTold, journal, name="a")
    journal.has(("starting", "child"))
    assert not started.done()
    stage.find("/a").tell(Note("go"))
    assert started.get(timeout=10) == stage.find("/a")
    stage.ask(stage.find("/a"), Run(lambda this: this.started()))  # a second time changes nothing


def test_a_deferred_start_can_fail(stage: Stage, journal: Journal) -> None:
    class Fails(StartsWhenTold):
        def note(self, message: Note) -> None:
            self.start_failed(Error("no luck"))

    started = stage.system.start(Fails, journal, name="a")
    journal.has(("starting", "child"))
    stage.find("/a").tell(Note("go"))
    with pytest.raises(StartFailed, match="/a did not start: no luck"):
        started.get(timeout=10)


@pytest.mark.parametrize("end", ["crash", "stop", "kill"])
def test_an_end_during_a_deferred_start_is_a_failed_start(stage: Stage, journal: Journal, end: str) -> None:
    started = stage.system.start(StartsWhenTold, journal, name="a")
    journal.has(("starting", "child"))
    actor = stage.find("/a")
    {"crash": lambda: actor.tell(Crash()), "stop": lambda: actor.stop(block=False), "kill": actor.kill}[end]()
    with pytest.raises(StartFailed, match="/a did not start"):
        started.get(timeout=10)


def test_a_deferred_stop_goes_on_taking_messages(stage: Stage, journal: Journal) -> None:
    class StopsWhenTold(NeverStops):
        @on(Note)
        def note(self, message: Note) -> None:
            self.stopped()

    actor = stage.spawn(StopsWhenTold, journal)
    stopped = actor.stop(block=False)
    journal.has(("stopping", "child"))
    assert stage.ask(actor, Run(lambda this: this.name)) == "child"
    assert not stopped.done()
    actor.tell(Note("now"))
    assert stopped.get(timeout=10)
    assert actor.reason == Shutdown()


def test_an_actor_may_choose_not_to_run(stage: Stage, journal: Journal) -> None:
    class IgnoresEarly(Child):
        def __init__(self, journal: Journal) -> None:
            raise IgnoreStart

    for kind in (Ignores, IgnoresEarly):
        with pytest.raises(StartFailed, match="it chose not to run") as failed:
            stage.spawn(kind, journal)
        assert failed.value.reason is None


def test_starts_and_ends_are_told_as_events(stage: Stage, journal: Journal) -> None:
    events = stage.record(ActorStarted, ActorStopped)
    actor = stage.spawn(Child, journal)
    actor.stop()
    told = [event for event in events.notes if event.ref == actor]
    assert told == [ActorStarted(actor), ActorStopped(actor, Shutdown())]


@pytest.mark.parametrize("error", [Oops("deaf"), SystemExit("deaf")], ids=repr)
def test_a_subscriber_that_fails_harms_nobody(stage: Stage, journal: Journal, error: BaseException) -> None:
    def fails(_: object) -> None:
        raise error

    stage.system.events.subscribe(ActorStopped, fails)
    events = stage.record(ActorStopped)
    actor = stage.spawn(Child, journal)
    assert actor.stop()
    assert events.notes == [ActorStopped(actor, Shutdown())]


def test_a_subscription_ends_once(stage: Stage, journal: Journal) -> None:
    seen: list[object] = []
    unsubscribe = stage.system.events.subscribe(ActorStopped, seen.append)
    stage.spawn(Child, journal).stop()
    unsubscribe()
    unsubscribe()
    stage.spawn(Child, journal).stop()
    assert len(seen) == 1


# -- context -----------------------------------------------------------------------------------------------------------


def test_the_context_is_there_before_init_runs(stage: Stage) -> None:
    class Curious(Actor):
        def __init__(self) -> None:
            self.seen = (self.path, self.ref.path, self.system.name, len(self.ids.fresh()), 0 <= self.rng.random() < 1)
            self.times = (self.clock.now(), self.clock.time())

    actor = stage.spawn(Curious, name="curious")
    assert actor.proxy().seen.get(timeout=10) == ("/curious", "/curious", stage.kind, 36, True)
    assert len(actor.proxy().times.get(timeout=10)) == 2


def test_an_actor_outside_of_a_system_says_so() -> None:
    assert repr(Counter()) == "<Counter outside of any system>"
    with pytest.raises(TypeError, match=r"start it in a system: System\(\).spawn\(Counter, ...\)"):
        Counter.start()


# -- children ----------------------------------------------------------------------------------------------------------


def test_children_live_below_their_parent(stage: Stage, journal: Journal) -> None:
    parent = stage.spawn(Child, journal, "parent", name="parent")
    child = stage.ask(parent, Run(lambda this: this.spawn(Child, journal, "child", name="child")))
    journal.has(("start", "child"))
    assert child.path == "/parent/child"
    assert stage.find("/parent/child") == child
    assert child.uid != parent.uid


class Parent(Child):
    @on(ChildStarted)
    def child_started(self, event: ChildStarted) -> None:
        self.journal("started", event.child.path, event.info)

    @on(ChildStartFailed)
    def child_start_failed(self, event: ChildStartFailed) -> None:
        self.journal("failed", event.child.path, event.reason)

    @on(ChildExited)
    def child_exited(self, event: ChildExited) -> None:
        self.journal("exited", event.child.path, event.reason)


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (Child, ("started", "/parent/c", None)),
        (FailsToStart, ("failed", "/parent/c", Error("Oops: start"))),
        (Ignores, ("failed", "/parent/c", None)),
    ],
)
def test_a_parent_is_told_of_its_childs_start(stage: Stage, journal: Journal, kind: Any, told: Any) -> None:
    parent = stage.spawn(Parent, journal, "parent", name="parent")
    stage.ask(parent, Run(lambda this: this.spawn(kind, journal, name="c")))
    journal.has(told)
    stage.ask(parent, Run(lambda _: None))
    assert len([note for note in journal.notes if note[0] in ("started", "failed", "exited")]) == 1


@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Error("bug")], ids=str)
def test_a_parent_is_told_of_its_childs_end(stage: Stage, journal: Journal, reason: ExitReason) -> None:
    parent = stage.spawn(Parent, journal, "parent", name="parent")
    child = stage.ask(parent, Run(lambda this: this.spawn(Child, journal, name="c")))
    child.stop(reason=reason)
    journal.has(("exited", "/parent/c", reason))


@pytest.mark.parametrize(("kind", "survives"), [(Child, True), (Ignores, True), (FailsToStart, False)])
def test_a_parent_that_does_not_care_ends_with_a_child_that_ends_abnormally(
    stage: Stage, journal: Journal, kind: Any, survives: bool
) -> None:
    parent = stage.spawn(Child, journal, "parent", name="parent")
    child = stage.ask(parent, Run(lambda this: this.spawn(kind, journal, name="c")))
    child.stop(block=False).get(timeout=10)
    if survives:
        stage.ask(parent, Run(lambda _: None))
    else:
        assert str(stage.ended(parent)).startswith("ChildCrashed: /parent/c#")


def test_refs_are_values(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal, name="a")
    same = stage.find("/a")
    mine = stage.ask(actor, Run(lambda this: this.ref))
    assert actor == same == mine
    assert len({actor, same, mine}) == 1
    assert actor != stage.spawn(Child, journal)
    assert actor != "actor"
    assert (str(actor), repr(actor)) == (f"/a#{actor.uid}", f"<Ref /a#{actor.uid}>")
    assert actor.reason is None
    actor.stop()
    with pytest.raises(ActorDead):
        actor.ask(Note("?"))
