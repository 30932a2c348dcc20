"""`understudy tree` and `understudy actor`: a running node seen from the command line."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from tests.conftest import StartProgram
from tests.support import Program, wait_until

from .conftest import StartWorker
from .shell import Shell


@pytest.fixture
def worker(start_worker: StartWorker) -> Program:
    """A running node."""
    return start_worker("-n", "one@%h")


TREE = """\
node rest_for_one 0/10 in 10 s
├─ transport rest_for_one 0/3 in 5 s
│ ├─ writer
│ └─ remoting rest_for_one 0/10 in 10 s
├─ results one_for_one 0/0 in 5 s
│ └─ committer
├─ pool rest_for_one 0/0 in 5 s
│ └─ slots one_for_one 0/3 in 5 s
│ └─ 0
├─ queues one_for_one 0/3 in 5 s
│ └─ celery one_for_all 0/0 in 5 s
│ ├─ intake
│ ├─ dispatch
│ └─ watchman
└─ services one_for_one 0/10 in 5 s"""


def test_the_tree_of_a_node_is_shown(worker: Program, shell: Shell) -> None:
    done = shell.run("tree")
    heading, *lines = done.out.splitlines()
    assert re.fullmatch(rf"one@\S+  pid {worker.pid}, proj:app, processes x 1, on celery, up \d+ s", heading)
    shown = [" ".join(line.replace(" running", " ").split()) for line in lines]
    for line in TREE.splitlines():
        assert line in shown, done.out
    assert "\033" not in done.out
    part = shell.run("tree", "/node/queues/celery").out.splitlines()[1:]
    assert [line.split()[-2] for line in part[1:]] == ["intake", "dispatch", "watchman"]


def test_on_a_terminal_it_has_colours(worker: Program, shell: Shell) -> None:
    assert "\033[32mrunning\033[0m" in shell.terminal("tree", "-n", "one")
    assert "\033[32m" not in shell.terminal("-C", "tree")


def test_a_program_gets_json(worker: Program, shell: Shell) -> None:
    node = json.loads(shell.run("tree", "--json").out)
    assert (node["pid"], node["queues"]) == (worker.pid, ["celery"])
    actors = {actor["path"]: actor for actor in node["tree"]["actors"]}
    assert actors["/node"]["budget"] == {"strategy": "rest_for_one", "intensity": 10, "period": 10.0, "used": 0}
    assert actors["/node/pool/slots/0"]["state"] == "running"


def test_an_actor_is_shown_restarted_and_stopped(worker: Program, shell: Shell) -> None:
    path = "/node/pool/slots/0"
    assert shell.run("actor", "restart", path).err == f"{path} was restarted\n"
    shown = dict(line.split(maxsplit=1) for line in shell.run("actor", "show", path).out.splitlines())
    assert shown["path"] == path
    assert shown["actor"] == "understudy.runtime.node.slot.Slot"
    assert shown["restarted"] == "1 time"
    assert json.loads(shell.run("actor", "show", path, "--json").out)["restarts"] == 1
    assert shell.run("actor", "stop", "/node/queues/celery").err == "/node/queues/celery was stopped\n"
    assert "intake" not in shell.run("tree").out
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


def test_tasks_run_on_a_node_whose_parts_were_restarted_from_outside(worker: Program, shell: Shell) -> None:
    for path in ("/node/queues/celery/intake", "/node/pool/roster", "/node/results/committer"):
        assert shell.run("actor", "restart", path).code == 0
    done = shell.app("call", "proj.add", "--args", "[2, 3]", "--wait", "--timeout", "10")
    assert done.out == "5\n"


def test_what_cannot_be_done_is_said_in_one_line(worker: Program, shell: Shell) -> None:
    assert "is the node itself" in shell.run("actor", "stop", "/node").error
    assert "has no child 'x'" in shell.run("actor", "restart", "/node/x").error
    assert "nobody is at '/node/x'" in shell.run("tree", "/node/x").error
    assert "no node here is called 'two': there is one@" in shell.run("tree", "-n", "two").error


def test_without_a_node_it_says_so(shell: Shell, runtime_directory: Path) -> None:
    assert shell.run("tree").error == "no node of this user runs on this machine"


def test_several_nodes_are_all_shown_and_one_has_to_be_named_to_change_it(worker: Program, start_worker: StartWorker,
                                                                           shell: Shell) -> None:  # fmt: skip
    start_worker("-n", "two@%h")
    headings = [line for line in shell.run("tree").out.splitlines() if "pid" in line]
    assert [line[:4] for line in headings] == ["one@", "two@"]
    refused = shell.run("actor", "stop", "/node/services")
    assert "there are several nodes, say with -n which" in refused.error
    assert shell.run("actor", "stop", "/node/services", "-n", "two").code == 0
    states = {
        node: json.loads(shell.run("tree", "-n", node, "/node/services", "--json").out) for node in ("one", "two")
    }
    assert [view["tree"]["actors"][0]["state"] for view in states.values()] == ["running", "stopped"]


def test_a_node_that_was_killed_is_not_shown(worker: Program, shell: Shell) -> None:
    worker.kill()
    assert shell.run("tree").error == "no node of this user runs on this machine"


def test_it_can_be_watched(worker: Program, program: StartProgram) -> None:
    watching = program(["-m", "understudy", "tree", "--watch", "0.05"])
    wait_until(lambda: watching.output.count("celery@") + watching.output.count("one@") >= 3)
    watching.signal(signal.SIGINT)
    assert watching.wait() == 0
    assert "Error" not in watching.output
