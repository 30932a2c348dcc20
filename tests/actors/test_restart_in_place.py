"""Restart in place: property 77, and what else a crash leaves as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from understudy.actors import (
    Actor,
    ActorCrashed,
    ActorDead,
    ActorStarted,
    ActorStopped,
    Backoff,
    BadSpec,
    Batch,
    ChildEnd,
    ChildExited,
    ChildRestarted,
    ChildSpec,
    Completion,
    CountChildren,
    Decision,
    Deferred,
    Error,
    GiveUp,
    IgnoreStart,
    Killed,
    Leave,
    Normal,
    Ref,
    Replace,
    Shutdown,
    TerminateChild,
    WhichChildren,
    on,
)

from .children import Child, Crash, End, FailsLater, Note, Oops, Run, Troupe, Watcher, spec, troupe
from .stage import PATIENCE, Journal, Stage, in_simulation

OOPS = Error("Oops: as told")


def play(stage: Stage, actor: type[Child] = Child, *more: Any, base: type[Troupe] = Troupe, **options: Any) -> Ref[Any]:
    """Return the only child, restarted in place, of a supervisor at /troupe."""
    flags = {name: options.pop(name) for name in ("intensity", "table", "decide") if name in options}
    child = spec(stage.journal, "a", actor, *more, in_place=True, **options)
    stage.spawn(troupe(base, **flags), [child], name="troupe")
    return stage.find("/troupe/a")


def held_up(stage: Stage, child: Ref[Any], *messages: Any) -> None:
    """Have all of `messages` wait in the mailbox before the first of them is handled."""
    stage.ask(child, Run(lambda actor: [actor.ref.tell(message) for message in messages]))


def test_a_restart_in_place_keeps_the_ref_and_the_mailbox_and_drops_the_poison(stage: Stage, journal: Journal) -> None:
    """Property 77."""
    child = play(stage)
    held_up(stage, child, Note(1), Crash(), Note(2), Note(3))
    journal.has(3)
    assert journal.notes == [("start", "a"), 1, ("start", "a"), 2, 3]
    assert stage.find("/troupe/a") == child
    assert child.is_alive()
    assert child.reason is None


def test_monitors_and_links_notice_nothing_of_a_restart_in_place(stage: Stage, journal: Journal) -> None:
    """Property 77: and both hold on, for the end that comes later."""
    child = play(stage)
    watcher = stage.spawn(Watcher, journal, "watcher")
    stage.ask(watcher, Run(lambda actor: [actor.monitor(child), actor.link(child)]))
    stage.ask(child, Run(lambda _: None))
    child.tell(Crash())
    journal.counts(("start", "a"), 2)
    stage.ask(watcher, Run(lambda _: None))
    assert not [note for note in journal.notes if note[0] in ("down", "exited")]
    child.stop()
    journal.has(("down", child, Shutdown()), ("exited", child, Shutdown()))


def test_without_the_option_a_restart_is_otps(stage: Stage, journal: Journal) -> None:
    """Property 77: monitors fire, and the old ref is dead."""
    stage.spawn(Troupe, [spec(journal, "a")], name="troupe")
    child = stage.find("/troupe/a")
    watcher = stage.spawn(Watcher, journal, "watcher")
    stage.ask(watcher, Run(lambda actor: actor.monitor(child)))
    child.tell(Crash())
    journal.has(("down", child, OOPS))
    journal.counts(("start", "a"), 2)
    assert not child.is_alive()
    assert stage.find("/troupe/a") != child


def test_whoever_asked_the_poison_gets_the_error_and_whoever_waits_gets_an_answer(stage: Stage) -> None:
    child = play(stage)

    def crash(_: Any) -> None:
        raise Oops("as told")

    poison = child.ask(Run(crash), block=False)
    waiting = child.ask(Run(lambda actor: actor.name), block=False)
    with pytest.raises(Oops, match="as told"):
        poison.get(timeout=PATIENCE)
    assert waiting.get(timeout=PATIENCE) == "a"


def test_what_a_life_had_promised_fails_with_it(stage: Stage) -> None:
    child = play(stage)
    promise: Completion[str] = Completion()
    promised = child.ask(Run(lambda _: promise), block=False)
    child.tell(Crash())
    with pytest.raises(ActorDead, match="/troupe/a crashed before it answered: Oops: as told"):
        promised.get(timeout=PATIENCE)
    assert promise.resolve("too late")


def test_timers_of_an_earlier_life_never_fire_into_the_new_one(stage: Stage, journal: Journal) -> None:
    """Property 78."""
    child = play(stage)
    stage.ask(child, Run(lambda actor: [actor.after(0.02, Note("once")), actor.every(0.02, Note("often"))]))
    child.tell(Crash())
    journal.counts(("start", "a"), 2)
    journal.clear()
    stage.ask(child, Run(lambda actor: actor.after(0.2, Note("later"))))
    assert journal.has("later") == ["later"]


def test_monitors_that_an_earlier_life_has_set_say_nothing(stage: Stage, journal: Journal) -> None:
    child = play(stage, Watcher)
    other = stage.spawn(Child, journal, "other")
    stage.ask(child, Run(lambda actor: actor.monitor(other)))
    child.tell(Crash())
    journal.counts(("start", "a"), 2)
    other.stop()
    held_up(stage, child, Note("end"))
    assert [note for note in journal.has("end") if note[0] == "down"] == []


class Parent(Child):
    """Has a child of its own, by the same name in each life."""

    def on_start(self) -> Deferred | None:
        self.own = self.spawn(Child, self.journal, "grandchild", name="own")
        return super().on_start()

    @on(ChildExited)
    def child_exited(self, event: ChildExited) -> None:
        self.journal("child exited", event.child)


def test_children_of_an_earlier_life_end_and_are_not_heard_of(stage: Stage, journal: Journal) -> None:
    child = play(stage, Parent)
    first = stage.ask(child, Run(lambda actor: actor.own))
    child.tell(Crash())
    assert stage.ended(first) == Shutdown()
    second = stage.ask(child, Run(lambda actor: actor.own))
    assert second != first
    second.stop()
    journal.has(("child exited", second))
    assert ("child exited", first) not in journal.notes
    assert stage.find("/troupe") is not None


def test_the_waiting_news_of_an_earlier_lifes_child_is_no_crash(stage: Stage, journal: Journal) -> None:
    class Careless(Child):
        """Takes no news of its children."""

        def on_start(self) -> Deferred | None:
            self.own = self.spawn(Child, self.journal, "grandchild")
            return super().on_start()

        @on(Note)
        def note(self, message: Note) -> None:
            self.own.kill()  # the news waits in the mailbox when the next line is carried out
            raise Oops("as told")

    child = play(stage, Careless, intensity=1)
    child.tell(Note("go"))
    journal.counts(("start", "a"), 2)
    assert stage.ask(child, Run(lambda actor: actor.name)) == "a"
    assert journal.notes.count(("start", "a")) == 2


@pytest.mark.parametrize("end", [Normal(), Shutdown("done"), OOPS], ids=str)
def test_an_end_that_is_no_crash_of_its_own_code_is_replaced_as_otp_does(
    stage: Stage, journal: Journal, end: Any
) -> None:
    child = play(stage)
    child.tell(End(end))
    journal.counts(("start", "a"), 2)
    assert stage.ended(child) == end
    assert stage.find("/troupe/a") != child


def test_a_killed_actor_is_replaced_by_another(stage: Stage, journal: Journal) -> None:
    child = play(stage)
    child.kill()
    journal.counts(("start", "a"), 2)
    assert stage.ended(child) == Killed()


def test_restarts_in_place_count_and_one_too_many_ends_the_supervisor(stage: Stage, journal: Journal) -> None:
    child = play(stage, intensity=2)
    supervisor = stage.find("/troupe")
    held_up(stage, child, Crash(), Crash(), Crash(), Note("never"))
    letters = stage.ended(child), stage.ended(supervisor)
    assert letters == (OOPS, Shutdown("reached_max_restart_intensity"))
    assert journal.notes == [("start", "a")] * 3
    assert stage.system.dead_letters == 1


def test_a_start_in_place_that_fails_is_tried_again_and_the_mail_waits(stage: Stage, journal: Journal) -> None:
    child = play(stage, FailsLater, 2)
    held_up(stage, child, Crash(), Note("at last"))
    journal.has("at last")
    assert journal.notes == [("start", "a"), ("failed", "a"), ("failed", "a"), ("start", "a"), "at last"]
    assert stage.find("/troupe/a") == child


def test_a_first_start_that_fails_is_a_failed_start(stage: Stage) -> None:
    class Unable(Child):
        def on_start(self) -> None:
            raise Oops("never")

    with pytest.raises(Exception, match="child 'a' did not start: Oops: never"):
        play(stage, Unable)
    assert stage.system.find("/troupe") is None


def test_an_actor_that_chooses_not_to_run_again_ends(stage: Stage, journal: Journal) -> None:
    class Once(Child):
        def on_start(self) -> None:
            if ("start", self.name) in self.journal.notes:
                raise IgnoreStart
            super().on_start()

    child = play(stage, Once)
    child.tell(Crash())
    assert stage.ended(child) == Normal()
    assert [info.ref for info in stage.ask(stage.find("/troupe"), WhichChildren())] == [None]


def test_a_start_that_is_deferred_can_crash_and_is_tried_again(stage: Stage, journal: Journal) -> None:
    class Late(Child):
        def on_start(self) -> Deferred:
            self.journal("starting", self.name)
            return Deferred.LATER

        @on(Note)
        def note(self, message: Note) -> None:
            self.started()

    child = spec(journal, "a", Late, in_place=True)
    started = stage.system.start(troupe(intensity=5), [child], name="troupe")
    journal.has(("starting", "a"))
    late = stage.find("/troupe/a")
    late.tell(Note("go on"))
    started.get(timeout=PATIENCE)
    late.tell(Crash())
    journal.counts(("starting", "a"), 2)
    late.tell(Crash())
    journal.counts(("starting", "a"), 3)
    late.tell(Note("go on"))
    assert stage.ask(stage.find("/troupe"), CountChildren()).active == 1
    assert stage.find("/troupe/a") == late


@in_simulation
def test_the_mail_waits_for_as_long_as_the_backoff_takes(stage: Stage, journal: Journal) -> None:
    child = play(stage, backoff=Backoff(first=5.0, jitter=0.0))
    held_up(stage, child, Crash(), Note("kept"))
    stage.simulated.run(seconds=4.0)
    (info,) = stage.ask(stage.find("/troupe"), WhichChildren())
    assert (info.restarting, info.ref, journal.notes) == (True, None, [("start", "a")])
    child.tell(Note("came meanwhile"))
    stage.simulated.run(seconds=2.0)
    assert journal.notes[1:] == [("start", "a"), "kept", "came meanwhile"]


@in_simulation
def test_an_actor_that_waits_for_its_restart_can_be_terminated_killed_and_stopped(
    stage: Stage, journal: Journal
) -> None:
    for end, reason in (("terminate", OOPS), ("kill", Killed()), ("stop", Shutdown()), ("shutdown", OOPS)):
        child = play(stage, backoff=Backoff(first=5.0, jitter=0.0))
        supervisor = stage.find("/troupe")
        held_up(stage, child, Crash(), Note("never"))
        stage.simulated.run(seconds=1.0)
        match end:
            case "terminate":
                supervisor.ask(TerminateChild("a"))
            case "kill":
                child.kill()
            case "stop":
                child.stop()
            case _:
                supervisor.stop()
        assert child.reason == reason
        stage.simulated.run(seconds=10.0)
        if end in ("kill", "stop"):
            assert stage.find("/troupe/a") != child
        if end == "terminate":
            assert stage.ask(supervisor, CountChildren()).active == 0
        supervisor.stop()
        assert "never" not in journal.notes


class Decides(Troupe):
    table: Callable[[ChildEnd], Decision]

    def decide(self, end: ChildEnd) -> Decision:
        return type(self).table(end)


@pytest.mark.parametrize("decision", [Leave(forget=True), GiveUp(), Replace(())], ids=str)
def test_a_strategy_that_does_not_restart_it_ends_it_as_it_crashed(
    stage: Stage, journal: Journal, decision: Decision
) -> None:
    child = play(stage, base=Decides, table=lambda _: decision)
    held_up(stage, child, Crash(), Note("never"))
    assert stage.ended(child) == OOPS
    assert journal.notes == [("start", "a")]


def test_a_strategy_that_replaces_others_with_it_gives_it_a_new_incarnation(stage: Stage, journal: Journal) -> None:
    children = [spec(journal, "a", in_place=True), spec(journal, "b")]
    stage.spawn(troupe(Decides, table=lambda _: Replace(("a", "b"))), children, name="troupe")
    child = stage.find("/troupe/a")
    child.tell(Crash())
    journal.counts(("start", "b"), 2)
    assert journal.notes[2:] == [("stop", "b"), ("start", "a"), ("start", "b")]
    assert child.reason == OOPS


class Batches(Child):
    """Takes its messages in batches."""

    def on_batch(self, messages: Batch) -> None:
        for message in messages:
            self.receive(message)


def test_a_crash_in_a_batch_keeps_what_it_had_not_reached(stage: Stage, journal: Journal) -> None:
    child = play(stage, Batches)
    held_up(stage, child, Note(1), Crash(), Note(2), Note(3))
    journal.has(3)
    assert journal.notes == [("start", "a"), 1, ("start", "a"), 2, 3]


def test_a_batch_of_which_nobody_knows_where_it_crashed_is_not_handled_again(stage: Stage, journal: Journal) -> None:
    class Blunt(Child):
        def on_batch(self, messages: Batch) -> None:
            raise Oops("as told")

    child = play(stage, Blunt)
    held_up(stage, child, Note(1), Note(2))
    journal.counts(("start", "a"), 2)
    assert stage.ask(child, Run(lambda _: stage.system.dead_letters)) == 2


def test_events_tell_of_a_crash_and_a_restart_and_not_of_an_end(stage: Stage, journal: Journal) -> None:
    child = play(stage)
    events = stage.record(ActorCrashed, ActorStarted, ActorStopped, ChildRestarted)
    child.tell(Crash())
    events.until(lambda notes: len(notes) == 2)
    assert events.notes == [ActorCrashed(child, OOPS), ChildRestarted(stage.find("/troupe"), "a", child, OOPS)]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ChildSpec("a", Troupe, in_place=True), "child 'a': a supervisor is not restarted in place"),
        (lambda: ChildSpec("a", Child, restart="temporary", in_place=True), "a temporary child is never restarted"),
    ],
)
def test_a_spec_that_cannot_be_restarted_in_place_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(BadSpec, match=message):
        make()


@pytest.mark.parametrize("strategy", ["one_for_all", "rest_for_one"])
def test_a_strategy_that_replaces_groups_restarts_nobody_in_place(
    stage: Stage, journal: Journal, strategy: str
) -> None:
    with pytest.raises(Exception, match=f"in place, which is for one_for_one alone, not {strategy}"):
        stage.spawn(troupe(strategy=strategy), [spec(journal, "a", in_place=True)])


def test_an_actor_without_a_supervisor_ends_as_ever(stage: Stage, journal: Journal) -> None:
    alone: Ref[Actor] = stage.spawn(Child, journal)
    alone.tell(Crash())
    assert stage.ended(alone) == OOPS
