"""Links: driven by a dispatcher, without a writer, with a stranger at the other end, over a fork."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import StartProgram
from tests.support import descendants, is_running, wait_until
from tests.support.forks import in_forked_child
from tests.transports.conformance.messages import PATIENCE, publication, publish, settle, success, take, task_id
from understudy.transports.embedded import frames, platform
from understudy.transports.embedded.dialing import dial
from understudy.transports.embedded.frames import Hello, Unframer, Welcome, decode_welcome, frame
from understudy.transports.embedded.link import Io
from understudy.transports.embedded.requests import Fetch, Open
from understudy.transports.embedded.site import Site
from understudy.transports.errors import BrokerUnavailable, StoreUnusable, TransportError
from understudy.transports.message import Outcome, Publication

from .conftest import Connect, StartNode, StartWriter, next_state, serving_pid


class Dispatcher:
    """A dispatcher of one thread, as small as can be."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._woken, self._waker = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ, lambda: self._woken.recv(1))
        self._over = False
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def add_reader(self, fd: int, callback: Callable[[], object]) -> None:
        self._selector.register(fd, selectors.EVENT_READ, callback)

    def remove_reader(self, fd: int) -> None:
        self._selector.unregister(fd)

    def close(self) -> None:
        self._over = True
        self._waker.send(b"\0")
        self.thread.join()
        self._selector.close()
        self._woken.close()
        self._waker.close()

    def _run(self) -> None:
        while not self._over:
            for key, _ in self._selector.select():
                key.data()


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    made = Dispatcher()
    yield made
    made.close()


def test_a_dispatcher_hears_the_answers_also_of_the_next_writer(
    dispatcher: Dispatcher, start_writer: StartWriter, connected: Connect
) -> None:
    serving, standby = start_writer(), start_writer()
    transport = connected()
    io: Io = dispatcher
    transport.attach(io)
    intake = transport.intake(["q"], "boot.1")
    threads: list[threading.Thread] = []
    fetched = intake.fetch(2)
    fetched.add_done_callback(lambda _: threads.append(threading.current_thread()))

    os.kill(serving.pid, signal.SIGKILL)
    assert next_state(standby).name == "serving"
    publish(transport, publication("one", "q"))
    (delivery,) = fetched.get(timeout=PATIENCE)

    assert settle(intake, Outcome(delivery.tag, result=success("one"))) == [True]
    assert threads == [dispatcher.thread]
    transport.close()


def test_a_transport_opens_nothing_before_it_is_used(database: Path, connected: Connect) -> None:
    before = set(Path("/proc/self/fd").iterdir())

    connected()

    assert set(Path("/proc/self/fd").iterdir()) <= before
    assert not database.exists()


def test_a_lock_that_nobody_serves_for_is_an_error_in_bounded_time(database: Path, connected: Connect) -> None:
    lock = Site.at(database).lock()
    assert lock.acquire(wait=False)
    lock.write_note(b"a stranger")

    with pytest.raises(BrokerUnavailable, match=r"could not be reached for 0.5 s: .* wrote a stranger"):
        publish(connected(patience=0.5), publication("one", "q"))
    lock.release()


def test_a_writer_that_hangs_is_an_error_to_clients_in_bounded_time(
    start_writer: StartWriter, connected: Connect
) -> None:
    writer = start_writer()
    client = connected(patience=1.0)
    publish(client, publication("one", "q"))
    waiting = client.results().wait("one")

    os.kill(writer.pid, signal.SIGSTOP)
    with pytest.raises(BrokerUnavailable, match="its writer does not answer"):
        publish(client, publication("two", "q"))
    os.kill(writer.pid, signal.SIGCONT)

    client.results().store([success("one", b"1")]).get(timeout=PATIENCE)
    assert waiting.get(timeout=PATIENCE) == b"1"


def test_a_writer_that_talks_nonsense_is_an_error_in_bounded_time(database: Path, connected: Connect) -> None:
    site = Site.at(database)
    lock = site.lock()
    assert lock.acquire(wait=False)
    lock.write_note(json.dumps({"socket": str(site.socket())}).encode())

    def serve(listener: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    client.recv(4096)
                    client.sendall(frame(Welcome(frames.NEWEST)) + frame("nonsense"))

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(site.socket()))
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        with pytest.raises(BrokerUnavailable):
            publish(connected(patience=0.5), publication("one", "q"))
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()
    site.socket().unlink()
    lock.release()


