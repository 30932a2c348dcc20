"""Result stores that are no broker's own: held to the same as those that are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .stores import STORES, StoreHarness
from .test_results import (
    results,
    test_a_batch_ends_as_its_results_would_one_after_the_other,
    test_a_forgotten_result_is_gone,
    test_a_group_is_kept_until_it_is_deleted,
    test_a_later_state_takes_the_place_of_an_earlier_one,
    test_a_payload_says_what_was_stored,
    test_a_wait_ends_when_its_time_is_up,
    test_a_wait_ends_when_the_result_is_stored,
    test_a_wait_for_what_is_there_ends_at_once,
    test_a_wait_outlasts_states_that_are_not_the_last,
    test_an_unknown_task_has_no_result,
    test_every_waiter_for_one_task_hears_of_it,
    test_no_other_state_takes_the_place_of_success,
    test_results_come_in_the_order_asked_for,
    transport,
)

__all__ = [
    "results",
    "test_a_batch_ends_as_its_results_would_one_after_the_other",
    "test_a_forgotten_result_is_gone",
    "test_a_group_is_kept_until_it_is_deleted",
    "test_a_later_state_takes_the_place_of_an_earlier_one",
    "test_a_payload_says_what_was_stored",
    "test_a_wait_ends_when_its_time_is_up",
    "test_a_wait_ends_when_the_result_is_stored",
    "test_a_wait_for_what_is_there_ends_at_once",
    "test_a_wait_outlasts_states_that_are_not_the_last",
    "test_an_unknown_task_has_no_result",
    "test_every_waiter_for_one_task_hears_of_it",
    "test_no_other_state_takes_the_place_of_success",
    "test_results_come_in_the_order_asked_for",
    "transport",
]


@pytest.fixture(params=STORES)
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreHarness]:
    """A store that runs."""
    with STORES[request.param](request, tmp_path) as running:
        yield running
        running.close_transports()
