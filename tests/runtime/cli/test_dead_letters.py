"""`dead list`, `dead retry` and `dead discard`, with tasks that end their processes."""

from __future__ import annotations

import json
import re
from typing import cast

import pytest

from understudy import App
from understudy.runtime.cli.commands.dead import make_pending
from understudy.runtime.exceptions import WorkerLostError
from understudy.transports.embedded.transport import SqliteTransport
from understudy.transports.message import Outcome, Result, Verdict

from .conftest import StartWorker
from .shell import Shell

REASON = "it could not be read\n  at all"


@pytest.fixture
def dead(client: App) -> list[str]:
    """The ids of two messages that a node has given up, the older one first."""
    tasks = [client.send_task("proj.add", [number, 1]) for number in range(2)]
    transport = cast("SqliteTransport", client.transport)
    writer = transport.start_writer()
    intake = transport.intake(["celery"], "boot.1")
    for delivery in intake.fetch(2).get(timeout=10):
        intake.settle([Outcome(delivery.tag, Verdict.DEAD, reason=REASON)]).get(timeout=5)
    intake.close().get(timeout=5)
    writer.stop()
    client.close()
    return [task.id for task in tasks]


def test_a_list_has_a_line_for_each_letter(dead: list[str], shell: Shell) -> None:
    lines = [line.split("\t") for line in shell.app("dead", "list").out.splitlines()]
    assert [line[0] for line in lines] == dead
    for _, task, queue, since, losses, reason in lines:
        assert (task, queue, losses) == ("proj.add", "celery", "0")
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", since)
        assert reason == "it could not be read at all"


def test_a_list_on_a_terminal_is_a_table(dead: list[str], shell: Shell) -> None:
    heading, first, reason, *_ = shell.terminal("-A", "proj", "dead", "list").splitlines()
    assert re.fullmatch(r"\033\[1mid +task +queue +since\033\[0m", heading)
    assert re.fullmatch(rf"{dead[0]}  proj\.add  celery  \d+ s ago", first)
    assert "it could not be read at all" in reason


def test_a_list_as_json_has_the_arguments_too(dead: list[str], shell: Shell) -> None:
    first, second = json.loads(shell.app("dead", "list", "--json").out)
    assert [first["id"], second["id"]] == dead
    assert (first["task"], first["args"], first["kwargs"]) == ("proj.add", "(0, 1)", "{}")


def test_a_list_is_limited_and_says_so(dead: list[str], shell: Shell) -> None:
    listed = shell.app("dead", "list", "--limit", "1")
    assert listed.out.startswith(dead[0])
    assert listed.out.count("\n") == 1
    assert listed.err == "There are more than 1; --limit shows more.\n"
    assert shell.app("dead", "list", "-Q", "other") == (0, "", "There are no dead letters.\n")


def test_letters_are_put_back_one_by_one_or_all_at_once(dead: list[str], shell: Shell) -> None:
    one = shell.app("dead", "retry", dead[0], "nobody")
    assert one.out == f"{dead[0]}\n"
    assert one.err == "1 put back\nError: not among the dead letters: nobody\n"
    assert one.code == 1
    assert shell.app("dead", "retry", "--all") == (0, f"{dead[1]}\n", "1 put back\n")
    assert shell.app("purge", "-f").out == "celery: deleted 2 messages\n"


def test_what_is_put_back_is_pending_in_a_store_of_another_kind_too() -> None:
    with App("proj", broker="memory://letters", backend="memory://their-results", set_as_current=False) as app:
        names = ["one", "two", "alive"]
        for name in names:
            app.send_task("proj.add", task_id=name)
        app.results.store([Result(name, "FAILURE", b"{}") for name in names]).get(timeout=5)
        intake = app.transport.intake(["celery"], "boot.1")
        dead = [Outcome(one.tag, Verdict.DEAD, reason=REASON) for one in intake.fetch(3).get(timeout=5)][:2]
        intake.settle(dead).get(timeout=5)

        make_pending(app, ["one", "alive"], None)
        assert app.results.get(names).get(timeout=5) == [None, b"{}", b"{}"]
        make_pending(app, (), "celery")
        assert app.results.get(names).get(timeout=5) == [None, None, b"{}"]


def test_letters_are_discarded_one_by_one_or_all_at_once(dead: list[str], shell: Shell) -> None:
    assert shell.app("dead", "discard", dead[1]).out == f"{dead[1]}\n"
    asked = shell.app("dead", "discard", "--all")
    assert asked.err.endswith("Error: nothing was deleted: nobody answered; -f does not ask\n")
    assert asked.code == 1
    assert shell.app("dead", "discard", "--all", "-f") == (0, f"{dead[0]}\n", "1 deleted\n")
    assert shell.app("dead", "list") == (0, "", "There are no dead letters.\n")


def test_a_task_that_ends_its_process_becomes_a_letter_and_again_when_it_is_retried(
    start_worker: StartWorker, client: App, shell: Shell
) -> None:
    start_worker()
    task = client.send_task("proj.die")
    with pytest.raises(WorkerLostError):
        task.get(timeout=15)
    fields = shell.app("dead", "list").out.rstrip("\n").split("\t")
    assert fields[0] == task.id
    assert fields[4:] == ["2", "its pool process ended 3 times while it ran it, the last time exit code 3"]
    assert shell.app("dead", "retry", task.id).out == f"{task.id}\n"
    with pytest.raises(WorkerLostError):
        client.AsyncResult(task.id).get(timeout=15)
    assert [letter.id for letter in client.transport.dead_letters().list().get(timeout=5)] == [task.id]