def test_what_was_asked_without_a_writer_is_done_by_the_first(database: Path, connected: Connect) -> None:
    lock = Site.at(database).lock()
    assert lock.acquire(wait=False)
    transport = connected()
    confirmed = transport.publisher().publish([publication("one", "q")])
    waiting = transport.results().wait("one", PATIENCE)
    lock.release()

    confirmed.get(timeout=PATIENCE)

    assert not waiting.done()
    assert transport.size("q").get(timeout=PATIENCE) == 1


def test_producers_without_a_writer_take_turns(connected: Connect) -> None:
    producers = [connected() for _ in range(3)]

    confirmations = [
        producer.publisher().publish([publication(f"{number}-{turn}", "q")])
        for turn in range(20)
        for number, producer in enumerate(producers)
    ]

    for confirmation in confirmations:
        confirmation.get(timeout=PATIENCE)
    assert connected().size("q").get(timeout=PATIENCE) == 60


def test_a_busy_producer_makes_way_for_a_writer(start_writer: StartWriter, connected: Connect) -> None:
    producer, count = connected(), 0
    over = threading.Event()

    def produce() -> None:
        nonlocal count
        while not over.is_set():
            publish(producer, publication(str(count), "q"))
            count += 1

    thread = threading.Thread(target=produce)
    thread.start()
    wait_until(lambda: count > 5)
    start_writer(until="serving")
    enough = count + 20
    wait_until(lambda: count > enough)
    over.set()
    thread.join()

    assert connected().size("q").get(timeout=PATIENCE) == count


def test_a_child_of_a_killed_node_keeps_nothing_of_it(
    database: Path, tmp_path: Path, program: StartProgram, start_writer: StartWriter, connected: Connect
) -> None:
    start_writer()
    publish(connected(), publication("one", "q"))
    script = tmp_path / "forking_node.py"
    script.write_text(FORKING_NODE)
    node = program([str(script), f"sqlite:///{database}"])
    node.wait_for_output("child")
    child = int(node.output.split()[-1])

    node.kill()

    assert [task_id(one) for one in take(connected().intake(["q"], "other.1"), 1)] == ["one"]
    assert is_running(child)
    os.kill(child, signal.SIGKILL)


def test_a_transport_that_was_closed_before_a_fork_closes_nothing_in_the_child(connected: Connect) -> None:
    transport = connected()
    publish(transport, publication("one", "q"))
    transport.close()
    pipes = [os.pipe() for _ in range(8)]  # they have the numbers that the transport's descriptors had

    in_forked_child(lambda: [os.fstat(end) for pipe in pipes for end in pipe])

    for end in (end for pipe in pipes for end in pipe):
        os.close(end)


FORKING_NODE = """
import os, signal, sys, warnings
from understudy.transports.registry import connect
warnings.simplefilter("ignore")
intake = connect(sys.argv[1]).intake(["q"], "node.1")
intake.fetch(1).get(timeout=10)
child = os.fork()
if child:
    print("child", child, flush=True)
signal.pause()
"""


