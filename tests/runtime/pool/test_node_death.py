"""When a node dies, its forkserver and pool processes end within a second, whatever they are doing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import indent

import pytest

from tests.support import Program
from tests.support.processes import descendants, is_running
from tests.support.waiting import wait_until

NODE = """
import signal
from contextlib import ExitStack
from tests.runtime.pool.driving import forkserver, job, spawn, starting, wait_readable
with ExitStack() as stack:
{body}
    print("working", flush=True)
    signal.pause()
"""

FORKSERVER = "server = stack.enter_context(forkserver())"

StartNode = Callable[[str], Program]


@pytest.fixture
def start_node(tmp_path: Path) -> Iterator[StartNode]:
    """Run a node that executes some lines and then does nothing; it is killed at the end with all its descendants."""
    started: list[Program] = []

    def start(body: str) -> Program:
        started.append(Program(["-c", NODE.format(body=indent(body, "    "))], tmp_path))
        started[-1].wait_for_output("working")
        return started[-1]

    yield start
    for program in started:
        program.close()


def assert_all_die_with(node: Program, expected: int) -> None:
    family = descendants(node.pid)
    assert len(family) == expected
    node.kill()
    killed = time.monotonic()
    wait_until(lambda: not any(map(is_running, family)), what=f"the end of {family}")
    assert time.monotonic() - killed < 1


@pytest.mark.parametrize("command", ["begin", "spin", "seize"])
def test_a_running_task_does_not_keep_its_process(start_node: StartNode, tmp_path: Path, command: str) -> None:
    path = tmp_path / "begun"
    node = start_node(f"{FORKSERVER}; child = spawn(server); child.send(job('{command} {path}'))")
    wait_until(path.exists, what="the task's beginning")
    assert_all_die_with(node, 2)


def test_idle_processes_end(start_node: StartNode) -> None:
    node = start_node(f"{FORKSERVER}; children = [spawn(server) for _ in range(3)]")
    assert_all_die_with(node, 4)


def test_a_stopped_process_ends(start_node: StartNode) -> None:
    node = start_node(f"{FORKSERVER}; child = spawn(server); child.sentinel.signal(signal.SIGSTOP)")
    assert_all_die_with(node, 2)


@pytest.mark.parametrize("command", ["begin", "spin"])
def test_children_whose_forkserver_is_dead_end_too(start_node: StartNode, tmp_path: Path, command: str) -> None:
    path = tmp_path / "begun"
    node = start_node(
        f"{FORKSERVER}; child = spawn(server); child.send(job('{command} {path}'))\n"
        "server.kill(); wait_readable(server.sentinel); server.bury(); print('child', child.pid, flush=True)"
    )
    wait_until(path.exists, what="the task's beginning")
    child = int(node.output.split()[1])
    assert is_running(child)
    node.kill()
    killed = time.monotonic()
    wait_until(lambda: not is_running(child), what="the child's end")
    assert time.monotonic() - killed < 1


def test_a_forkserver_ends_that_is_still_importing(start_node: StartNode, tmp_path: Path) -> None:
    path = tmp_path / "importing"
    node = start_node(f"server = stack.enter_context(starting('load_endless', '{path}'))")
    wait_until(path.exists, what="the import's beginning")
    assert_all_die_with(node, 1)


def test_unread_outcomes_keep_no_process(start_node: StartNode) -> None:
    node = start_node(
        f"{FORKSERVER}; child = spawn(server)\nfor _ in range(5): child.send(job('echo unread'))\nwait_readable(child)"
    )
    assert_all_die_with(node, 2)
