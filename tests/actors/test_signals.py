"""Exit signals, links and monitors: properties 71 to 73."""

from __future__ import annotations

from typing import Any

import pytest

from understudy.actors import (
    Down,
    Error,
    ExitReason,
    Kill,
    Killed,
    NameTaken,
    NoProc,
    Normal,
    Ref,
    Shutdown,
    on,
)

from .children import Child, Crash, End, Run, Watcher
from .stage import Journal, Stage

LIVES = None


def pair(stage: Stage, journal: Journal, receiver: type[Child]) -> tuple[Ref[Any], Ref[Any]]:
    return stage.spawn(Child, journal, "sender"), stage.spawn(receiver, journal, "receiver")


@pytest.mark.parametrize(
    ("reason", "untrapped"),
    [
        (Normal(), LIVES),
        (Kill(), Killed()),
        (Shutdown(), Shutdown()),
        (Shutdown("detail"), Shutdown("detail")),
        (Error("bug"), Error("bug")),
        (Killed(), Killed()),
    ],
    ids=str,
)
@pytest.mark.parametrize("traps", [False, True], ids=["not trapping", "trapping"])
def test_an_exit_signal_that_is_sent_ends_by_its_reason_or_is_trapped(
    stage: Stage, journal: Journal, reason: ExitReason, untrapped: ExitReason | None, traps: bool
) -> None:
    """Property 71: `kill` cannot be trapped, and is seen as `killed`."""
    sender, receiver = pair(stage, journal, Watcher if traps else Child)
    stage.ask(sender, Run(lambda actor: actor.exit(receiver, reason)))
    if traps and reason != Kill():
        journal.has(("exited", sender, reason))
        assert receiver.is_alive()
    elif untrapped is LIVES:
        stage.ask(receiver, Run(lambda actor: None))
    else:
        assert stage.ended(receiver) == untrapped
    assert ("stop", "receiver") not in journal.notes


@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Error("bug"), Kill()], ids=str)
@pytest.mark.parametrize("traps", [False, True], ids=["not trapping", "trapping"])
def test_an_exit_signal_to_oneself_counts_even_where_it_is_normal(
    stage: Stage, journal: Journal, reason: ExitReason, traps: bool
) -> None:
    """Property 71."""
    receiver = stage.spawn(Watcher if traps else Child, journal)
    receiver.tell(End(reason))
    if traps and reason != Kill():
        journal.has(("exited", receiver, reason))
    else:
        assert stage.ended(receiver) == (Killed() if reason == Kill() else reason)


@pytest.mark.parametrize("traps", [False, True], ids=["not trapping", "trapping"])
@pytest.mark.parametrize("reason", [Normal(), Shutdown(), Error("bug"), Kill(), Killed()], ids=str)
def test_an_end_is_an_exit_signal_for_those_who_are_linked(
    stage: Stage, journal: Journal, reason: ExitReason, traps: bool
) -> None:
    """Property 71: through a link `kill` is a reason like any other, and `normal` ends nobody."""
    sender, receiver = pair(stage, journal, Watcher if traps else Child)
    stage.ask(receiver, Run(lambda actor: actor.link(sender)))
    end = Killed() if reason == Kill() else reason
    stage.ask(
        sender, Run(lambda actor: actor._cell.life.end(Kill()) if reason == Kill() else actor.exit(actor.ref, end))
    )
    seen = Kill() if reason == Kill() else end
    if traps:
        journal.has(("exited", sender, seen))
    elif seen == Normal():
        stage.ended(sender)
        stage.ask(receiver, Run(lambda actor: None))
    else:
        assert stage.ended(receiver) == seen


def test_a_link_works_both_ways_and_once(stage: Stage, journal: Journal) -> None:
    """Property 71: linking is idempotent."""
    sender, receiver = pair(stage, journal, Watcher)
    for actor, peer in ((receiver, sender), (sender, receiver), (receiver, sender)):
        stage.ask(actor, Run(lambda actor, peer=peer: actor.link(peer)))
    stage.ask(receiver, Run(lambda actor: None))
    sender.tell(Crash())
    journal.has(("exited", sender, Error("Oops: as told")))
    stage.ask(receiver, Run(lambda actor: None))
    assert [note[0] for note in journal.notes].count("exited") == 1


def test_a_link_that_was_removed_carries_nothing(stage: Stage, journal: Journal) -> None:
    """Property 71."""
    sender, receiver = pair(stage, journal, Child)
    stage.ask(receiver, Run(lambda actor: (actor.link(sender), actor.unlink(sender))))
    sender.tell(Crash())
    stage.ended(sender)
    stage.ask(receiver, Run(lambda actor: None))


