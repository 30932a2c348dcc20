"""A thread lingers before it sleeps as long as that pays, and misses nothing either way."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Iterator

import pytest

from understudy.actors.hosts.linger import IN_VAIN, Linger


class Looks(selectors.DefaultSelector):
    """A selector that counts the looks that do not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.glances = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.glances += timeout == 0
        return super().select(timeout)


@pytest.fixture
def looks() -> Iterator[Looks]:
    with Looks() as selector:
        yield selector


def test_what_is_ready_is_found_at_once_however_long_the_wait_may_be(looks: Looks) -> None:
    here, there = socket.socketpair()
    with here, there:
        looks.register(here, selectors.EVENT_READ)
        there.send(b"x")
        linger = Linger()
        for timeout in (None, 10.0, 0.0):
            assert [key.fileobj for key, _ in linger.select(looks, timeout)] == [here]


def test_it_ends_when_nothing_comes_in_time(looks: Looks) -> None:
    assert Linger().select(looks, 0.001) == []


def test_it_lingers_no_more_after_some_times_in_vain_until_something_comes_soon(looks: Looks) -> None:
    linger = Linger()
    for _ in range(IN_VAIN):
        before = looks.glances
        linger.select(looks, 0.001)
        assert looks.glances > before
    before = looks.glances
    linger.select(looks, 0.001)
    assert looks.glances == before

    here, there = socket.socketpair()
    with here, there:
        looks.register(here, selectors.EVENT_READ)
        there.send(b"x")
        linger.select(looks, 10.0)
        looks.unregister(here)
    linger.select(looks, 0.001)
    assert looks.glances > before