def shake_hands(database: Path, oldest: int, newest: int) -> frames.Welcome:
    """Shake hands with a writer as a release would that speaks these versions."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(Site.at(database).socket()))
        connection.sendall(frame(Hello(oldest, newest, "nonce")))
        unframer = Unframer()
        while True:
            for content in unframer.feed(connection.recv(4096)):
                return decode_welcome(content)


def test_releases_that_share_a_version_speak_it(database: Path, start_writer: StartWriter) -> None:
    start_writer()

    assert shake_hands(database, frames.OLDEST - 1, frames.NEWEST).version == frames.NEWEST
    assert shake_hands(database, frames.NEWEST, frames.NEWEST + 1).version == frames.NEWEST


def test_releases_that_share_no_version_say_so(database: Path, start_writer: StartWriter, connected: Connect) -> None:
    start_writer()

    refusal = shake_hands(database, frames.NEWEST + 1, frames.NEWEST + 2).refusal

    assert refusal is not None
    assert "their releases are too far apart" in refusal[1]
    publish(connected(), publication("one", "q"))


def test_the_refusal_of_a_writer_reaches_whoever_called(
    database: Path, start_writer: StartWriter, connected: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_writer()
    monkeypatch.setattr("understudy.transports.embedded.dialing.NEWEST", 0)
    monkeypatch.setattr("understudy.transports.embedded.dialing.OLDEST", 0)

    with pytest.raises(TransportError, match="too far apart"):
        publish(connected(), publication("one", "q"))


NO_UTF_8 = frame({"oldest": 1, "newest": 1, "nonce": "name", "held": []}).replace(b"name", b"\xff" * 4)


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 64, frame({"not": "a hello"}), NO_UTF_8])
def test_noise_on_the_socket_ends_that_connection_only(
    database: Path, start_writer: StartWriter, connected: Connect, noise: bytes
) -> None:
    start_writer()
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(Site.at(database).socket()))
        connection.sendall(noise)
        connection.settimeout(PATIENCE)
        assert connection.recv(1) == b""

    publish(connected(), publication("one", "q"))


def test_a_client_that_does_not_read_holds_up_nobody(
    database: Path, start_writer: StartWriter, connected: Connect
) -> None:
    start_writer()
    other = connected()
    body = bytes(1_000_000)
    for number in range(20):
        publish(other, Publication(str(number), "q", b"{}", body))
    wire = dial(Site.at(database), "deaf", [], PATIENCE)
    with wire.stream.socket as deaf:
        deaf.setblocking(True)
        deaf.sendall(frame([Open("deaf.1", ["q"], 1), Fetch("deaf.1", 20, 2)]))

        wait_until(lambda: other.size("q").get(timeout=PATIENCE) == 0)
        publish(other, publication("one", "p"))

    assert other.size("p").get(timeout=PATIENCE) == 1


def test_a_terminated_writer_leaves_nothing_undone_and_its_address_free(
    database: Path, start_writer: StartWriter, connected: Connect
) -> None:
    writer = start_writer()
    publish(connected(), publication("one", "q"))
    os.kill(writer.pid, signal.SIGINT)
    publish(connected(), publication("two", "q"))

    os.kill(writer.pid, signal.SIGTERM)

    assert writer.wait(PATIENCE) == 0
    assert next_state(writer).name == "ended"
    assert not Site.at(database).socket().exists()
    assert connected().size("q").get(timeout=PATIENCE) == 2


def test_a_standby_ends_with_its_node(database: Path, start_writer: StartWriter, start_node: StartNode) -> None:
    start_writer()
    node = start_node("node", "work")
    node.wait_for_output("renewed True")
    (standby,) = descendants(node.pid)

    node.kill()

    wait_until(lambda: not is_running(standby), what="the end of the standby")
    assert serving_pid(database) != standby


def test_a_second_process_cannot_be_the_same_node(
    start_writer: StartWriter, start_node: StartNode, connected: Connect
) -> None:
    start_writer()
    start_node("node", "work").wait_for_output("renewed True")

    with pytest.raises(TransportError, match="another process is the node node"):
        connected().intake(["q"], "node.2")


def test_sockets_lie_in_a_short_private_directory(
    runtime_directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert platform.socket_path(Path("/a/b.db")).parent == runtime_directory / "understudy"
    assert (runtime_directory / "understudy").stat().st_mode & 0o777 == 0o700

    long = tmp_path / ("long" * 30)
    long.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    assert len(str(platform.socket_path(Path("/a/b.db")))) < 100


def test_a_directory_that_somebody_else_prepared_is_refused(runtime_directory: Path, tmp_path: Path) -> None:
    (runtime_directory / "understudy").symlink_to(tmp_path)

    with pytest.raises(StoreUnusable, match="has to be a directory of this user"):
        platform.socket_path(Path("/a/b.db"))


def test_a_platform_without_locks_is_an_error_and_no_import_error(tmp_path: Path, program: StartProgram) -> None:
    script = tmp_path / "windows.py"
    script.write_text(WITHOUT_FCNTL)

    trial = program([str(script)])

    assert trial.wait() == 0, trial.output
    assert "StoreUnusable: the embedded broker needs Linux or macOS" in trial.output


WITHOUT_FCNTL = """
import os, sys
sys.modules["fcntl"] = None
for name in ("register_at_fork", "getuid", "fork"):
    delattr(os, name)
from understudy.transports.errors import StoreUnusable
from understudy.transports.message import Publication
from understudy.transports.registry import connect
import understudy.transports.embedded.writer.server
try:
    connect("sqlite:///app.db").publisher().publish([Publication("one", "q", b"{}", b"")]).get(timeout=5)
except StoreUnusable as error:
    print(f"StoreUnusable: {error}")
"""
