"""Small actors, well-behaved and otherwise, for supervisors to look after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from understudy.actors import (
    Actor,
    ChildSpec,
    Deferred,
    Down,
    DynamicSupervisor,
    Exited,
    ExitReason,
    IgnoreStart,
    Message,
    Supervisor,
    on,
)

from .stage import Journal


@dataclass(frozen=True, slots=True)
class Crash(Message[Any, None]):
    """Raise."""

    error: BaseException | None = None


@dataclass(frozen=True, slots=True)
class End(Message[Any, None]):
    """End by yourself, for this reason."""

    reason: ExitReason


@dataclass(frozen=True, slots=True)
class Note(Message[Any, None]):
    """Make a note of this."""

    note: object


@dataclass(frozen=True, slots=True)
class Run(Message[Any, Any]):
    """Call this with the actor."""

    act: Callable[[Any], Any]


class Oops(Exception):
    """What children crash with."""


class Child(Actor):
    """Notes its start and its ordered stop, and ends as it is told to."""

    def __init__(self, journal: Journal, name: str = "child") -> None:
        self.journal = journal
        self.name = name

    def on_start(self) -> Deferred | None:
        self.journal("start", self.name)
        return None

    def on_stop(self) -> Deferred | None:
        self.journal("stop", self.name)
        return None

    @on(Crash)
    def crash(self, message: Crash) -> None:
        raise message.error or Oops("as told")

    @on(End)
    def end(self, message: End) -> None:
        self.exit(self.ref, message.reason)

    @on(Note)
    def note(self, message: Note) -> None:
        self.journal(message.note)

    @on(Run)
    def run(self, message: Run) -> Any:
        return message.act(self)


class Watcher(Child):
    """Notes what it is told of others' ends, and traps exits."""

    trap_exit = True

    @on(Down)
    def down(self, event: Down) -> None:
        self.journal("down", event.target, event.reason)

    @on(Exited)
    def exited(self, event: Exited) -> None:
        self.journal("exited", event.source, event.reason)


class FailsInInit(Child):
    def __init__(self, journal: Journal, name: str = "child") -> None:
        super().__init__(journal, name)
        raise Oops("init")


class FailsToStart(Child):
    def on_start(self) -> None:
        raise Oops("start")


class FailsLater(Child):
    """Its first start succeeds, and `failures` starts after it do not."""

    def __init__(self, journal: Journal, name: str, failures: int) -> None:
        super().__init__(journal, name)
        self.failures = failures

    def on_start(self) -> None:
        earlier = [note for note in self.journal.notes if note in (("start", self.name), ("failed", self.name))]
        if 1 <= len(earlier) <= self.failures:
            self.journal("failed", self.name)
            raise Oops(f"attempt {len(earlier)}")
        super().on_start()


class Ignores(Child):
    def on_start(self) -> None:
        self.journal("ignored", self.name)
        raise IgnoreStart


class StartsWhenTold(Child):
    """Has not started until a note of its name tells it to go on."""

    def on_start(self) -> Deferred:
        self.journal("starting", self.name)
        return Deferred.LATER

    @on(Note)
    def note(self, message: Note) -> None:
        self.journal("start", self.name)
        self.started(message.note)


class NeverStarts(Child):
    def on_start(self) -> Deferred:
        self.journal("starting", self.name)
        return Deferred.LATER


class NeverStops(Child):
    def on_stop(self) -> Deferred:
        self.journal("stopping", self.name)
        return Deferred.LATER


class FailsToStop(Child):
    def on_stop(self) -> None:
        self.journal("stop", self.name)
        raise Oops("stop")


class StopsAfter(Child):
    """Takes its time to stop."""

    def __init__(self, journal: Journal, name: str, seconds: float) -> None:
        super().__init__(journal, name)
        self.seconds = seconds

    def on_stop(self) -> Deferred:
        self.journal("stopping", self.name)
        self.after(self.seconds, Note("over"))
        return Deferred.LATER

    @on(Note)
    def note(self, message: Note) -> None:
        self.journal("stop", self.name)
        self.stopped()


class Troupe(Supervisor):
    """Supervises what it is given."""

    def __init__(self, specs: Sequence[ChildSpec] = ()) -> None:
        self.specs = specs

    def children(self) -> Sequence[ChildSpec]:
        return self.specs


class DynamicTroupe(DynamicSupervisor, Troupe):
    """Supervises what it is given, and what comes."""


def troupe(base: type[Troupe] = Troupe, **flags: Any) -> type[Troupe]:
    """Return a class of supervisors with these flags."""
    return type("Troupe", (base,), flags)


def spec(journal: Journal, name: str, actor: type[Actor] = Child, *more: Any, **options: Any) -> ChildSpec:
    """Return the spec of a child that takes the journal, its name and `more`."""
    return ChildSpec(name, actor, (journal, name, *more), **options)


def specs(journal: Journal, *names: str, **options: Any) -> list[ChildSpec]:
    """Return the specs of well-behaved children."""
    return [spec(journal, name, **options) for name in names]
