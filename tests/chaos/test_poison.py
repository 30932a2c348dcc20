"""A task that ends its process each time: dead after three deliveries, told to all who wait, nobody else harmed."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.support.waiting import wait_until
from understudy import chord
from understudy.exceptions import ChordError, WorkerLostError

from .fleet import Fleet

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(60)]


def test_it_is_a_dead_letter_after_three_deliveries_and_its_get_raises(tmp_path: Path, chaos_app: ModuleType) -> None:
    with Fleet(tmp_path, 1) as fleet:
        result = chaos_app.poison.delay("killer")
        with pytest.raises(WorkerLostError):
            result.get(timeout=30)
        assert chaos_app.work.delay("next").get(timeout=15) == "next"
        [letter] = chaos_app.app.transport.dead_letters().list().get(timeout=5)
        assert (letter.id, letter.queue) == (result.id, "celery")
        assert "SIGKILL" in letter.reason
        assert fleet.executions() == {"killer": 3, "next": 1}


def test_its_chord_fails(tmp_path: Path, chaos_app: ModuleType) -> None:
    with Fleet(tmp_path, 1):
        body = chord([chaos_app.work.s("a"), chaos_app.poison.s("killer")], chaos_app.gather.s()).apply_async()
        with pytest.raises(ChordError):
            body.get(timeout=30)


def test_its_errback_is_called(tmp_path: Path, chaos_app: ModuleType) -> None:
    with Fleet(tmp_path, 1) as fleet:
        failing = chaos_app.poison.s("killer").on_error(chaos_app.mourn.s())
        with pytest.raises(WorkerLostError):
            failing.apply_async().get(timeout=30)
        wait_until(lambda: fleet.executions()["mourned WorkerLostError"] == 1, 15.0, what="the errback")


def test_a_task_that_is_acknowledged_early_runs_at_most_once(tmp_path: Path, chaos_app: ModuleType) -> None:
    with Fleet(tmp_path, 1) as fleet:
        results = [chaos_app.once.delay(f"once{number}") for number in range(20)]
        assert sorted(result.get(timeout=20) for result in results) == sorted(f"once{number}" for number in range(20))
        assert set(fleet.executions().values()) == {1}
