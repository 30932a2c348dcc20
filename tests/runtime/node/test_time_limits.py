"""Time limits in a node with real processes."""

from __future__ import annotations

import pytest

from understudy import chord
from understudy.exceptions import ChordError, SoftTimeLimitExceeded, TimeLimitExceeded

from .conftest import Site

TASKS = """
import asyncio, time
from understudy.exceptions import SoftTimeLimitExceeded

@app.task(name="nap")
def nap(seconds):
    time.sleep(seconds)
    return seconds

@app.task(name="limited", time_limit=0.3)
def limited(path):
    with open(path, "a") as file:
        file.write("run ")
    time.sleep(60)

@app.task(name="tidy", soft_time_limit=0.2)
def tidy():
    try:
        time.sleep(60)
    except SoftTimeLimitExceeded:
        return "tidied up"

@app.task(name="untidy", soft_time_limit=0.2)
def untidy():
    while True:
        pass

@app.task(name="tidy_coroutine", soft_time_limit=0.2)
async def tidy_coroutine():
    try:
        await asyncio.sleep(60)
    except SoftTimeLimitExceeded:
        await asyncio.sleep(0)
        return "tidied up"

@app.task(name="busy_coroutine", soft_time_limit=0.2)
async def busy_coroutine():
    while True:
        pass

@app.task(name="note")
def note(request, error, traceback, path):
    with open(path, "w") as file:
        file.write(f"{request.id} {error!r}")
"""


def test_a_task_over_its_hard_limit_fails_once_and_tells_its_errback(site: Site) -> None:
    node = site.node(TASKS)
    ran, noted = site.directory / "ran", site.directory / "noted"
    errback = site.client.signature("note", (str(noted),))
    result = site.client.send_task("limited", (str(ran),), link_error=errback)

    with pytest.raises(TimeLimitExceeded) as failure:
        result.get(timeout=10)

    assert failure.value.args == (0.3,)
    assert result.state == "FAILURE"
    node.wait_for_output("Task understudy.errback")
    assert site.client.send_task("nap", (0,)).get(timeout=10) == 0
    assert ran.read_text() == "run "
    assert noted.read_text() == f"{result.id} TimeLimitExceeded(0.3)"
    assert site.client.transport.dead_letters().list().get(timeout=10) == []
    assert f"Hard time limit (0.3s) exceeded for limited[{result.id}]" in node.output


def test_a_task_over_its_hard_limit_fails_its_chord(site: Site) -> None:
    site.node(TASKS)
    sig = site.client.signature
    header = [sig("nap", (0,)), sig("nap", (60,), options={"time_limit": 0.3})]

    with pytest.raises(ChordError, match=r"TimeLimitExceeded\(0\.3\)"):
        chord(header, sig("nap"), app=site.client).apply_async().get(timeout=10)


def test_what_waits_behind_a_task_over_its_limit_is_run_and_none_of_it_twice(site: Site) -> None:
    site.node(TASKS, "--time-limit", "1")
    before = [site.client.send_task("nap", (0,)) for _ in range(100)]  # short ones, so that many are sent ahead
    limited = site.client.send_task("nap", (60,))
    after = [site.client.send_task("nap", (0,)) for _ in range(100)]

    assert [result.get(timeout=15) for result in before + after] == [0] * 200
    with pytest.raises(TimeLimitExceeded):
        limited.get(timeout=10)


def test_a_call_has_a_limit_of_its_own_and_a_task_its_own_before_the_command_line(site: Site) -> None:
    site.node(TASKS, "--time-limit", "60", "--soft-time-limit", "0.4")
    send = site.client.send_task

    called, hard, soft = send("nap", (60,), time_limit=0.2), send("limited", ("/dev/null",)), send("nap", (60,))

    for result, seconds in ((called, 0.2), (hard, 0.3)):
        with pytest.raises(TimeLimitExceeded) as failure:
            result.get(timeout=10)
        assert failure.value.args == (seconds,)
    with pytest.raises(SoftTimeLimitExceeded):
        soft.get(timeout=10)


@pytest.mark.parametrize("task", ["tidy", "tidy_coroutine"])
def test_a_task_may_catch_its_soft_limit_wherever_it_waits(site: Site, task: str) -> None:
    node = site.node(TASKS)
    assert site.client.send_task(task).get(timeout=10) == "tidied up"
    assert f"Soft time limit (0.2s) exceeded for {task}[" in node.output


@pytest.mark.parametrize("task", ["untidy", "busy_coroutine"])
def test_a_task_that_does_not_catch_its_soft_limit_fails_and_its_process_goes_on(site: Site, task: str) -> None:
    node = site.node(TASKS)
    with pytest.raises(SoftTimeLimitExceeded):
        site.client.send_task(task).get(timeout=10)
    assert site.client.send_task("nap", (0.3,)).get(timeout=10) == 0.3  # and no limit is left over for the next one
    assert "pool process" not in node.output
