"""Rate limits in a node with real processes."""

from __future__ import annotations

import signal
import time

from .conftest import Site

TASKS = """
@app.task(name="rare", rate_limit="2/s")
def rare():
    import time
    return time.time()

@app.task(name="rarest", rate_limit="1/h", acks_late=False)
def rarest(path):
    with open(path, "a") as file:
        file.write("run ")

@app.task(name="free")
def free(value):
    return value
"""


def test_tasks_begin_at_their_rate_and_others_pass_them_by(site: Site) -> None:
    site.node(TASKS)
    sent = time.time()
    limited = [site.client.send_task("rare") for _ in range(5)]
    waiting = [site.client.send_task("rarest", (str(site.directory / "ran"),)) for _ in range(2)]
    free = [site.client.send_task("free", (number,)) for number in range(200)]

    assert [result.get(timeout=30) for result in free] == list(range(200))
    assert not waiting[-1].ready()
    begun = sorted(result.get(timeout=30) for result in limited)
    assert begun[-1] - sent > 1.8


def test_what_waits_for_its_turn_is_given_back_at_shutdown(site: Site) -> None:
    node, ran = site.node(TASKS), site.directory / "ran"
    for _ in range(50):
        site.client.send_task("rarest", (str(ran),))
    assert site.client.send_task("free", (1,)).get(timeout=10) == 1  # so the node has taken all those before it

    began = time.monotonic()
    node.signal(signal.SIGTERM)
    assert node.wait() == 0

    assert time.monotonic() - began < 10
    assert ran.read_text() == "run "
    assert site.client.transport.size("celery").get(timeout=10) == 49


def test_rate_limits_can_be_switched_off(site: Site) -> None:
    site.node("app.conf.worker_disable_rate_limits = True\n" + TASKS)
    ran = site.directory / "ran"
    results = [site.client.send_task("rarest", (str(ran),)) for _ in range(3)]
    assert [result.get(timeout=10) for result in results] == [None] * 3
