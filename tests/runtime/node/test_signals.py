"""Signals of a node: where they are sent, in which order, and with what."""

from __future__ import annotations

import signal

from tests.support import Program

from .conftest import Site

TASKS = """
import os
from understudy import signals

NAMES = [
    "celeryd_init", "worker_init", "celeryd_after_setup", "worker_ready", "task_received", "worker_shutting_down",
    "worker_shutdown", "worker_before_create_process", "worker_process_init", "task_prerun", "worker_process_shutdown",
]

def noting(name):
    def note(**said):
        about = said["request"].task if "request" in said else getattr(said.get("instance"), "hostname", "")
        with open("signals", "a") as file:
            file.write(f"{os.getpid()} {name} {about}\\n")
    return note

for name in NAMES:
    getattr(signals, name).connect(noting(name), weak=False)

@signals.celeryd_init.connect(weak=False)
def configure(conf, **_):
    conf.worker_shutdown_grace = 3.0

@app.task(name="pid")
def pid():
    return os.getpid()

@app.task(name="chat")
def chat():
    print("printed by a task")
"""


def told(site: Site) -> list[tuple[int, str, str]]:
    """Return who sent which signal about what, in order."""
    lines = (site.directory / "signals").read_text().splitlines()
    return [(int(pid), name, about) for pid, name, about in (line.split(" ") for line in lines)]


def stop(node: Program) -> None:
    node.signal(signal.SIGTERM)
    assert node.wait() == 0


def test_a_node_sends_celerys_signals_in_celerys_order(site: Site) -> None:
    node = site.node(TASKS, "-n", "here@%h")
    child = site.client.send_task("pid").get(timeout=10)
    stop(node)

    heard = told(site)
    assert [name for pid, name, _ in heard if pid == node.pid] == [
        "celeryd_init",
        "worker_init",
        "celeryd_after_setup",
        "worker_ready",
        "task_received",
        "worker_shutting_down",
        "worker_shutdown",
    ]
    assert [name for pid, name, _ in heard if pid == child] == [
        "worker_process_init",
        "task_prerun",
        "worker_process_shutdown",
    ]
    abouts = {name: about for _, name, about in heard}
    assert abouts["celeryd_init"].startswith("here@")
    assert abouts["task_received"] == "pid"


def test_what_is_to_be_copied_hears_of_it_before_each_fork(site: Site) -> None:
    node = site.node(TASKS)
    child = site.client.send_task("pid").get(timeout=10)
    heard = told(site)
    (forkserver,) = {pid for pid, name, _ in heard if name == "worker_before_create_process"}
    assert forkserver not in (node.pid, child)
    names = [name for _, name, _ in heard]
    assert names.index("worker_before_create_process") < names.index("worker_process_init")


def test_the_solo_pool_sends_the_signals_of_a_process_and_logs_what_is_printed(site: Site) -> None:
    node = site.node(TASKS, "-P", "solo")
    result = site.client.send_task("chat")
    result.get(timeout=10)
    stop(node)
    assert f"chat[{result.id}]: printed by a task" in node.output
    names = [name for pid, name, _ in told(site) if pid == node.pid]
    assert names.index("worker_process_init") < names.index("worker_ready") < names.index("task_prerun")
    assert "worker_process_shutdown" in names
