"""A broker whose writers keep dying: nobody owns what a node holds meanwhile, so the node goes on with it."""

from __future__ import annotations

from pathlib import Path
from time import monotonic

import pytest

from tests.support.waiting import wait_until
from understudy.transports.registry import connect

from .app import linger
from .fleet import Fleet, kill

LEASE = 1.5
"""Seconds: a node that cannot renew it gives up after three quarters of them."""


@pytest.mark.chaos
@pytest.mark.timeout(60)
def test_a_task_goes_on_while_there_is_no_writer_for_longer_than_a_lease(tmp_path: Path) -> None:
    with Fleet(tmp_path, 1, query=f"?lease={LEASE}") as fleet:
        client = connect(fleet.url)
        linger.app.conf.broker_url = fleet.url
        result = linger.delay("one", 4 * LEASE)
        wait_until(lambda: fleet.lines() == 1, 15.0, what="the task to begin")
        until = monotonic() + 3 * LEASE
        while monotonic() < until:
            wait_until(lambda: fleet.writer() or monotonic() >= until, interval=0.001)
            kill(fleet.writer())

        assert result.get(timeout=15) == "one"
        assert fleet.executions() == {"one": 1}
        client.close()
