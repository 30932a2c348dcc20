"""A system is looked at through its socket, as another process would."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.actors.children import Child, Crash, Note, Run, Troupe, spec
from tests.actors.stage import PATIENCE, Journal
from tests.support import wait_until
from understudy.actors import ActorStarted, Backoff, ChildSpec, System
from understudy.runtime.inspection.choosing import choose, choose_one
from understudy.runtime.inspection.messages import Look
from understudy.runtime.inspection.opening import open_window
from understudy.runtime.inspection.places import socket_of
from understudy.runtime.inspection.protocol import LONGEST, Answer, Identity, InspectionFailed, Request, decode, encode
from understudy.runtime.inspection.window import SocketWindow, windows

ME = Identity("celery@here", os.getpid(), "proj:app", "processes", 4, ("celery", "mail"), 1000.0)


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def system(journal: Journal) -> Iterator[System]:
    """A system with a tree like a node's, and its inspector."""
    with System("node") as made:
        ready = Journal()
        made.events.subscribe(ActorStarted, lambda event: ready(event.ref.path))
        open_window(made, ME)
        made.spawn(Troupe, [spec(journal, "a"), spec(journal, "b")], name="node")
        ready.has("/inspector/window")
        yield made


@pytest.fixture
def window(system: System) -> SocketWindow:
    (found,) = windows()
    return found[0]


def test_a_node_is_found_and_says_what_it_is(window: SocketWindow) -> None:
    view = window.look()
    assert (view.name, view.pid, view.app) == ("celery@here", os.getpid(), "proj:app")
    assert (view.pool, view.concurrency, view.queues) == ("processes", 4, ("celery", "mail"))
    assert [each.path for each in view.tree] == ["/inspector", "/inspector/window", "/node", "/node/a", "/node/b"]
    assert not any(each.working for each in view.tree)


def test_what_is_seen_there_is_what_is_seen_here(system: System, window: SocketWindow, journal: Journal) -> None:
    system.get("/node/a").tell(Crash())
    journal.counts(("start", "a"), 2)
    wait_until(lambda: system.chronicle.restarts("/node/a") == 1)
    there, here = window.look("/node").tree, system.observe().below("/node")
    assert there.actors == here.actors
    crash = there.actors[1].crash
    assert crash is not None
    assert crash.traceback.endswith("Oops: as told\n")


def test_a_part_of_the_tree_is_looked_at(window: SocketWindow) -> None:
    assert [each.path for each in window.look("/node/a/").tree] == ["/node/a"]
    with pytest.raises(InspectionFailed, match="nobody is at '/node/x' in this node"):
        window.look("/node/x")


@pytest.mark.parametrize("kill", [False, True])
def test_an_actor_is_restarted_from_outside(system: System, window: SocketWindow, kill: bool) -> None:
    first = system.get("/node/a")
    assert window.restart("/node/a", kill=kill) == "/node/a was restarted"
    assert system.get("/node/a") != first


def test_an_actor_is_stopped_from_outside_and_started_again(system: System, window: SocketWindow) -> None:
    assert window.stop("/node/b") == "/node/b was stopped"
    assert system.find("/node/b") is None
    assert window.look("/node/b").tree.actors[0].state == "stopped"
    assert window.restart("/node/b") == "/node/b was restarted"
    assert system.find("/node/b") is not None


@pytest.mark.parametrize("end", ["crash", "kill"])
def test_an_inspector_that_dies_is_replaced_and_leaves_nothing_open(
    system: System, window: SocketWindow, end: str
) -> None:
    first = system.get("/inspector/window")
    listener = first._cell.actor._listener
    if end == "kill":
        first.kill()
    else:
        first.tell(Crash())
    wait_until(lambda: (second := system.find("/inspector/window")) is not None and second != first)
    wait_until(lambda: socket_of(ME.name).exists())
    assert listener.fileno() == -1
    assert [each.path for each in window.look("/node/a").tree] == ["/node/a"]


@pytest.mark.parametrize("path", ["/node", "/", "", "/inspector", "/inspector/window", "/node/"])
def test_the_node_itself_is_not_ended_this_way(window: SocketWindow, path: str) -> None:
    for act in (window.restart, window.stop):
        with pytest.raises(InspectionFailed, match="is the node itself, or this view of it"):
            act(path)


def test_whoever_cannot_be_restarted_is_named(window: SocketWindow) -> None:
    with pytest.raises(InspectionFailed, match="/node has no child 'x'"):
        window.restart("/node/x")
    with pytest.raises(InspectionFailed, match="nobody is at '/who'"):
        window.stop("/who")


def test_a_node_is_seen_while_an_actor_holds_up_the_others(system: System, window: SocketWindow) -> None:
    entered, leave = threading.Event(), threading.Event()
    system.get("/node/a").tell(Run(lambda _: (entered.set(), leave.wait(PATIENCE))))
    assert entered.wait(PATIENCE)
    seen = window.look("/node/a").tree.actors[0]
    leave.set()
    assert seen.working
    assert seen.stack is not None
    assert "leave.wait(PATIENCE)" in seen.stack
    assert "_bootstrap" not in seen.stack


