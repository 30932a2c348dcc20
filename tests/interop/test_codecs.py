"""Every serializer and every compression crosses, in messages and in results, and what is not accepted is put away."""

from __future__ import annotations

import json

import pytest

from tests.conftest import StartProgram
from tests.support import wait_until
from understudy.transports.registry import connect

from .conftest import OURS, STOCK, Sides

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(120)]

ALL = ["json", "msgpack", "yaml", "pickle", "backwards"]
DIRECTIONS = pytest.mark.parametrize(
    ("client", "worker"), [(OURS, STOCK), (STOCK, OURS)], ids=["our client", "our node"]
)


def settle(monkeypatch: pytest.MonkeyPatch, **settings: object) -> None:
    """Give both sides these settings."""
    monkeypatch.setenv("SETTINGS", json.dumps(settings))
    monkeypatch.setenv("C_FORCE_ROOT", "1")  # a stock worker takes pickle from nobody where it is root


@pytest.fixture
def embedded(tmp_path_factory: pytest.TempPathFactory, program: StartProgram) -> Sides:
    """Our side alone, on the embedded broker."""
    url = f"sqlite:///{tmp_path_factory.mktemp('embedded')}/broker.db"
    return Sides(url, url, program)


@DIRECTIONS
def test_every_serializer_and_compression_of_a_message_crosses(
    sides: Sides, client: str, worker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, accept_content=ALL, result_serializer="pickle", result_accept_content=["pickle"])
    sides.worker(worker)

    assert sides.ask(client, "codecs") == {"tried": 44, "failed": []}


def test_every_serializer_and_compression_passes_by_the_embedded_broker(
    embedded: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, accept_content=ALL, result_serializer="pickle", result_accept_content=["pickle"])
    embedded.worker(OURS)

    assert embedded.ask(OURS, "codecs") == {"tried": 44, "failed": []}


RESULTS = pytest.mark.parametrize(
    ("serializer", "compression"),
    [("json", "zlib"), ("msgpack", None), ("pickle", "zstd"), ("yaml", "lzma")],
)
SEEN = {
    "value": {"value": ["x" * 5000, 1, None], "state": "SUCCESS"},
    "failed": {"error": "ValueError", "text": "broken", "state": "FAILURE"},
    "again": {"value": 1, "state": "SUCCESS"},
    "group": [0, 2, 4, 6, 8],
    "chord": {"value": 20, "state": "SUCCESS"},
    "nested": {"value": 21, "state": "SUCCESS"},
}


def check_results(seen: dict[str, object]) -> None:
    """Compare what a client has seen of its results."""
    failed = seen.pop("failed chord")
    assert isinstance(failed, dict)
    assert (failed["error"], failed["state"]) == ("ChordError", "FAILURE")
    assert seen == SEEN


@DIRECTIONS
@RESULTS
@pytest.mark.parametrize("sides", ["redis"], indirect=True)
def test_results_cross_in_every_serializer_and_compression(
    sides: Sides, client: str, worker: str, serializer: str, compression: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, accept_content=ALL, result_serializer=serializer, result_compression=compression)
    sides.worker(worker)

    check_results(sides.ask(client, "results"))


@RESULTS
def test_results_pass_by_the_embedded_store_in_every_serializer_and_compression(
    embedded: Sides, serializer: str, compression: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(monkeypatch, accept_content=ALL, result_serializer=serializer, result_compression=compression)
    embedded.worker(OURS)

    check_results(embedded.ask(OURS, "results"))


@pytest.mark.parametrize("client", [OURS, STOCK])
def test_what_a_node_does_not_accept_has_failed_and_is_put_away_with_the_reason(sides: Sides, client: str) -> None:
    sides.worker(OURS)

    seen = sides.ask(client, "refused")

    assert (seen["pickled"]["error"], seen["pickled"]["state"]) == ("ContentDisallowed", "FAILURE")
    assert "application/x-python-serialize" in seen["pickled"]["text"]
    assert seen["then"] == {"value": 2, "state": "SUCCESS"}
    transport = connect(sides.broker)
    try:
        # Where results are not the broker's own, a failure is stored before its message is put away.
        [letter] = wait_until(lambda: transport.dead_letters().list("celery").get(timeout=10), what="the dead letter")
    finally:
        transport.close()
    assert "accept_content" in letter.reason
