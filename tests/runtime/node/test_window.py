"""How many messages a queue's group has in hand."""

from __future__ import annotations

import pytest

from understudy.runtime.node.context import NodeOptions
from understudy.runtime.node.window import Window


def window(*seconds: float | None, concurrency: int = 2, limit: int = 2000) -> Window:
    made = Window(NodeOptions(concurrency=concurrency, horizon=0.1, prefetch_limit=limit))
    for each in seconds:
        made.observe(each)
    return made


def test_one_message_for_each_slot_is_taken_while_nothing_is_known() -> None:
    assert window().size == 2
    assert window(None).size == 2


def test_nothing_is_taken_ahead_of_tasks_that_take_long() -> None:
    assert window(1.0).size == 2
    assert window(3600.0, concurrency=8).size == 8


@pytest.mark.parametrize(("seconds", "size"), [(0.1, 4), (0.01, 22), (0.001, 202)])
def test_what_the_slots_get_done_within_the_horizon_is_taken_ahead(seconds: float, size: int) -> None:
    assert window(seconds).size == size


def test_the_prefetch_limit_holds_but_never_starves_a_slot() -> None:
    assert window(1e-9).size == 2000
    assert window(1e-9, limit=100).size == 100
    assert window(1e-9, concurrency=8, limit=4).size == 8


def test_a_large_window_is_filled_in_large_steps() -> None:
    wide = window(0.001)
    assert wide.missing(0) == 202
    assert wide.missing(160) == 0
    assert wide.missing(150) == 52


def test_a_small_window_is_filled_one_by_one() -> None:
    assert window(1.0).missing(1) == 1
    assert window(1.0).missing(2) == 0
