"""Stamps, models and growing chords: our clients with stock workers, stock clients with our nodes."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import OURS, STOCK, Sides

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(120)]

DIRECTIONS = pytest.mark.parametrize(
    ("client", "worker"), [(OURS, STOCK), (STOCK, OURS)], ids=["our client", "our node"]
)


def stamps(given: list[Any], **own: Any) -> dict[str, Any]:
    """Return what a stamped task says."""
    return {"given": given, "stamps": own}


@DIRECTIONS
def test_stamps_cross_with_all_parts_of_a_workflow(sides: Sides, client: str, worker: str) -> None:
    sides.worker(worker)

    seen = {name: answer["value"] for name, answer in sides.ask(client, "stamped").items()}

    assert seen["own"] == stamps([], customer="c-1", tries=[1, 2])
    assert seen["chain"] == stamps([stamps([], task="stamps")], task="stamps")
    member = stamps([], task="stamps", within=["a group"])
    assert seen["chord"] == stamps([[member, member]], task="stamps", within=["a group"], body=True)
    assert seen["replaced"] == stamps([], how="replaced")


@DIRECTIONS
def test_a_header_may_grow_on_either_side(sides: Sides, client: str, worker: str) -> None:
    sides.worker(worker)

    assert sides.ask(client, "grown") == {"chord": {"value": 20, "state": "SUCCESS"}}


@pytest.mark.parametrize("client", [OURS, STOCK])
def test_a_header_may_grow_where_both_sides_run_its_parts(sides: Sides, client: str) -> None:
    sides.worker(STOCK)
    sides.worker(OURS)

    assert sides.ask(client, "grown") == {"chord": {"value": 20, "state": "SUCCESS"}}


@DIRECTIONS
def test_models_cross_as_dicts(sides: Sides, client: str, worker: str) -> None:
    sides.worker(worker)

    assert sides.ask(client, "models") == {
        "dict": {"value": {"area": 6}, "state": "SUCCESS"},
        "model": {"value": {"area": 12}, "state": "SUCCESS"},
        "keyword": {"value": {"area": 5}, "state": "SUCCESS"},
        "misfit": "FAILURE",
    }