def test_linking_the_dead_delivers_noproc(stage: Stage, journal: Journal) -> None:
    """Property 71."""
    sender, receiver = pair(stage, journal, Watcher)
    sender.stop()
    stage.ask(receiver, Run(lambda actor: actor.link(sender)))
    journal.has(("exited", sender, NoProc()))


def test_an_actor_linked_to_itself_is_linked_to_nobody(stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Watcher, journal)
    stage.ask(actor, Run(lambda actor: actor.link(actor.ref)))
    stage.ask(actor, Run(lambda actor: actor.unlink(actor.ref)))
    actor.stop()
    assert [note[0] for note in journal.notes] == ["start", "stop"]


# -- monitors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 3])
def test_each_monitor_is_told_of_an_end_once(stage: Stage, journal: Journal, times: int) -> None:
    """Property 72."""
    target, watcher = pair(stage, journal, Watcher)
    stage.ask(watcher, Run(lambda actor: [actor.monitor(target) for _ in range(times)]))
    target.tell(Crash())
    journal.counts(("down", target, Error("Oops: as told")), times)
    stage.ask(watcher, Run(lambda actor: None))
    assert [note[0] for note in journal.notes].count("down") == times


def test_monitoring_the_dead_says_noproc_once(stage: Stage, journal: Journal) -> None:
    """Property 72."""
    target, watcher = pair(stage, journal, Watcher)
    target.stop()
    stage.ask(watcher, Run(lambda actor: actor.monitor(target)))
    journal.has(("down", target, NoProc()))
    stage.ask(watcher, Run(lambda actor: None))
    assert [note[0] for note in journal.notes].count("down") == 1


@pytest.mark.parametrize("receives", ["by a marked method", "by on_receive"])
def test_a_monitor_that_was_taken_off_says_nothing(stage: Stage, journal: Journal, receives: str) -> None:
    """Property 72: not even where its message waits already."""

    class Other(Child):
        def on_receive(self, message: Any) -> None:
            self.journal(message)

    target, watcher = pair(stage, journal, Watcher if receives == "by a marked method" else Other)

    def watch_and_regret(actor: Any) -> None:
        monitor = actor.monitor(target)
        target.kill()
        actor.demonitor(monitor)
        actor.demonitor(monitor)

    stage.ask(watcher, Run(watch_and_regret))
    stage.ask(watcher, Run(lambda actor: None))
    assert not [note for note in journal.notes if isinstance(note, Down) or note[0] == "down"]


@pytest.mark.parametrize("end", ["kill", "crash", "stop"])
def test_a_monitor_that_was_set_before_the_end_is_told_its_reason(stage: Stage, journal: Journal, end: str) -> None:
    """Property 72: signals of one sender arrive in the order in which they were sent."""
    target, watcher = pair(stage, journal, Watcher)

    def watch_and_end(actor: Any) -> None:
        actor.monitor(target)
        {"kill": target.kill, "crash": lambda: target.tell(Crash()), "stop": lambda: target.stop(block=False)}[end]()

    stage.ask(watcher, Run(watch_and_end))
    reason = {"kill": Killed(), "crash": Error("Oops: as told"), "stop": Shutdown()}[end]
    journal.has(("down", target, reason))


def test_the_name_is_free_before_the_end_is_seen(stage: Stage, journal: Journal) -> None:
    """Property 73."""

    class Reborn(Watcher):
        def on_start(self) -> None:
            self.renew()

        def renew(self) -> None:
            child = self.spawn(Child, self.journal, "child", name="only")
            self.monitor(child)
            self.link(child)

        @on(Down)
        def down(self, event: Down) -> None:
            self.journal("free", self.system.find("/parent/only") is None)
            self.renew()

    stage.spawn(Reborn, journal, name="parent")
    for times in range(1, 6):
        stage.find("/parent/only").tell(End(Shutdown()))
        journal.counts(("start", "child"), times + 1)
    assert journal.notes.count(("free", True)) == 5


def test_a_name_is_held_by_one_actor_at_a_time(stage: Stage, journal: Journal) -> None:
    first = stage.spawn(Child, journal, name="only")
    with pytest.raises(NameTaken, match="/only is held by a living actor") as refused:
        stage.spawn(Child, journal, name="only")
    assert refused.value.ref == first
    first.stop()
    assert stage.spawn(Child, journal, name="only") != first


@pytest.mark.parametrize("name", ["", "a/b", "a#1"])
def test_a_name_that_cannot_be_part_of_a_path_is_refused(stage: Stage, journal: Journal, name: str) -> None:
    with pytest.raises(ValueError, match="neither / nor #"):
        stage.spawn(Child, journal, name=name)
