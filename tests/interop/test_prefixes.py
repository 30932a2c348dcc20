"""Keys of results in Redis begin as the settings say, for both sides alike."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

from tests.conftest import StartProgram

from .conftest import OURS, STOCK, Sides

pytestmark = [pytest.mark.interop, pytest.mark.slow, pytest.mark.timeout(120)]

SETTINGS = {"result_backend_transport_options": {"global_keyprefix": "shop"}}


@pytest.mark.parametrize(
    ("client", "worker"),
    [(OURS, STOCK), (STOCK, OURS), (OURS, OURS)],
    ids=["our client", "our node", "ours alone"],
)
def test_all_keys_of_results_begin_with_celerys_global_prefix(
    redis_url: str, client: str, worker: str, program: StartProgram, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SETTINGS", json.dumps(SETTINGS))
    sides = Sides(redis_url, redis_url, program)
    sides.worker(worker)

    seen = sides.ask(client, "results")

    assert seen["group"] == [0, 2, 4, 6, 8]
    assert seen["chord"] == {"value": 20, "state": "SUCCESS"}
    assert seen["failed chord"]["error"] == "ChordError"
    assert seen["nested"] == {"value": 21, "state": "SUCCESS"}
    server: Any = redis.Redis.from_url(redis_url)
    keys = [key.decode() for key in server.keys("*celery-task*")]
    server.close()
    assert keys
    assert all(key.startswith("shop_celery-task") for key in keys)