def test_the_first_look_from_outside_knows_how_long_messages_have_waited(system: System, window: SocketWindow) -> None:
    entered, leave = threading.Event(), threading.Event()
    system.get("/node/a").tell(Run(lambda _: (entered.set(), leave.wait(PATIENCE))))
    assert entered.wait(PATIENCE)
    system.get("/node/a").tell(Note("waits"))
    system.get("/inspector/window").ask(Look(), timeout=PATIENCE)
    seen = window.look("/node/a").tree.actors[0]
    leave.set()
    assert seen.waiting == 1
    assert seen.waiting_for > 0.0


def test_a_socket_is_its_users_alone_and_goes_with_its_node(runtime_directory: Path, journal: Journal) -> None:
    with System("node") as system:
        open_window(system, ME)
        place = socket_of(ME.name)
        wait_until(place.exists)
        wait_until(lambda: stat.S_IMODE(place.stat().st_mode) == 0o600)
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        assert place.is_relative_to(runtime_directory)
    assert not place.exists()


def test_what_a_killed_node_left_behind_is_removed(window: SocketWindow) -> None:
    left = socket_of("gone@here")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(left))
    assert left.exists()
    assert [view.name for _, view in windows()] == ["celery@here"]
    assert not left.exists()


def test_a_node_that_cannot_be_looked_at_works_all_the_same(
    runtime_directory: Path, journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    (runtime_directory / "understudy").write_text("not a directory")
    with System("node") as system:
        open_window(system, ME)
        system.spawn(Troupe, [ChildSpec("a", Child, (journal,))], name="node")
        assert system.find("/inspector") is None
    assert "cannot be looked at by `understudy tree`" in caplog.text


def converse(line: bytes) -> dict[str, Any]:
    """Return the answer to a line of bytes."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(str(socket_of(ME.name)))
        connection.sendall(line)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            return json.loads(stream.readline())  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("line", "failure"),
    [
        (b"hello\n", "what came over the socket is no Request of this release"),
        (b"", "what came over the socket is no Request"),
        (b'{"kind": "dance"}\n', "does not know how to dance"),
        (b'{"kind": "look", "path": 7}\n', "is no Request"),
        (b"x" * (LONGEST + 10_000), f"a request is at most {LONGEST} bytes long"),
    ],
)
def test_what_makes_no_sense_is_answered_and_harms_nobody(window: SocketWindow, line: bytes, failure: str) -> None:
    assert failure in converse(line)["failure"]
    assert window.look().name == "celery@here"


def test_a_bug_of_the_view_is_answered_and_does_not_end_it(
    window: SocketWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: System) -> None:
        raise RuntimeError("dictionary changed size")

    with monkeypatch.context() as broken:
        broken.setattr(System, "observe", fail)
        with pytest.raises(InspectionFailed, match="a bug in the node's view of itself: RuntimeError"):
            window.look()
    assert window.look().name == "celery@here"


def test_a_field_of_a_newer_release_is_no_obstacle(window: SocketWindow) -> None:
    assert converse(b'{"kind": "look", "path": "/node", "colour": "red"}\n')["node"]["name"] == "celery@here"
    assert decode(encode(Request("look")), Request) == Request("look")
    assert decode(b'{"done": "it", "more": 1}', Answer) == Answer(done="it")


def test_whoever_goes_away_early_harms_nobody(window: SocketWindow) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(socket_of(ME.name)))
        connection.sendall(encode(Request("restart", "/node/a")))
    assert window.look("/node/a").name == "celery@here"


def test_an_actor_that_is_about_to_be_restarted_is_left_alone(journal: Journal) -> None:
    with System("node") as system:
        ready = Journal()
        system.events.subscribe(ActorStarted, lambda event: ready(event.ref.path))
        open_window(system, ME)
        system.spawn(Troupe, [spec(journal, "a", backoff=Backoff(3600.0, maximum=3600.0))], name="node")
        ready.has("/inspector/window")
        system.get("/node/a").tell(Crash())
        ((window, _),) = windows()
        wait_until(lambda: window.look("/node/a").tree.actors[0].state == "restarting")
        with pytest.raises(InspectionFailed, match="about to be restarted"):
            window.restart("/node/a")


def test_a_node_is_named_in_full_in_part_or_by_its_pid(window: SocketWindow) -> None:
    found = windows()
    for name in ("celery@here", "celery", str(os.getpid()), None):
        assert choose_one(found, name) == found[0]
    with pytest.raises(InspectionFailed, match="no node here is called 'mail': there is celery@here"):
        choose_one(found, "mail")
    with pytest.raises(InspectionFailed, match=r"several nodes, say with -n which.*celery@here \(pid"):
        choose_one(found * 2, None)
    assert len(choose(found * 2, None)) == 2
    with pytest.raises(InspectionFailed, match="no node of this user runs on this machine"):
        choose([], None)
