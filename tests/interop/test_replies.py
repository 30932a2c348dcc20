"""Results by message: our clients with stock workers, stock clients with our nodes."""

from __future__ import annotations

import pytest

from tests.conftest import StartProgram

from .conftest import OURS, STOCK, Sides

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(params=["redis", "rabbitmq"])
def sides(request: pytest.FixtureRequest, program: StartProgram) -> Sides:
    """Both sides on one broker, which carries the results too."""
    return Sides(request.getfixturevalue(f"{request.param}_url"), "rpc://", program)


@pytest.mark.parametrize(
    ("client", "worker"),
    [(OURS, STOCK), (STOCK, OURS), (OURS, OURS)],
    ids=["our client", "our node", "ours alone"],
)
def test_results_come_back_to_the_caller(sides: Sides, client: str, worker: str) -> None:
    sides.worker(worker)

    seen = sides.ask(client, "replied")

    assert seen["value"] == {"value": {"a": [1, None, "ü"]}, "state": "SUCCESS"}
    assert seen["failed"] == {"error": "ValueError", "text": "broken", "state": "FAILURE"}
    assert "raise ValueError(arguments[-1])" in seen["traceback"]
    assert seen["again"] == {"value": 2, "state": "SUCCESS"}
    assert seen["chain"] == {"value": 112, "state": "SUCCESS"}
    assert seen["failed chain"] == {"error": "ValueError", "text": "in the chain", "state": "FAILURE"}
    assert seen["group"] == [2 * number for number in range(20)]
    assert "chords" in seen["refusal"]
    assert seen["unknown"] == "PENDING"
