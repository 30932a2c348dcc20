"""The worker command: what it shows, what it logs, how it ends."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest

from tests.conftest import StartProgram
from tests.support import wait_until
from understudy import App

from .conftest import StartWorker
from .shell import Shell

LINE = re.compile(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: (\w+)/([\w-]+)\] (.*)")


def test_the_banner_says_what_runs_where(start_worker: StartWorker, own_home: Path) -> None:
    worker = start_worker("-Q", "mail,celery", "-n", "one@%h")
    banner = worker.output.partition("\n[")[0]
    found = dict(re.findall(r"^   (\w+) {2,}(.*)$", banner, re.MULTILINE))
    assert found["app"] == "proj:app"
    assert re.fullmatch(r"sqlite:///proj-[0-9a-f]{8}\.db", found["broker"])
    assert found["file"] == str(own_home / found["broker"].removeprefix("sqlite:///"))
    assert found["results"] == "kept by the broker"
    assert found["queues"] == "mail, celery"
    assert found["pool"] == "1 process"
    assert f"one@{os.uname().nodename}" in banner.splitlines()[1]
    assert banner.partition("tasks\n")[2].split() == ["proj.add", "proj.chat", "proj.die", "proj.fail", "proj.wait_for"]
    assert "\033" not in worker.output


def test_a_quiet_worker_shows_no_banner_and_none_a_password(program: StartProgram, shell: Shell) -> None:
    del shell
    options = ["-A", "proj", "-b", "memory://me:secret@here", "worker", "-P", "solo", "-l", "INFO"]
    loud = program(["-m", "understudy", *options])
    quiet = program(["-m", "understudy", "-q", *options])
    loud.wait_for_output(" ready.")
    quiet.wait_for_output(" ready.")
    assert "   broker     memory://me:**@here\n" in loud.output
    assert "tasks" not in quiet.output
    assert "secret" not in loud.output + quiet.output


def test_the_log_follows_each_task_from_receipt_to_result(start_worker: StartWorker, client: App) -> None:
    worker = start_worker()
    assert client.send_task("proj.add", [2, 3]).get(timeout=10) == 5
    with pytest.raises(ValueError, match="too late"):
        client.send_task("proj.fail", ["too late"]).get(timeout=10)
    worker.wait_for_output("ValueError: too late\n")
    lines = [found.groups() for found in map(LINE.fullmatch, worker.output.splitlines()) if found]
    named = r"\[[0-9a-f-]{36}\]"
    expected = [
        ("INFO", "MainProcess", rf"Task proj\.add{named} received"),
        ("INFO", r"Pool-\d+", rf"Task proj\.add{named} succeeded in 0\.\d{{6}}s: 5"),
        ("INFO", "MainProcess", rf"Task proj\.fail{named} received"),
        ("ERROR", r"Pool-\d+", rf"Task proj\.fail{named} raised unexpected: ValueError\('too late'\)"),
    ]
    told = [line for line in lines if line[2].startswith("Task ")]
    assert len(told) == len(expected)
    for line, patterns in zip(told, expected, strict=True):
        assert all(re.fullmatch(pattern, part) for pattern, part in zip(patterns, line, strict=True)), line


def test_what_a_task_logs_and_prints_carries_its_name_and_id(start_worker: StartWorker, client: App) -> None:
    worker = start_worker()
    task = client.send_task("proj.chat")
    worker.wait_for_output(f"proj.chat[{task.id}] succeeded")
    assert re.search(rf"INFO/Pool-\d+\] proj\.chat\[{task.id}\]: a line of its own\n", worker.output)
    assert re.search(rf"WARNING/Pool-\d+\] proj\.chat\[{task.id}\]: printed\n", worker.output)


def test_sigterm_lets_the_running_task_finish(start_worker: StartWorker, client: App, tmp_path: Path) -> None:
    worker, gate = start_worker(), tmp_path / "gate"
    task = client.send_task("proj.wait_for", [str(gate)])
    wait_until(Path(f"{gate}.begun").exists)
    worker.signal(signal.SIGTERM)
    worker.wait_for_output("SIGTERM: warm shutdown")
    gate.touch()
    assert worker.wait() == 0
    assert task.get(timeout=5) == "seen"


def test_a_second_signal_gives_the_running_task_back(start_worker: StartWorker, client: App, tmp_path: Path) -> None:
    worker, gate = start_worker(), tmp_path / "gate"
    task = client.send_task("proj.wait_for", [str(gate)])
    wait_until(Path(f"{gate}.begun").exists)
    worker.signal(signal.SIGINT)
    worker.wait_for_output("SIGINT: warm shutdown")
    worker.signal(signal.SIGINT)
    worker.wait_for_output("SIGINT: cold shutdown")
    assert worker.wait() == 0
    assert task.state == "PENDING"
    assert client.transport.size("celery").get(timeout=5) == 1


def test_a_pid_file_admits_one_worker(start_worker: StartWorker, program: StartProgram, tmp_path: Path) -> None:
    path = tmp_path / "one.pid"
    path.write_text("999999999")  # left behind by a process that is gone
    first = start_worker("-n", "one@%h", "--pidfile", str(tmp_path / "%n.pid"))
    assert path.read_text() == f"{first.pid}\n"
    second = program(["-m", "understudy", "-A", "proj", "worker", "--pidfile", str(path)])
    assert second.wait() == 1
    assert second.output == f"Error: process {first.pid} holds the pid file {path}: is the worker running?\n"
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    assert not path.exists()


def test_a_log_file_gets_the_lines_of_node_and_pool(program: StartProgram, client: App, tmp_path: Path) -> None:
    options = ["-c", "1", "-l", "info", "-n", "two@%h", "-f", "log-%n.txt"]
    worker = program(["-m", "understudy", "-q", "-A", "proj", "worker", *options])
    client.send_task("proj.chat").get(timeout=15)
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0
    log = (tmp_path / "log-two.txt").read_text()
    assert "MainProcess] two@" in log
    assert "a line of its own" in log
    assert "SIGTERM: warm shutdown" in log
    assert worker.output == ""


def test_purge_empties_the_queues_before_the_work_begins(start_worker: StartWorker, client: App) -> None:
    before = client.send_task("proj.add", [1, 1])
    worker = start_worker("--purge")
    assert "Deleted 1 message from celery\n" in worker.output
    assert client.send_task("proj.add", [1, 1]).get(timeout=10) == 2
    assert before.id not in worker.output


def test_a_solo_worker_runs_tasks_in_its_own_process(start_worker: StartWorker, client: App) -> None:
    worker = start_worker("-P", "solo")
    assert client.send_task("proj.add", [1, 1]).get(timeout=10) == 2
    worker.wait_for_output("succeeded")
    assert "solo: in this process" in worker.output
    assert "INFO/Pool-" not in worker.output
