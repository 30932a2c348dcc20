"""`call`, `result` and `purge`."""

from __future__ import annotations

import json

from .conftest import StartWorker
from .shell import Shell


def test_a_call_prints_its_id_and_result_prints_what_came_of_it(start_worker: StartWorker, shell: Shell) -> None:
    called = shell.app("call", "proj.add", "-a", '["one ", "two"]')
    assert (called.code, called.err) == (0, "")
    task_id = called.out.strip()
    start_worker()
    found = shell.app("result", task_id, "--task", "proj.add", "--timeout", "15")
    assert (found.code, json.loads(found.out)) == (0, "one two")
    assert shell.app("-q", "result", task_id) == shell.app("result", task_id)


def test_a_failure_is_one_line_or_a_traceback(start_worker: StartWorker, shell: Shell) -> None:
    start_worker()
    task_id = shell.app("call", "proj.fail", "-k", '{"text": "no"}').out.strip()
    line = shell.app("result", task_id, "--timeout", "15")
    assert line.error == f"task {task_id} ended as FAILURE: ValueError: no"
    assert (line.code, line.out) == (1, "")
    whole = shell.app("result", task_id, "--traceback")
    assert whole.out.startswith("Traceback (most recent call last):\n")
    assert whole.out.endswith("ValueError: no\n")
    assert (whole.code, whole.err) == (1, "")


def test_a_result_that_is_not_there_in_time_has_an_exit_code_of_its_own(shell: Shell) -> None:
    once = shell.app("result", "nobody", "--timeout", "0")
    assert once.error == "task nobody has not finished, its state is PENDING: it waits, or there is no such task"
    assert once.code == 4
    later = shell.run("-q", "-A", "proj", "result", "nobody", "--timeout", "0.1")
    assert later.error == "task nobody has not finished within 0.1 s"
    assert later.code == 4
    waited = shell.app("call", "proj.add", "-a", "[1, 2]", "--timeout", "0.1")
    assert waited.code == 4


def test_options_of_a_call_reach_the_message(shell: Shell) -> None:
    shell.app("call", "proj.add", "-a", "[1, 2]", "--queue", "slow", "--countdown", "600")
    shell.app("call", "proj.add", "-a", "[1, 2]", "--queue", "slow", "--eta", "2099-01-01T00:00:00+00:00")
    shell.app("call", "proj.add", "-a", "[1, 2]", "--queue", "slow", "--expires", "3600", "--priority", "9")
    asked = shell.app("purge", "-Q", "slow", stdin="n\n")
    assert asked.err.startswith("Messages that wait: 1 in slow. Delete them, and delayed ones? [y/N]: ")
    assert asked.err.endswith("Error: nothing was deleted\n")
    assert asked.code == 1
    assert shell.app("purge", "-Q", "slow,other", "-f").out == "slow: deleted 3 messages\nother: deleted 0 messages\n"


def test_purge_deletes_nothing_where_nobody_answers(shell: Shell) -> None:
    shell.app("call", "proj.add", "-a", "[1, 2]")
    silent = shell.app("purge")
    assert silent.err.endswith("Error: nothing was deleted: nobody answered; -f does not ask\n")
    assert silent.code == 1
    assert shell.app("purge", stdin="y\n").out == "celery: deleted 1 message\n"


def test_a_task_is_called_by_name_where_only_a_broker_is_named(start_worker: StartWorker, shell: Shell) -> None:
    worker = start_worker()
    url = next(line.split()[1] for line in worker.output.splitlines() if line.startswith("   broker"))
    done = shell.run("-b", url, "call", "proj.add", "-a", "[20, 22]", "--wait", "--timeout", "15")
    assert (done.code, done.out) == (0, "42\n")
    unknown = shell.run("-b", url, "call", "proj.unheard_of", "--wait", "--timeout", "15")
    assert "'proj.unheard_of' is not registered" in unknown.error


def test_the_app_comes_from_the_environment_too(shell: Shell) -> None:
    assert shell.run("call", "proj.add", "-a", "[1, 2]", UNDERSTUDY_APP="proj").code == 0
    assert shell.run("purge", "-f", UNDERSTUDY_APP="proj:app").out == "celery: deleted 1 message\n"


def test_modules_are_imported_from_the_working_directory_that_is_named(shell: Shell) -> None:
    shell.write("deep/inside/other.py", "from understudy import App\napp = App('other')\n")
    assert shell.run("--workdir", "deep/inside", "-A", "other", "purge", "-f").code == 0
    assert shell.run("-A", "deep/inside/other.py", "purge", "-f").code == 0
    assert shell.run("-A", "deep.inside.other", "purge", "-f").code == 0


def test_waiting_shows_the_state_unless_it_is_to_be_quiet(shell: Shell) -> None:
    assert shell.app("result", "x", "--timeout", "0.1").err.startswith("x is PENDING: waiting ...\n")
