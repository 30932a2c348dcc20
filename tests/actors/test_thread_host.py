"""The thread host: where actors run, readiness of file descriptors, and what must not end a dispatcher."""

from __future__ import annotations

import selectors
import socket
import threading
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from understudy.actors import ActorCrashed, Error, System, ThreadHost
from understudy.actors.cell import Cell
from understudy.actors.hosts import parking
from understudy.actors.hosts.parking import Gate
from understudy.actors.hosts.thread import POLL_APART

from .children import Child, Crash, Note, Run, Troupe, spec
from .stage import Journal, Stage, on_threads

SOON = 0.01


@pytest.fixture(params=["default", "select", "poll"])
def selector(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each kind of selector that dispatchers may get on some platform."""
    kinds = {"select": selectors.SelectSelector, "poll": getattr(selectors, "PollSelector", selectors.SelectSelector)}
    if request.param in kinds:
        monkeypatch.setattr(parking.selectors, "DefaultSelector", kinds[request.param])
    return str(request.param)


@pytest.fixture
def wires() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection."""
    here, there = socket.socketpair()
    here.setblocking(False)
    there.setblocking(False)
    with here, there:
        yield here, there


class PinnedChild(Child):
    pinned = True


class Reader(Child):
    """Notes what comes in."""

    def __init__(self, journal: Journal, sock: socket.socket) -> None:
        super().__init__(journal, "reader")
        self.sock = sock

    def on_start(self) -> None:
        self.io.add_reader(self.sock.fileno(), self.read)

    def read(self) -> None:
        received = self.sock.recv(100)
        self.journal("read", received)
        if received == b"crash":
            raise RuntimeError("bad bytes")

    def on_stop(self) -> None:
        self.io.remove_reader(self.sock.fileno())
        self.io.remove_reader(self.sock.fileno())


def test_a_host_has_a_thread() -> None:
    with pytest.raises(ValueError, match="at least one dispatcher: dispatchers=0"):
        ThreadHost(dispatchers=0)


def test_top_level_actors_are_dealt_out_and_children_stay_with_their_parents(journal: Journal) -> None:
    with System(host=ThreadHost(dispatchers=3)) as system:

        def thread_of(ref: Any) -> str:
            return ref.ask(Run(lambda _: threading.current_thread().name), timeout=10)

        tops = [system.spawn(Child, journal) for _ in range(6)]
        assert len({thread_of(top) for top in tops}) == 3
        for top in tops[:3]:
            child = top.ask(Run(lambda this: this.spawn(Child, journal)), timeout=10)
            assert thread_of(child) == thread_of(top)
        pinned = top.ask(Run(lambda this: this.spawn(PinnedChild, journal)), timeout=10)
        assert "pinned" in thread_of(pinned)
        below = pinned.ask(Run(lambda this: this.spawn(Child, journal)), timeout=10)
        assert "pinned" not in thread_of(below)


def test_the_thread_of_a_pinned_actor_ends_with_it(journal: Journal) -> None:
    with System() as system:
        before = set(threading.enumerate())
        actor = system.spawn(PinnedChild, journal)
        thread = actor.ask(Run(lambda _: threading.current_thread()), timeout=10)
        actor.stop()
        thread.join(10)
        assert not thread.is_alive()
        assert set(threading.enumerate()) <= before


def test_a_name_that_is_taken_costs_no_thread(journal: Journal) -> None:
    with System() as system:
        system.spawn(PinnedChild, journal, name="only")
        before = set(threading.enumerate())
        with pytest.raises(Exception, match="held by a living actor"):
            system.spawn(PinnedChild, journal, name="only")
        assert set(threading.enumerate()) <= before


def test_a_gate_that_is_opened_twice_is_open_once() -> None:
    gate = Gate()
    gate.wake()
    gate.wake()
    gate.wait(None)
    gate.wait(0)
    gate.close()


# -- file descriptors --------------------------------------------------------------------------------------------------

Wires = tuple[socket.socket, socket.socket]


@on_threads
def test_an_actor_is_called_when_a_descriptor_can_be_read(
    selector: str, stage: Stage, journal: Journal, wires: Wires
) -> None:
    actor = stage.spawn(Reader, journal, wires[0])
    wires[1].send(b"one")
    journal.has(("read", b"one"))
    actor.tell(Note("between"))
    journal.has("between")
    wires[1].send(b"two")
    journal.has(("read", b"two"))
    stage.ask(actor, Run(lambda this: this.after(SOON, Note("timer"))))
    journal.has("timer")
    actor.stop()
    wires[1].send(b"three")
    other = stage.spawn(Child, journal)
    stage.ask(other, Run(lambda this: this.after(SOON, Note("end"))))
    assert ("read", b"three") not in journal.has("end")


@on_threads
def test_an_actor_is_called_when_a_descriptor_can_be_written(
    selector: str, stage: Stage, journal: Journal, wires: Wires
) -> None:
    fd = wires[0].fileno()

    def write(this: Any) -> None:
        this.io.remove_writer(fd)
        wires[0].send(b"out")
        this.journal("written")

    actor = stage.spawn(Reader, journal, wires[0])
    stage.ask(actor, Run(lambda this: this.io.add_writer(fd, lambda: write(this))))
    journal.has("written")
    assert wires[1].recv(100) == b"out"
    wires[1].send(b"still read")
    journal.has(("read", b"still read"))


@on_threads
def test_an_error_in_a_callback_is_the_crash_of_the_actor_that_set_it(
    selector: str, stage: Stage, journal: Journal, wires: Wires
) -> None:
    crashes = stage.record(ActorCrashed)
    bystander = stage.spawn(Child, journal)
    actor = stage.spawn(Reader, journal, wires[0])
    wires[1].send(b"crash")
    assert stage.ended(actor) == Error("RuntimeError: bad bytes")
    assert len(crashes.notes) == 1
    assert stage.ask(bystander, Run(lambda this: this.name)) == "child"


@pytest.mark.parametrize("stage", ["shared"], indirect=True)
def test_a_descriptor_of_an_actor_that_ended_is_watched_no_more(
    selector: str, stage: Stage, journal: Journal, wires: Wires
) -> None:
    """It would keep the dispatcher awake for ever, since nobody reads it."""
    other = stage.spawn(Child, journal)
    actor = stage.spawn(Reader, journal, wires[0])
    actor.tell(Crash())
    stage.ended(actor)
    wires[1].send(b"nobody listens")
    stage.ask(other, Run(lambda this: this.after(SOON, Note("end"))))
    assert ("read", b"nobody listens") not in journal.has("end")
    assert stage.ask(other, Run(lambda this: len(this.io._watches))) == 0


@pytest.mark.parametrize("stage", ["shared"], indirect=True)
def test_a_number_that_is_used_again_belongs_to_the_new_descriptor(
    selector: str, stage: Stage, journal: Journal
) -> None:
    first, second = stage.spawn(Child, journal), stage.spawn(Child, journal)
    old, other_end = socket.socketpair()
    fd = old.fileno()
    stage.ask(first, Run(lambda this: this.io.add_reader(fd, lambda: this.journal("first"))))
    first.kill()
    old.close()
    other_end.close()
    here, there = socket.socketpair()
    with here, there:
        assert fd in (here.fileno(), there.fileno())
        reading, writing = (here, there) if here.fileno() == fd else (there, here)
        stage.ask(second, Run(lambda this: this.io.add_reader(fd, lambda: this.journal(reading.recv(100)))))
        writing.send(b"second")
        assert "first" not in journal.has(b"second")
        stage.ask(second, Run(lambda this: this.io.remove_reader(fd)))


@on_threads
def test_a_descriptor_that_was_closed_while_it_was_watched_harms_nobody(
    selector: str, stage: Stage, journal: Journal, wires: Wires
) -> None:
    actor = stage.spawn(Child, journal)
    here, there = socket.socketpair()
    fd = here.fileno()
    stage.ask(actor, Run(lambda this: this.io.add_reader(fd, lambda: None)))
    here.close()
    there.close()
    stage.ask(actor, Run(lambda this: this.after(SOON, Note("alive"))))
    journal.has("alive")
    stage.ask(actor, Run(lambda this: (this.io.remove_writer(fd), this.io.remove_reader(fd))))
    assert actor.is_alive()


@on_threads
def test_a_descriptor_that_is_none_is_refused(selector: str, stage: Stage, journal: Journal) -> None:
    actor = stage.spawn(Child, journal)
    with pytest.raises((ValueError, OSError)):
        stage.ask(actor, Run(lambda this: this.io.add_reader(-1, lambda: None)))
    assert not actor.is_alive()


class Busy(Child):
    """Always has something to do."""

    def note(self, message: Note) -> None:
        self.ref.tell(message)


@on_threads
def test_descriptors_and_timers_get_their_turn_beside_a_busy_actor(
    stage: Stage, journal: Journal, wires: Wires
) -> None:
    """An actor that always has something to do does not starve the rest of its dispatcher."""
    reader = stage.spawn(Reader, journal, wires[0])
    busy = stage.spawn(Busy, journal)
    busy.tell(Note("again"))
    stage.ask(reader, Run(lambda this: this.after(SOON, Note("timer"))))
    wires[1].send(b"heard")
    journal.has("timer", ("read", b"heard"))
    busy.kill()


@pytest.mark.parametrize("stage", ["shared"], indirect=True)
def test_looks_at_descriptors_beside_a_busy_actor_leave_other_threads_the_time_to_insist(
    stage: Stage, journal: Journal, wires: Wires, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look lets go of the interpreter's lock too briefly for anybody, and whoever waits for it waits anew."""
    looks: list[float | None] = []
    wait = parking.Selector.wait

    def look(selector: parking.Selector, timeout: float | None) -> None:
        looks.append(timeout)
        wait(selector, timeout)

    reader = stage.spawn(Reader, journal, wires[0])
    busy = stage.spawn(Busy, journal)
    busy.tell(Note("again"))
    began = monotonic()
    stage.ask(reader, Run(lambda _: monkeypatch.setattr(parking.Selector, "wait", look)))
    for _ in range(20):  # each takes a switch interval, 5 ms
        stage.ask(reader, Run(lambda this: this.name))
    stage.ask(reader, Run(lambda _: monkeypatch.undo()))
    busy.kill()
    assert 0 < len(looks) <= (monotonic() - began) / POLL_APART + 1


# -- bugs --------------------------------------------------------------------------------------------------------------


@on_threads
def test_an_error_of_the_kernels_own_ends_no_dispatcher(
    stage: Stage, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = stage.spawn(Child, journal)

    def broken(*_: Any) -> None:
        monkeypatch.undo()
        journal("broken")
        raise SystemExit("a bug")

    monkeypatch.setattr(Cell, "_handle", broken)
    actor.tell(Note("lost"))
    journal.has("broken")
    assert stage.ask(actor, Run(lambda this: this.name)) == "child"


@on_threads
def test_a_supervised_pinned_child_is_replaced_on_a_thread_of_its_own(stage: Stage, journal: Journal) -> None:
    stage.spawn(Troupe, [spec(journal, "a", PinnedChild)], name="troupe")
    threads = []
    for starts in (1, 2):
        journal.counts(("start", "a"), starts)
        actor = stage.find("/troupe/a")
        threads.append(stage.ask(actor, Run(lambda _: threading.current_thread())))
        actor.tell(Crash())
        stage.ended(actor)
    assert threads[0] is not threads[1]
