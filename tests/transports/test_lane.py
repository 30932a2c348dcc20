"""A lane: jobs in order, waking, timers, closing, forking."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.conftest import StartProgram
from understudy.actors.completion import Completion
from understudy.transports.errors import BrokerUnavailable
from understudy.transports.lane import Lane, now

PATIENCE = 5.0
FORKING = Path(__file__).with_name("forking_lane.py")


class Guest:
    """A resident that notes its turns."""

    def __init__(self) -> None:
        self.turns = 0
        self.pause: float | None = None
        self.watched: list[socket.socket] = []
        self.left = threading.Event()
        self.abandoned = False
        self.turned = threading.Semaphore(0)

    def turn(self) -> float | None:
        self.turns += 1
        self.turned.release()
        return self.pause

    def sockets(self) -> Sequence[socket.socket]:
        return self.watched

    def leave(self) -> None:
        self.left.set()

    def abandon(self) -> None:
        self.abandoned = True


@pytest.fixture
def guest() -> Guest:
    return Guest()


@pytest.fixture
def lane(guest: Guest) -> Iterator[Lane]:
    made = Lane("test", guest)
    yield made
    made.close()


def test_jobs_run_in_order_on_one_thread(lane: Lane) -> None:
    done = [lane.submit(lambda number=number: (number, threading.get_ident())) for number in range(200)]

    answers = [one.get(timeout=PATIENCE) for one in done]

    assert [number for number, _ in answers] == list(range(200))
    assert len({thread for _, thread in answers}) == 1


def test_jobs_of_many_threads_all_run(lane: Lane) -> None:
    completions: list[Completion[int]] = []

    def submit() -> None:
        completions.extend(lane.submit(lambda: 1) for _ in range(500))

    threads = [threading.Thread(target=submit) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(one.get(timeout=PATIENCE) for one in completions) == 2000


def test_the_error_of_a_job_is_its_callers(lane: Lane) -> None:
    with pytest.raises(ZeroDivisionError):
        lane.submit(lambda: 1 // 0).get(timeout=PATIENCE)

    assert lane.submit(lambda: 2).get(timeout=PATIENCE) == 2


def test_a_socket_that_can_be_read_is_followed_by_a_turn(lane: Lane, guest: Guest) -> None:
    ours, theirs = socket.socketpair()
    guest.watched = [ours]
    lane.submit(lambda: None).get(timeout=PATIENCE)
    while guest.turned.acquire(timeout=0.1):
        pass

    theirs.send(b"x")

    assert guest.turned.acquire(timeout=PATIENCE)
    guest.watched = []
    ours.close()
    theirs.close()


def test_work_that_is_put_off_runs_when_it_is_due(lane: Lane) -> None:
    ran: Completion[list[str]] = Completion()
    order: list[str] = []

    def later() -> None:
        order.append("later")
        ran.resolve(order)

    started = now()
    lane.post(lambda: lane.after(0.2, later))
    lane.post(lambda: lane.after(0.1, lambda: order.append("soon")))

    assert ran.get(timeout=PATIENCE) == ["soon", "later"]
    assert now() - started >= 0.2


def test_closing_ends_pauses_and_fails_what_waits(lane: Lane, guest: Guest) -> None:
    pausing = threading.Event()

    def pause() -> bool:
        pausing.set()
        return lane.pause(60)

    first, second = lane.submit(pause), lane.submit(lambda: 2)
    assert pausing.wait(PATIENCE)

    lane.close()

    assert first.get(timeout=PATIENCE) is False
    for late in (second, lane.submit(lambda: 3)):
        with pytest.raises(BrokerUnavailable):
            late.get(timeout=PATIENCE)
    assert guest.left.is_set()


def test_a_lane_may_close_itself(lane: Lane, guest: Guest) -> None:
    lane.submit(lane.close).get(timeout=PATIENCE)

    assert guest.left.wait(PATIENCE)


@pytest.mark.parametrize("how", ["fork", "fork_unnoticed"])
def test_a_forked_child_starts_anew(program: StartProgram, how: str) -> None:
    forking = program([str(FORKING), how])

    assert forking.wait() == 0, forking.output
