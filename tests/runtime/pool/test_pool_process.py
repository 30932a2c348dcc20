"""A pool process, seen from its node: whatever it was sent is answered, taken back or known to be lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import is_running
from tests.support.waiting import wait_until
from understudy.runtime.pool.errors import StartFailed
from understudy.runtime.pool.exits import describe_exit
from understudy.runtime.pool.forking import ForkServer
from understudy.runtime.pool.platform import PACKET_LIMIT
from understudy.runtime.pool.process import PoolProcess

from .driving import answers, await_death, end, forkserver, job, resolve, run, spawn, tags, wait_readable


@pytest.fixture(scope="module")
def shared_server() -> Iterator[ForkServer]:
    with forkserver() as server:
        yield server


@pytest.fixture
def child(shared_server: ForkServer) -> Iterator[PoolProcess]:
    child = spawn(shared_server)
    yield child
    end(child)


def open_descriptors() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def begun(path: Path) -> int:
    """Wait until a toy task says that it runs; return its pid."""
    return int(wait_until(lambda: path.exists() and path.read_text(), what="the task's beginning"))


def test_an_outcome_comes_back_with_its_job_and_its_duration(child: PoolProcess) -> None:
    sent = job("echo hello", tag=7)
    assert child.send(sent)
    (finished,) = answers(child)
    assert finished.job == sent
    assert finished.outcome.tag == 7
    assert finished.outcome.reason == "hello"
    assert 0 < finished.seconds < 5


def test_jobs_are_answered_in_order(child: PoolProcess) -> None:
    for tag in range(10):
        assert child.send(job(f"echo {tag}", tag))
    assert [finished.outcome.reason for finished in answers(child, 10)] == [str(tag) for tag in range(10)]
    assert child.load == 0


def test_jobs_of_different_intakes_may_share_a_tag(child: PoolProcess) -> None:
    for body in ("echo one", "echo two"):
        assert child.send(job(body, tag=0))
    assert [(done.job.delivery.body, done.outcome.reason) for done in answers(child, 2)] == [
        (b"echo one", "one"),
        (b"echo two", "two"),
    ]


def test_a_post_mortem_fails_the_job_without_running_it(child: PoolProcess, tmp_path: Path) -> None:
    assert child.send(job(f"begin {tmp_path / 'begun'}", post_mortem="killed by SIGSEGV"))
    assert answers(child)[0].outcome.reason == "failed: killed by SIGSEGV"
    assert not (tmp_path / "begun").exists()


def test_a_kill_loses_the_running_job_and_no_other(child: PoolProcess, tmp_path: Path) -> None:
    bodies = ["echo a", "echo b", f"begin {tmp_path / 'begun'}", "echo c", "echo d"]
    for tag, body in enumerate(bodies):
        assert child.send(job(body, tag))
    begun(tmp_path / "begun")
    child.kill()
    remains = await_death(child)
    assert tags([finished.job for finished in remains.finished]) == [0, 1]
    assert tags(remains.lost) == [2]
    assert tags(remains.unread) == [3, 4]


def test_an_idle_process_that_dies_loses_nothing(child: PoolProcess) -> None:
    child.kill()
    wait_readable(child.sentinel)
    assert child.send(job("echo late"))
    remains = child.bury()
    assert (remains.finished, remains.lost) == ([], [])
    assert tags(remains.unread) == [1]


def test_every_unread_job_of_a_stopped_process_can_be_taken_back(child: PoolProcess, tmp_path: Path) -> None:
    assert child.send(job(f"begin {tmp_path / 'begun'}", 0))
    begun(tmp_path / "begun")
    os.kill(child.pid, signal.SIGSTOP)
    for tag in range(1, 51):
        assert child.send(job(f"echo {tag}", tag))
    assert tags(child.take_back()) == list(range(1, 51))
    assert child.load == 1
    assert child.take_back() == []


def test_a_live_process_goes_on_after_its_jobs_were_stolen(child: PoolProcess, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    for tag, body in enumerate([f"until {tmp_path / 'go'}", "echo stolen", "echo stolen"]):
        assert child.send(job(body, tag))
    with (tmp_path / "go").open("w") as pipe:  # opens when the task runs
        assert tags(child.take_back()) == [1, 2]
        pipe.write("went")
    assert answers(child)[0].outcome.reason == "went"
    assert run(child, "echo again") == "again"


def test_a_full_socket_refuses_a_job_and_keeps_the_others(child: PoolProcess, tmp_path: Path) -> None:
    assert child.send(job(f"begin {tmp_path / 'begun'}", 0))
    begun(tmp_path / "begun")
    sent = 0
    while child.send(job(b"length " + bytes(PACKET_LIMIT // 2), sent + 1)):
        sent += 1
    assert child.load == sent + 1
    assert tags(child.take_back()) == list(range(1, sent + 1))
    assert child.send(job("echo room again"))


def test_a_retired_process_ends_after_its_job_and_returns_the_rest(child: PoolProcess, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "go")
    for tag, body in enumerate([f"until {tmp_path / 'go'}", "echo not run", "echo not run"]):
        assert child.send(job(body, tag))
    with (tmp_path / "go").open("w") as pipe:
        assert tags(child.retire()) == [1, 2]
        assert child.take_back() == []
        assert not child.send(job("echo too late"))
        pipe.write("done")
    remains = await_death(child)
    assert [finished.outcome.reason for finished in remains.finished] == ["done"]
    assert (remains.unread, remains.lost) == ([], [])


def test_ten_megabytes_go_both_ways() -> None:
    with forkserver("load_large") as server:
        child = spawn(server)
        body = os.urandom(10_000_000)
        assert child.send(job(body))
        (finished,) = answers(child)
        assert finished.job.delivery.body == body
        assert finished.outcome.result is not None
        assert finished.outcome.result.payload == bytes(len(body))


def test_large_jobs_can_be_taken_back_too(child: PoolProcess, tmp_path: Path) -> None:
    assert child.send(job(f"begin {tmp_path / 'begun'}", 0))
    begun(tmp_path / "begun")
    descriptors = open_descriptors()
    sent = job(b"length " + bytes(1_000_000), 1)
    assert child.send(sent)
    assert child.take_back() == [sent]
    assert open_descriptors() == descriptors


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("exit 3", 3, "exit code 3"),
        ("die 9", -9, "killed by SIGKILL"),
        ("die 11", -11, "killed by SIGSEGV"),
        ("no_such_command", 1, "exit code 1"),
    ],
)
def test_the_status_says_how_it_ended(
    shared_server: ForkServer, body: str, code: int, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    child = spawn(shared_server)
    assert child.send(job(body))
    wait_readable(child.sentinel)
    assert resolve(child.reap(), shared_server, shared_server.receive) == code
    assert describe_exit(code) == words
    assert tags(child.bury().lost) == [1]


def test_unknown_exits_have_words_too() -> None:
    assert "not known" in describe_exit(None)
    assert describe_exit(-250) == "killed by signal 250"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_ends_a_whole_group_of_processes_does_not_concern_it(child: PoolProcess, number: signal.Signals) -> None:
    os.kill(child.pid, number)
    assert run(child, "echo alive") == "alive"


def test_a_live_process_cannot_be_buried(child: PoolProcess) -> None:
    with pytest.raises(RuntimeError, match="is alive"):
        child.bury()


def test_a_buried_process_is_closed_and_can_be_signalled_no_more() -> None:
    descriptors = open_descriptors()
    with forkserver() as server:
        child = spawn(server)
        child.kill()
        await_death(child)
        with pytest.raises(OSError, match="Bad file descriptor"):
            child.kill()
    assert open_descriptors() == descriptors


def test_a_process_that_dies_before_it_is_ready_fails_its_readiness(shared_server: ForkServer) -> None:
    child = resolve(shared_server.spawn(), shared_server, shared_server.receive)
    os.kill(child.pid, signal.SIGKILL)
    await_death(child)
    if child.ready.error() is not None:  # it may have been faster than the signal
        assert isinstance(child.ready.error(), StartFailed)


def test_it_has_its_socket_and_the_standard_streams_and_nothing_else(shared_server: ForkServer) -> None:
    others = [spawn(shared_server) for _ in range(2)]
    child = spawn(shared_server)
    opened = dict(line.split(" ", 1) for line in run(child, "descriptors").splitlines())
    assert opened["0"] == "/dev/null"
    beyond = [link for fd, link in opened.items() if int(fd) > 2]
    assert len(beyond) == 1, opened
    assert beyond[0].startswith("socket:")
    assert run(child, "inheritable") == ""
    assert all(is_running(other.pid) for other in others)


def test_signal_handlers_of_the_import_are_not_inherited() -> None:
    with forkserver("load_handled") as server:
        assert run(spawn(server), "handlers") == "SIG_IGN _go_on SIG_DFL"


def test_random_numbers_differ_between_processes(shared_server: ForkServer) -> None:
    assert len({run(spawn(shared_server), "random") for _ in range(3)}) == 3


def test_a_process_that_a_task_forks_takes_no_part_in_the_pool(child: PoolProcess) -> None:
    assert child.send(job("fork", 1))
    assert child.send(job("echo next", 2))
    assert [finished.outcome.reason for finished in answers(child, 2)] == ["parent", "next"]
