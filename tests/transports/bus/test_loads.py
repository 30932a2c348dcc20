"""A router over a real broker: it knows how much those on another node have to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.actors.remote.world import NETWORK, Add, Counter, Hang, Note
from tests.support.waiting import wait_until
from understudy.actors import GroupRouter, LeastLoaded, System, on
from understudy.remote import join

PATIENCE = 10.0
NAMES = [f"name://{NETWORK}/workers/{name}" for name in ("stuck", "free")]


class Stuck(Counter):
    """Stands still at its first note, until it may go on."""

    pinned = True

    def __init__(self, entered: threading.Event, released: threading.Event) -> None:
        super().__init__()
        self.entered = entered
        self.released = released

    @on(Note)
    def note(self, message: Note) -> None:
        self.entered.set()
        self.released.wait(6 * PATIENCE)


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Any) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/mail.db"
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def workers(url: str) -> Iterator[System]:
    """A node with work to do; where the test has ended nobody is stuck any more."""
    with System(NETWORK) as system:
        join(system, url, "workers")
        yield system


@pytest.fixture
def router(url: str, workers: System) -> Iterator[Any]:
    """A router on another node, in front of two of those."""
    with System(NETWORK) as system:
        join(system, url, "front", patience=6 * PATIENCE).wait_for("workers", PATIENCE)
        yield system.spawn(GroupRouter, NAMES, LeastLoaded(), name="router")


everywhere = pytest.mark.parametrize("url", ["sqlite", "redis", "rabbitmq"], indirect=True)


@everywhere
def test_who_owes_an_answer_is_asked_less(workers: System, router: Any) -> None:
    for name in ("stuck", "free"):
        workers.spawn(Counter, name=name)
    router.ask(Hang(), block=False)
    assert [router.ask(Add(1), timeout=PATIENCE) for _ in range(5)] == [1, 2, 3, 4, 5]


@everywhere
def test_who_has_a_backlog_of_others_is_told_nothing_until_it_is_done(workers: System, router: Any) -> None:
    entered, released = threading.Event(), threading.Event()
    stuck = workers.spawn(Stuck, entered, released, name="stuck")
    workers.spawn(Counter, name="free")
    loads = router._actor_weakref()._loads
    for number in range(6):
        stuck.tell(Note(number))
    assert entered.wait(PATIENCE)
    try:
        router.tell(Note("of whom nothing is known yet"))
        wait_until(lambda: known(loads) >= 5, what="the backlog is known")
        assert [router.ask(Add(1), timeout=PATIENCE) for _ in range(3)] == [1, 2, 3]
    finally:
        released.set()
    wait_until(lambda: known(loads) == 0, what="nothing is waiting any more")


def known(loads: Any) -> int:
    """How much the router takes the first of them to have to do."""
    return next((load.reported for ref, load in list(loads._loads.items()) if str(ref) == NAMES[0]), 0)
