"""What becomes of a task whose process dies."""

from __future__ import annotations

from pathlib import Path

import pytest

from understudy.exceptions import WorkerLostError

from .conftest import Site

TASKS = """
import os

@app.task(name="die")
def die(path):
    with open(path, "a") as file:
        file.write("run ")
    os._exit(3)

@app.task(name="die_once", reject_on_worker_lost=False)
def die_once(path):
    die(path)
"""


def runs(site: Site, task: str) -> int:
    """Let a task kill its process until it has failed, and return how often it ran."""
    ran: Path = site.directory / f"{task}.runs"
    with pytest.raises(WorkerLostError, match="exit code 3"):
        site.client.send_task(task, (str(ran),)).get(timeout=10)
    return ran.read_text().count("run")


def test_a_task_that_is_not_to_be_run_again_fails_with_its_process(site: Site) -> None:
    site.node(TASKS)
    assert runs(site, "die_once") == 1
    assert runs(site, "die") == 3
    letters = site.client.transport.dead_letters().list().get(timeout=10)
    assert sorted(letter.task for letter in letters) == ["die", "die_once"]


def test_the_setting_holds_for_tasks_that_say_nothing(site: Site) -> None:
    site.node("app.conf.task_reject_on_worker_lost = False\n" + TASKS)
    assert runs(site, "die") == 1
