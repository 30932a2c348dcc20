"""Real processes over real brokers: killed, stopped, restarted, and a broker that dies under all of them."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from tests.actors.remote.world import NETWORK, Add, Counter, Fail, Hang, Introduce, Observer, Watch
from tests.conftest import StartProgram
from tests.support import RedisServer
from tests.support.processes import command_line, descendants
from tests.support.programs import Program
from tests.support.waiting import wait_until
from understudy.actors import Completion, Down, NoConnection, NoProc, Shutdown, System, on
from understudy.remote import NodeDown, NodeLeft, RemoteError, join

INTERVAL = 0.4
CALM = 1.2
"""Seconds between beats where nobody is to be missed, however busy the machine is."""
PATIENCE = 30.0

Peer = Callable[..., Program]


class Hub:
    """This process as a node, and what it hears of others."""

    def __init__(self, url: str, interval: float = INTERVAL) -> None:
        self.url = url
        self.system = System(NETWORK)
        self.left: SimpleQueue[NodeLeft] = SimpleQueue()
        self.system.events.subscribe(NodeLeft, self.left.put)
        self.remoting = join(self.system, url, "hub", host="h", interval=interval, timeout=PATIENCE)

    def counter(self, name: str = "peer") -> Any:
        return self.system.resolve(f"name://{NETWORK}/{name}/shop/counter", Counter)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    broker = getattr(request, "param", "sqlite")
    if broker != "sqlite":
        return request.getfixturevalue(f"{broker}_url")
    return f"sqlite:///{tmp_path}/mail.db"


everywhere = pytest.mark.parametrize("url", ["sqlite", "redis", "rabbitmq"], indirect=True)
without_rabbitmq = pytest.mark.parametrize("url", ["sqlite", "redis"], indirect=True)


@pytest.fixture
def calm() -> None:
    """Have this process's beats be rarer; of two intervals the longer one counts."""


@pytest.fixture
def hub(request: pytest.FixtureRequest, url: str) -> Iterator[Hub]:
    hub = Hub(url, CALM if "calm" in request.fixturenames else INTERVAL)
    yield hub
    hub.system.stop()


@pytest.fixture
def peer(program: StartProgram, url: str, hub: Hub) -> Peer:
    """Return a function that starts another node, in a process of its own, and waits until the hub has heard of it."""

    def start(name: str = "peer") -> Program:
        started = program(["-m", "tests.transports.bus.peer", url, name, str(INTERVAL)])
        started.wait_for_output("ready")  # it hears itself, which is not yet to be heard by others
        hub.remoting.wait_for(name, PATIENCE)
        return started

    return start


class Telltale(Observer):
    """An observer whose first news can be waited for."""

    def __init__(self, news: Completion[Any]) -> None:
        super().__init__()
        self._news = news

    @on(Down)
    def down(self, event: Down) -> None:
        self._news.resolve(event.reason)


def watch(hub: Hub, target: Any) -> Completion[Any]:
    news: Completion[Any] = Completion()
    hub.system.spawn(Telltale, news).ask(Watch(target), timeout=PATIENCE)
    return news


def writer_pids(*programs: Program) -> list[int]:
    """The writers that are there, serving or standing by."""
    pids = descendants(os.getpid()).union(*(descendants(program.pid) for program in programs))
    return [pid for pid in pids if "embedded.writer" in command_line(pid)]


def serving_writer(hub: Hub) -> int:
    """The writer that this process is connected to."""
    wire = hub.remoting.bus._channel._line.wire  # type: ignore[attr-defined]
    return wire.pid if wire is not None else 0


@everywhere
def test_an_actor_of_another_process_is_called_crashes_and_is_called_again(hub: Hub, peer: Peer) -> None:
    peer()
    counter = hub.counter()
    assert [counter.ask(Add(n), timeout=PATIENCE) for n in (1, 2, 3)] == [1, 3, 6]
    down = watch(hub, counter)
    with pytest.raises(RemoteError, match="ValueError: oh"):
        counter.ask(Fail("oh"), timeout=PATIENCE)
    assert str(down.get(timeout=PATIENCE)) == "ValueError: oh"
    wait_until(lambda: answers(counter), what="the understudy")


def answers(counter: Any) -> bool:
    """Whether somebody holds the name, who may be between two incarnations."""
    try:
        return bool(counter.ask(Add(1), timeout=PATIENCE))
    except Exception:  # noqa: BLE001 - whatever it is, nobody answered
        return False


@everywhere
def test_refs_travel_between_three_processes(hub: Hub, peer: Peer) -> None:
    peer("first"), peer("second")
    mine = hub.system.spawn(Counter, name="mine")
    second = hub.counter("second").ask(Introduce(mine), timeout=PATIENCE)
    first = hub.counter("first").ask(Introduce(second, (mine,)), timeout=PATIENCE)
    assert first.ask(Add(4), timeout=PATIENCE) == 4
    wait_until(lambda: mine._actor_weakref().notes == ["/shop/counter"] * 2)


