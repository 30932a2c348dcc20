"""Who reads the answers: a thread that waits does so for all that wait; the link's own thread where none waits."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support import wait_until
from understudy.actors import Completion
from understudy.transports.embedded.line import Line
from understudy.transports.embedded.transport import SqliteTransport
from understudy.transports.message import Publication, Result

from .conftest import Connect, StartWriter

PATIENCE = 10.0
LARGE = 4 << 20
"""Bytes: more than a socket takes at once."""


def publication(number: int, body: bytes = b"{}") -> Publication:
    return Publication(f"task-{number}", "celery", b"{}", body)


def is_read_by_a_waiter(transport: SqliteTransport) -> bool:
    line = transport._link._line
    return line is not None and line._borrowed.locked()


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """The names of the threads that have read an answer."""
    names: set[str] = set()
    receive: Callable[[Line], None] = Line._receive

    def noted(self: Line) -> None:
        names.add(threading.current_thread().name)
        receive(self)

    monkeypatch.setattr(Line, "_receive", noted)
    return names


@pytest.fixture
def transport(start_writer: StartWriter, connected: Connect) -> SqliteTransport:
    """A transport that a writer serves."""
    start_writer(until="serving")
    made = connected()
    made.size("celery").get(timeout=PATIENCE)
    return made


def test_the_thread_that_waits_reads_its_answer_itself(transport: SqliteTransport, readers: set[str]) -> None:
    waiting = transport.results().wait("task-1", PATIENCE)

    def tell() -> None:
        wait_until(lambda: is_read_by_a_waiter(transport), what="the thread to read")
        readers.clear()
        transport.results().store([Result("task-1", "SUCCESS", b"done", None)])

    teller = threading.Thread(target=tell)
    teller.start()

    assert waiting.get(timeout=PATIENCE) == b"done"
    assert readers == {"MainThread"}
    teller.join()


def test_a_callback_is_called_though_nobody_waits(transport: SqliteTransport, readers: set[str]) -> None:
    heard = threading.Event()

    transport.size("celery").add_done_callback(lambda _: heard.set())

    assert heard.wait(PATIENCE)
    assert "MainThread" not in readers


def test_threads_that_wait_at_once_all_get_their_answers(transport: SqliteTransport) -> None:
    def publish_and_wait(number: int) -> bytes:
        transport.publisher().publish([publication(number)]).get(timeout=PATIENCE)
        transport.results().store([Result(f"task-{number}", "SUCCESS", b"%d" % number, None)]).get(timeout=PATIENCE)
        return transport.results().wait(f"task-{number}", PATIENCE).get(timeout=PATIENCE)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(publish_and_wait, range(400))) == [b"%d" % number for number in range(400)]


def test_a_thread_that_waits_for_long_reads_for_the_others(transport: SqliteTransport) -> None:
    long = threading.Thread(target=lambda: transport.results().wait("late", PATIENCE).get())
    long.start()
    wait_until(lambda: is_read_by_a_waiter(transport), what="the thread to read")

    for number in range(20):
        transport.publisher().publish([publication(number)]).get(timeout=PATIENCE)

    assert transport.size("celery").get(timeout=PATIENCE) == 20
    transport.results().store([Result("late", "SUCCESS", b"", None)]).get(timeout=PATIENCE)
    long.join(PATIENCE)


def test_what_the_socket_does_not_take_at_once_is_sent_while_a_thread_reads(transport: SqliteTransport) -> None:
    transport.publisher().publish([publication(0, b"x" * LARGE)]).get(timeout=PATIENCE)
    long = transport.results().wait("task-0", PATIENCE)
    reader: list[Any] = []
    thread = threading.Thread(target=lambda: reader.append(long.get(timeout=PATIENCE)))
    thread.start()
    sent = [transport.publisher().publish([publication(number, b"x" * LARGE)]) for number in range(1, 4)]

    for one in sent:
        one.get(timeout=PATIENCE)
    transport.results().store([Result("task-0", "SUCCESS", b"0", None)]).get(timeout=PATIENCE)
    thread.join(PATIENCE)
    assert reader == [b"0"]


def test_a_writer_that_dies_while_a_thread_reads_is_followed_by_another(
    start_writer: StartWriter, connected: Connect
) -> None:
    first = start_writer(until="serving")
    transport = connected()
    transport.size("celery").get(timeout=PATIENCE)
    answers: list[bytes] = []
    waiting: Completion[bytes] = transport.results().wait("task-1", PATIENCE)
    thread = threading.Thread(target=lambda: answers.append(waiting.get(timeout=PATIENCE)))
    thread.start()
    wait_until(lambda: is_read_by_a_waiter(transport), what="the thread to read")

    os.kill(first.pid, signal.SIGKILL)
    start_writer(until="serving")
    transport.results().store([Result("task-1", "SUCCESS", b"done", None)]).get(timeout=PATIENCE)

    thread.join(PATIENCE)
    assert answers == [b"done"]


def test_a_wait_whose_time_is_up_leaves_the_reading_to_others(transport: SqliteTransport, readers: set[str]) -> None:
    with pytest.raises(TimeoutError):
        transport.results().wait("never", 60.0).get(timeout=0.05)
    readers.clear()
    heard = threading.Event()

    transport.size("celery").add_done_callback(lambda _: heard.set())

    assert heard.wait(PATIENCE)
    assert readers == {"understudy-link"}
