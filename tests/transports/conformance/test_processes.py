"""Several processes: what one publishes another takes, and a fork breaks nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import StartProgram

from .harness import Harness
from .messages import take_ids

FORKING = Path(__file__).with_name("forking.py")


@pytest.mark.needs("across_processes")
@pytest.mark.parametrize("how", ["fork", "fork_unnoticed"])
def test_an_app_that_published_before_it_forked_works_on_both_sides(
    harness: Harness, names: Iterator[str], program: StartProgram, how: str
) -> None:
    queue = next(names)
    ids = [next(names) for _ in range(3)]

    forking = program([str(FORKING), how, harness.url, json.dumps(harness.options), queue, *ids])

    assert forking.wait() == 0, forking.output
    taken = take_ids(harness.intake(harness.transport(), queue), 4)
    assert sorted(taken) == sorted([*ids, f"{ids[2]}-again"])