@everywhere
def test_kill_9_is_found_out_within_seconds(hub: Hub, peer: Peer) -> None:
    killed = peer()
    counter = hub.counter()
    counter.ask(Add(), timeout=PATIENCE)
    down = watch(hub, counter)
    pending = counter.ask(Hang(), block=False, timeout=60.0)
    counter.ask(Add(), timeout=PATIENCE)
    killed.kill()
    assert down.get(timeout=PATIENCE) == NoConnection()
    assert isinstance(hub.left.get(timeout=PATIENCE).reason, NoConnection)
    with pytest.raises(NodeDown):
        pending.get(timeout=PATIENCE)


@without_rabbitmq
def test_a_node_that_is_started_again_under_its_name_is_found_at_once(hub: Hub, peer: Peer) -> None:
    killed = peer()
    counter = hub.counter()
    counter.ask(Add(41), timeout=PATIENCE)
    down = watch(hub, counter)
    killed.kill()
    peer()
    assert down.get(timeout=PATIENCE) in (NoProc(), NoConnection())
    wait_until(lambda: answers(counter), what="the new boot")


@without_rabbitmq
def test_sigterm_is_a_goodbye(hub: Hub, peer: Peer) -> None:
    stopped = peer()
    down = watch(hub, hub.counter())
    stopped.signal(signal.SIGTERM)
    assert down.get(timeout=PATIENCE) == Shutdown("its node has left")
    assert stopped.wait() == 0


@without_rabbitmq
def test_a_stopped_process_is_gone_and_comes_back_without_a_false_alarm_of_its_own(hub: Hub, peer: Peer) -> None:
    stopped = peer()
    hub.counter().ask(Add(), timeout=PATIENCE)
    stopped.wait_for_output("joined hub@h")
    stopped.signal(signal.SIGSTOP)
    assert isinstance(hub.left.get(timeout=PATIENCE).reason, NoConnection)
    stopped.signal(signal.SIGCONT)
    wait_until(lambda: answers(hub.counter()), what="the stopped node's return")
    wait_until(lambda: hub.counter().ask(Add(), timeout=PATIENCE) > 1)
    assert "left hub@h" not in stopped.output


@pytest.mark.usefixtures("calm")
def test_a_writer_that_dies_is_nobodys_death(hub: Hub, peer: Peer) -> None:
    other = peer()
    counter = hub.counter()
    assert counter.ask(Add(), timeout=PATIENCE) == 1
    for _ in range(3):
        before = serving_writer(hub)
        os.kill(before, signal.SIGKILL)
        wait_until(lambda before=before: serving_writer(hub) not in (0, before), what="the next writer")
        wait_until(lambda: answers(counter), what="an answer")
    assert hub.left.empty()
    assert "left" not in other.output


@pytest.mark.slow
def test_without_any_writer_the_detector_freezes_and_goes_on_after(hub: Hub, peer: Peer) -> None:
    other = peer()
    counter = hub.counter()
    assert counter.ask(Add(), timeout=PATIENCE) == 1
    writers = writer_pids(other)
    for pid in writers:
        os.kill(pid, signal.SIGSTOP)
    herald = hub.system.get("/remoting/herald")._actor_weakref()
    wait_until(lambda: herald._detector.frozen, what="a detector that is frozen")
    for pid in writers:
        with suppress(ProcessLookupError):  # one that hangs for so long is killed
            os.kill(pid, signal.SIGCONT)
    wait_until(lambda: answers(counter), what="an answer")
    wait_until(lambda: not herald._detector.frozen, what="a detector that judges again")
    assert hub.left.empty()
    assert "left" not in other.output


@pytest.mark.slow
def test_a_redis_that_dies_is_nobodys_death(own_redis: RedisServer, program: StartProgram) -> None:
    hub = Hub(own_redis.url, CALM)
    try:
        other = program(["-m", "tests.transports.bus.peer", own_redis.url, "peer", str(CALM)])
        other.wait_for_output("ready")
        hub.remoting.wait_for("peer", PATIENCE)
        counter = hub.counter()
        assert counter.ask(Add(), timeout=PATIENCE) == 1
        herald = hub.system.get("/remoting/herald")._actor_weakref()
        own_redis.kill()
        wait_until(lambda: herald._detector.frozen, what="a detector that is frozen")
        own_redis.start()
        wait_until(lambda: answers(counter), what="an answer")
        wait_until(lambda: not herald._detector.frozen, what="a detector that judges again")
        assert hub.left.empty()
        assert "left" not in other.output
    finally:
        hub.system.stop()
