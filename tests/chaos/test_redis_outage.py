"""A Redis that is away for longer than a lease: nodes begin again by themselves."""

from __future__ import annotations

import importlib
import time
from pathlib import Path

import pytest

from tests.support import RedisServer
from tests.support.waiting import wait_until
from understudy.transports.redis_broker.options import RedisOptions

from .fleet import Fleet


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(60)
def test_nodes_go_on_after_an_outage_that_is_longer_than_their_leases(
    tmp_path: Path, own_redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Fleet(tmp_path, 1, url=own_redis.url) as fleet:
        for name, value in fleet.environment.items():
            monkeypatch.setenv(name, value)
        chaos = importlib.reload(importlib.import_module("tests.chaos.app"))
        chaos.work.delay("before")
        wait_until(lambda: fleet.lines() == 1, 20.0, what="the first execution")
        own_redis.kill()
        gone = time.monotonic()
        wait_until(lambda: time.monotonic() > gone + RedisOptions().lease + 1.0, 10.0, interval=0.1)
        own_redis.start()

        chaos.work.delay("after")

        wait_until(lambda: fleet.executions()["after"] == 1, 15.0, what="the next execution")
        chaos.app.close()
