"""Results in stores that are no broker's: our clients with stock workers, stock clients with our nodes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import StartProgram
from tests.support import PostgresServer

from .conftest import OURS, STOCK, Sides

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(120)]

DIRECTIONS = pytest.mark.parametrize(
    ("client", "worker"), [(OURS, STOCK), (STOCK, OURS)], ids=["our client", "our node"]
)


@pytest.fixture(params=["db-sqlite", "db-postgresql", "file"])
def sides(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path, program: StartProgram) -> Sides:
    """Both sides on Redis; results are elsewhere."""
    match request.param:
        case "db-sqlite":
            backend = f"db+sqlite:///{tmp_path}/results.db"
        case "file":
            (tmp_path / "results").mkdir()
            backend = f"file://{tmp_path}/results"
        case _:
            backend = "db+" + request.getfixturevalue("postgresql_url").replace("://", "+psycopg://")
    return Sides(redis_url, backend, program)


@DIRECTIONS
def test_results_and_workflows_cross(sides: Sides, client: str, worker: str) -> None:
    sides.worker(worker)

    seen = sides.ask(client, "stored")

    assert seen["value"] == {"value": {"a": [1, None, "ü"]}, "state": "SUCCESS"}
    assert seen["moment"] == "2026-11-22T11:26:31+00:00"
    assert seen["failed"] == {"error": "ValueError", "text": "broken", "state": "FAILURE"}
    assert "raise ValueError(arguments[-1])" in seen["traceback"]
    assert seen["again"] == {"value": 2, "state": "SUCCESS"}
    assert seen["chain"] == {"value": 112, "state": "SUCCESS"}
    assert seen["group"] == [0, 2, 4, 6, 8]
    assert seen["restored"] == [0, 2, 4, 6, 8]
    assert seen["chord"] == {"value": 20, "state": "SUCCESS"}
    assert seen["failed chord"]["error"] == "ChordError"
    assert "in the header" in seen["failed chord"]["text"]
    assert seen["chain in a chord"] == {"value": 8, "state": "SUCCESS"}
    assert seen["extended"] == ["add", [1, 2], {}, 0, "celery"]
    assert seen["forgotten"] == "PENDING"


@pytest.mark.parametrize("sides", ["db-sqlite"], indirect=True)
def test_we_need_no_celery(sides: Sides) -> None:
    sides.worker(OURS)

    seen = sides.ask(OURS, "stored")

    assert seen["value"] == {"value": {"a": [1, None, "ü"]}, "state": "SUCCESS"}
    assert seen["restored"] == [0, 2, 4, 6, 8]
    assert seen["chord"] == {"value": 20, "state": "SUCCESS"}
    assert seen["failed chord"]["error"] == "ChordError"
    assert seen["chain in a chord"] == {"value": 8, "state": "SUCCESS"}


@pytest.mark.parametrize("sides", ["db-postgresql"], indirect=True)
def test_a_database_that_is_killed_meanwhile_costs_no_result(sides: Sides, postgresql_server: PostgresServer) -> None:
    node = sides.worker(OURS)
    asking = sides.client(OURS, "many")
    asking.wait_for_output("SENT")
    node.wait_for_output("Task nap", 10)

    postgresql_server.kill()
    postgresql_server.start()

    assert sides.answers(asking)["values"] == list(range(300))


@pytest.mark.parametrize("sides", ["db-postgresql"], indirect=True)
@pytest.mark.parametrize("client", [OURS, STOCK])
def test_a_chord_may_run_on_both_sides(sides: Sides, client: str) -> None:
    sides.worker(OURS, "ours")
    sides.worker(STOCK, "stock")

    seen = sides.ask(client, "mixed_chords")

    assert seen["body with us"] == {"value": 8, "state": "SUCCESS"}
    assert seen["body with stock"] == {"value": 8, "state": "SUCCESS"}
    assert seen["failed by us"]["error"] == "ChordError"
    assert seen["failed by stock"]["error"] == "ChordError"
