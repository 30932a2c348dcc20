"""A task that kills its node, each time: it ends, and good ones beside it are run."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.conftest import StartProgram
from tests.support.waiting import wait_until
from tests.transports.sites import Site, open_site
from understudy import chord
from understudy.runtime.exceptions import ChordError, WorkerLostError

DEATHS = 4
SETTINGS = (
    'task_max_node_deaths={deaths}, task_default_queue_type="{kind}",'
    'result_backend="{results}", broker_transport_options={{"patience": 20.0}}'
)


def revive(site: Site, ended: list[str]) -> None:
    """Start a node each time that one has died, until all of some tasks are over."""
    for death in range(DEATHS):
        node = site.start(["-m", "understudy", "-A", "proj", "worker", "-c", "2"])
        assert node.wait(30) == -signal.SIGKILL, node.output
        assert site.done().count("fell") == death + 1
    site.node()
    wait_until(lambda: all(one in site.done() for one in ended), what="the end of the good tasks")


@pytest.mark.timeout(90)
@pytest.mark.parametrize("kind", ["classic", "quorum"])
def test_a_task_that_kills_its_node_ends_and_takes_nothing_with_it(
    tmp_path: Path, program: StartProgram, rabbitmq_url: str, redis_url: str, kind: str
) -> None:
    settings = SETTINGS.format(deaths=DEATHS, kind=kind, results=redis_url)
    with open_site(tmp_path, program, rabbitmq_url, settings) as site:
        (site.directory / "go").touch()
        good = [f"task{number}" for number in range(10)]
        fell, note = site.client.signature("proj.fell"), site.client.signature("proj.work", ("body",), immutable=True)
        result = chord([fell, site.client.signature("proj.work", ("header",))], app=site.client)(note)
        for name in good:
            site.send("proj.work", name)

        revive(site, [*good, "header"])

        with pytest.raises((ChordError, WorkerLostError), match=f"{DEATHS} nodes died"):
            result.get(timeout=15)
        wait_until(lambda: result.state == "FAILURE", what="the end of the chord")
        assert site.dead() == ["proj.fell"]
        assert site.done().count("fell") == DEATHS
        assert "body" not in site.done()
