"""What kernel tests stand on: a system on each kind of host, and a journal that can be waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from understudy.actors import ActorStopped, Completion, Ref, System, ThreadHost
from understudy.actors.cell import Cell
from understudy.actors.hosts.api import Host
from understudy.actors.hosts.simulated import RandomChoice, SimulatedHost
from understudy.actors.hosts.thread import ThreadDispatcher

from .loops import LOOPS

PATIENCE = 10.0
"""Seconds that a test waits for what must happen; none of them passes where all is well."""


class PinnedHost(ThreadHost):
    """A thread for each actor."""

    def place(self, parent: Cell | None, pinned: bool) -> ThreadDispatcher:
        return super().place(parent, pinned=parent is not None)


class Journal:
    """Notes that actors make, in the order in which they made them; any thread."""

    def __init__(self) -> None:
        self._notes: list[Any] = []
        self._waiting: list[tuple[Callable[[list[Any]], object], Completion[list[Any]]]] = []
        self._lock = threading.Lock()

    def __call__(self, *note: Any) -> None:
        """Add a note: a bare value, or a tuple of several."""
        with self._lock:
            self._notes.append(note[0] if len(note) == 1 else note)
            notes = list(self._notes) if self._waiting else []
            fulfilled = [done for condition, done in self._waiting if condition(notes)]
        for done in fulfilled:
            done.resolve(notes)

    @property
    def notes(self) -> list[Any]:
        with self._lock:
            return list(self._notes)

    def clear(self) -> None:
        with self._lock:
            self._notes.clear()

    def until(self, condition: Callable[[list[Any]], object]) -> list[Any]:
        """Wait until the notes fulfil `condition`, and return them."""
        done: Completion[list[Any]] = Completion()
        with self._lock:
            self._waiting.append((condition, done))
            notes = list(self._notes)
        if condition(notes):
            return notes
        try:
            return done.get(timeout=PATIENCE)
        except Exception as error:
            error.add_note(f"the journal says {self.notes}")
            raise

    def has(self, *notes: Any) -> list[Any]:
        """Wait until each of `notes` was made."""
        return self.until(lambda made: all(note in made for note in notes))

    def counts(self, note: Any, times: int) -> list[Any]:
        """Wait until `note` was made so many times."""
        return self.until(lambda made: made.count(note) >= times)


class Stage:
    """A system on one host."""

    def __init__(self, kind: str, system: System, journal: Journal) -> None:
        self.kind = kind
        self.system = system
        self.journal = journal
        self._ends = Journal()
        self.on_end(lambda event: self._ends(event.ref))

    @property
    def simulated(self) -> SimulatedHost:
        assert isinstance(self.system.host, SimulatedHost)
        return self.system.host

    def spawn(self, actor_class: Any, *args: Any, name: str | None = None, **kwargs: Any) -> Ref[Any]:
        return self.system.spawn(actor_class, *args, name=name, timeout=PATIENCE, **kwargs)

    def find(self, path: str) -> Ref[Any]:
        found = self.system.find(path)
        assert found is not None, f"nobody is at {path}; there are {self.system.paths()}"
        return found

    def ask(self, ref: Ref[Any], message: Any) -> Any:
        return ref.ask(message, timeout=PATIENCE)

    def ended(self, ref: Ref[Any]) -> Any:
        """Wait until an actor has ended and everybody been told, and return its reason."""
        self._ends.has(ref)
        ref.stop(timeout=PATIENCE)
        return ref.reason

    def on_end(self, callback: Callable[[Any], object]) -> Callable[[], None]:
        return self.system.events.subscribe(ActorStopped, callback)

    def record(self, *event_classes: type) -> Journal:
        """Return a journal of the system's events."""
        journal = Journal()
        for event_class in event_classes:
            self.system.events.subscribe(event_class, journal)
        return journal


@contextmanager
def stage_on(kind: str, journal: Journal) -> Iterator[Stage]:
    """Set up a system on a kind of host, and stop it."""
    with host_of(kind) as host, System(kind, host) as system:
        yield Stage(kind, system, journal)


@contextmanager
def host_of(kind: str) -> Iterator[Host]:
    """Make a host; an event loop runs on a thread of its own, and the test is in another."""
    if kind == "simulated":
        with SimulatedHost(RandomChoice(1)) as host:
            yield host
    elif kind in LOOPS:
        with LOOPS[kind]() as host:
            yield host
    else:
        yield ThreadHost() if kind == "shared" else PinnedHost()


HOSTS = ("shared", "pinned", "gevent", "eventlet", "asyncio", "simulated")
on_threads = pytest.mark.parametrize("stage", ["shared", "pinned"], indirect=True)
on_a_thread_each = pytest.mark.parametrize("stage", ["pinned"], indirect=True)
in_simulation = pytest.mark.parametrize("stage", ["simulated"], indirect=True)
